//! A table as rows of fields, and the ways in which programs write one down.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Rows of fields, the header first.
#[derive(Clone, Debug)]
pub(crate) struct Grid(pub(crate) Vec<Vec<String>>);

/// How a table is written; every way means the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    delimiter: char,
    end: &'static str,
    encoding: Encoding,
    /// Every field in quotes, not only those that need them.
    quotes: bool,
    /// Excel's `sep=;` before everything else.
    told: bool,
    /// Empty lines between the rows.
    gaps: bool,
    /// Empty columns behind the last.
    pub(crate) empty: usize,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf8 { marked: bool },
    Utf16 { little: bool, marked: bool },
}

impl Style {
    pub(crate) fn plain() -> Self {
        Self {
            delimiter: ',',
            end: "\n",
            encoding: Encoding::Utf8 { marked: false },
            quotes: false,
            told: false,
            gaps: false,
            empty: 0,
        }
    }

    pub(crate) fn any(chance: &mut ChaCha8Rng) -> Self {
        let marked = chance.random();
        Self {
            delimiter: [',', ';', '\t', '|'][chance.random_range(0..4)],
            end: ["\n", "\r\n", "\r"][chance.random_range(0..3)],
            encoding: match chance.random_range(0..3) {
                0 => Encoding::Utf16 {
                    little: chance.random(),
                    marked,
                },
                _ => Encoding::Utf8 { marked },
            },
            quotes: chance.random_ratio(1, 4),
            told: chance.random_ratio(1, 4),
            gaps: chance.random_ratio(1, 6),
            empty: [0, 0, 0, 1, 40][chance.random_range(0..5)],
        }
    }
}

impl Grid {
    pub(crate) fn of(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Self {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        Self(std::iter::once(header).chain(rows).collect())
    }

    /// The column of that name; the first where there is none.
    pub(crate) fn column(&self, name: &str) -> usize {
        let at = self.0[0].iter().position(|column| column == name);
        at.unwrap_or(0)
    }

    /// The index of a row of images, any of them.
    pub(crate) fn any_row(&self, chance: &mut ChaCha8Rng) -> usize {
        chance.random_range(1..self.0.len())
    }

    /// The bytes of the file.
    pub(crate) fn written(&self, style: &Style) -> Vec<u8> {
        let mut text = String::new();
        if style.told {
            text += &format!("sep={}{}", style.delimiter, style.end);
        }
        for row in &self.0 {
            let fields: Vec<String> = row.iter().map(|field| quoted(field, style)).collect();
            text += &fields.join(&style.delimiter.to_string());
            text.extend(std::iter::repeat_n(style.delimiter, style.empty));
            text += style.end;
            if style.gaps {
                text += style.end;
            }
        }
        encoded(&text, style.encoding)
    }
}

fn quoted(field: &str, style: &Style) -> String {
    let odd = |c: char| c == style.delimiter || ['"', '\r', '\n'].contains(&c);
    match style.quotes || field.contains(odd) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    let marked = |marked: bool| match marked {
        true => format!("\u{feff}{text}"),
        false => text.to_owned(),
    };
    match encoding {
        Encoding::Utf8 { marked: m } => marked(m).into_bytes(),
        Encoding::Utf16 { little, marked: m } => {
            let units = marked(m).encode_utf16().collect::<Vec<u16>>();
            let bytes = |unit: u16| match little {
                true => unit.to_le_bytes(),
                false => unit.to_be_bytes(),
            };
            units.into_iter().flat_map(bytes).collect()
        }
    }
}
