//! Tables of text as people keep them: between commas, tabs or Excel's semicolons, in any of the encodings in use.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use pellucid_shared::files;

/// What may stand between two fields.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// A row for each of ten million images, and some more.
const MOST_BYTES: u64 = 1 << 30;

/// A table with named columns.
pub(super) struct Table {
    pub(super) path: PathBuf,
    /// The names of the columns, in lower case with `_` between words.
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A line of a table.
pub(super) struct Row {
    /// Its number in the file, from 1.
    pub(super) line: u64,
    fields: Vec<String>,
}

impl Row {
    /// A field as it stands there.
    pub(super) fn field(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", |field| field)
    }
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let place = path.display();
        let bytes = files::read(path, MOST_BYTES)
            .with_context(|| format!("the table {place} cannot be read"))?;
        Self::parse(path, &text(&bytes))
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let place = path.display();
        let (text, skipped) = without_separator_line(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter(text) as u8)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let damaged = || format!("the table {place} is damaged: copy it again");
        let mut header: Vec<String> = vec![];
        let mut rows = vec![];
        for record in reader.records() {
            let record = record.with_context(damaged)?;
            let line = record.position().map_or(0, csv::Position::line) + skipped;
            let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
            if header.is_empty() {
                header = fields.iter().map(|name| plain(name)).collect();
                // Excel writes columns that were once used.
                while header.last().is_some_and(String::is_empty) {
                    header.pop();
                }
                continue;
            }
            if fields.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            while fields.len() > header.len() && fields.last().is_some_and(String::is_empty) {
                fields.pop();
            }
            ensure!(
                fields.len() == header.len(),
                "the table {place} is damaged: line {line} has {} fields and its first line {}: copy it again",
                fields.len(),
                header.len()
            );
            rows.push(Row { line, fields });
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            rows,
        })
    }

    /// The first column that bears one of these names, the first name first.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names
            .iter()
            .find_map(|name| self.header.iter().position(|column| column == name))
    }
}

/// A column's name as it is compared.
fn plain(name: &str) -> String {
    let name = name.trim().trim_matches(['"', '\'', '\u{feff}']).trim();
    name.to_lowercase().replace([' ', '-', '.'], "_")
}

/// What stands most often in the first line.
fn delimiter(text: &str) -> char {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let count = |delimiter: &char| line.map_or(0, |line| line.matches(*delimiter).count());
    // Of equals the last wins, which the comma shall be.
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(',')
}

/// Excel reads and writes `sep=;` before everything else.
fn without_separator_line(text: &str) -> (&str, u64) {
    let first = text.lines().next().unwrap_or_default();
    if first.to_lowercase().trim_matches('"').starts_with("sep=") {
        (text[first.len()..].trim_start_matches(['\r', '\n']), 1)
    } else {
        (text, 0)
    }
}

/// The text of a file in UTF-8 or UTF-16, with a byte order mark or without; anything else is taken for Latin-1, of which
/// every byte is a character.
fn text(bytes: &[u8]) -> String {
    let sixteen = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| from(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => sixteen(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => sixteen(rest, u16::from_be_bytes),
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 => sixteen(bytes, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a > 0 && *b > 0 => sixteen(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Table> {
        Table::parse(Path::new("t.csv"), &text(bytes))
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_and_delimiter_is_read_alike() {
        let plain = "Image ID,dx,\"age\"\r\nI1,nv,\"80,0\"\r\nGröße,mel,\r\n";
        let semicolons = "sep=;\nimage-id;DX;age\nI1;nv;80,0\nGröße;mel;\n\n";
        let tabs = "image_id\tdx\tage\t\t\nI1\tnv\t80,0\t\t\nGröße\tmel\t\t\t\n";
        let bars = "Image ID|dx|age\nI1|nv|80,0\nGröße|mel|\n";
        let latin: Vec<u8> = semicolons.chars().map(|c| c as u8).collect();
        let marked = |bytes: Vec<u8>, mark: &[u8]| [mark, &bytes].concat();
        for bytes in [
            plain.into(),
            semicolons.into(),
            tabs.into(),
            bars.into(),
            latin,
            marked(plain.into(), b"\xEF\xBB\xBF"),
            marked(utf16(semicolons, u16::to_le_bytes), b"\xFF\xFE"),
            marked(utf16(tabs, u16::to_be_bytes), b"\xFE\xFF"),
            utf16(tabs, u16::to_le_bytes),
            utf16(plain, u16::to_be_bytes),
        ] {
            let table = read(&bytes).unwrap();
            assert_eq!(table.header, ["image_id", "dx", "age"]);
            let rows: Vec<_> = table
                .rows
                .iter()
                .map(|row| [0, 1, 2].map(|c| row.field(c)))
                .collect();
            assert_eq!(rows, [["I1", "nv", "80,0"], ["Größe", "mel", ""]]);
            assert_eq!(table.column(&["image", "image_id"]), Some(0));
        }
    }

    #[test]
    fn a_row_of_another_length_is_named_by_its_line() {
        let error = read(b"a,b\n1,2\n5,6\n3\n").err().unwrap().to_string();
        assert!(
            error.contains("line 4 has 1 fields and its first line 2"),
            "{error}"
        );
        let error = read(b"sep=,\na,b\n1,2,3\n").err().unwrap().to_string();
        assert!(error.contains("line 3"), "{error}");
    }

    #[test]
    fn an_empty_file_is_an_empty_table() {
        for bytes in [&b""[..], b"\n\n", b"\xFF\xFE", b"\0"] {
            assert!(read(bytes).unwrap().rows.is_empty());
        }
    }
}
