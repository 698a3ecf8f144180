//! A table with named columns.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use pellucid_shared::files;

use super::decode::{delimiter, reader, text, without_separator_line};
use super::error::{MOST_COLUMNS, TableError};
use super::lines::{Lines, long_line};

/// A row for each of two million images. Read, a table takes at most some fifteen times its bytes, however
/// short its fields are.
const MOST_BYTES: u64 = 1 << 27;

/// A table with named columns. Every row has a field in every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it lies.
    pub path: PathBuf,
    /// The names of the columns, in lower case with `_` between words.
    pub header: Vec<String>,
    /// All fields behind one another, and where each ends: a million short fields take no million allocations.
    text: String,
    ends: Vec<u32>,
    /// The line in the file that each row begins at.
    lines: Vec<u64>,
}

/// A line of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    index: usize,
}

impl<'a> Row<'a> {
    /// Its number in the file, from 1.
    #[must_use]
    pub fn line(self) -> u64 {
        self.table.lines[self.index]
    }

    /// A field as it stands there; empty beyond the last column.
    #[must_use]
    pub fn field(self, column: usize) -> &'a str {
        let Table {
            header, text, ends, ..
        } = self.table;
        if column >= header.len() {
            return "";
        }
        let at = self.index * header.len() + column;
        let end = |at: usize| ends[at] as usize;
        let start = at.checked_sub(1).map_or(0, end);
        &text[start..end(at)]
    }
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// As [`Table::parse`], and where the file cannot be read or is larger than any such table.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let unreadable = |source| TableError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let bytes = files::read(path, MOST_BYTES).map_err(unreadable)?;
        Self::parse(path, &bytes)
    }

    /// Reads the bytes of the file that lies there. Empty rows, and columns without name and content behind the last, are left out.
    ///
    /// # Errors
    /// Where a row has another number of fields than the first, or lines or columns are beyond those of any such table.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TableError> {
        let text = text(bytes);
        if let Some((line, bytes)) = long_line(&text) {
            let path = path.to_owned();
            return Err(TableError::LongLine { path, line, bytes });
        }
        let (text, skipped) = without_separator_line(&text);
        let mut table = Self {
            path: path.to_owned(),
            header: vec![],
            text: String::new(),
            ends: vec![],
            lines: vec![],
        };
        let mut reader = reader(text, delimiter(text));
        let mut record = StringRecord::new();
        let mut lines = Lines::of(text, skipped + 1);
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return Ok(table),
                Err(source) => {
                    let path = path.to_owned();
                    return Err(TableError::Damaged { path, source });
                }
            }
            let line = lines.of_record(&record);
            if table.header.is_empty() {
                table.name_columns(&record)?;
            } else {
                table.add(line, &record)?;
            }
        }
    }

    fn name_columns(&mut self, record: &StringRecord) -> Result<(), TableError> {
        // Excel writes columns that were once used.
        let nameless = record
            .iter()
            .rev()
            .take_while(|name| plain(name).is_empty());
        let columns = record.len() - nameless.count();
        if columns > MOST_COLUMNS {
            return Err(TableError::Columns {
                path: self.path.clone(),
                found: columns,
            });
        }
        self.header = record.iter().take(columns).map(plain).collect();
        Ok(())
    }

    fn add(&mut self, line: u64, record: &StringRecord) -> Result<(), TableError> {
        if record.iter().all(|field| field.trim().is_empty()) {
            return Ok(());
        }
        let columns = self.header.len();
        let empty = record.iter().rev().take_while(|field| field.is_empty());
        // Those behind the last column.
        let empty = empty.count().min(record.len().saturating_sub(columns));
        let found = record.len() - empty;
        if found != columns {
            return Err(TableError::Uneven {
                path: self.path.clone(),
                line,
                found,
                columns,
            });
        }
        for field in record.iter().take(columns) {
            self.text.push_str(field);
            // Decoded, a file is at most twice as long as it may be.
            self.ends.push(self.text.len() as u32);
        }
        self.lines.push(line);
        Ok(())
    }

    /// Its rows in their order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.lines.len()).map(|index| Row { table: self, index })
    }

    /// The column that bears one of these names, the first name first.
    ///
    /// # Errors
    /// [`TableError::Doubled`] where two columns bear it: they may say different things.
    pub fn column(&self, names: &[&str]) -> Result<Option<usize>, TableError> {
        for &name in names {
            let named = |column: &usize| self.header[*column] == name;
            let mut columns = (0..self.header.len()).filter(named);
            match (columns.next(), columns.next()) {
                (None, _) => {}
                (column, None) => return Ok(column),
                _ => {
                    return Err(TableError::Doubled {
                        path: self.path.clone(),
                        name: name.to_owned(),
                    });
                }
            }
        }
        Ok(None)
    }
}

/// A column's name as it is compared.
fn plain(name: &str) -> String {
    let around = |c: char| c.is_whitespace() || ['"', '\'', '\u{feff}'].contains(&c);
    let name = name.trim_matches(around);
    name.to_lowercase().replace([' ', '-', '.'], "_")
}

#[cfg(test)]
mod tests {
    use super::super::lines::LONGEST_LINE;
    use super::*;

    fn read(bytes: &[u8]) -> Result<Table, TableError> {
        Table::parse(Path::new("t.csv"), bytes)
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
            plain.replace("\r\n", "\r").into(),
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
                .rows()
                .map(|row| [0, 1, 2].map(|c| row.field(c)))
                .collect();
            assert_eq!(rows, [["I1", "nv", "80,0"], ["Größe", "mel", ""]]);
            assert_eq!(table.rows().next().unwrap().field(3), "");
            assert_eq!(table.column(&["image", "image_id"]).unwrap(), Some(0));
            assert_eq!(table.column(&["image"]).unwrap(), None);
        }
    }

    #[test]
    fn a_row_of_another_length_is_named_by_its_line() {
        let said = |bytes| read(bytes).err().unwrap().to_string();
        for (bytes, words) in [
            (&b"a,b\n1,2\n5,6\n3\n"[..], "line 4 has 1 fields"),
            (b"sep=,\na,b\n1,2,3\n", "line 3 has 3 fields"),
            (b"sep=,\n\na,b\n1,2,3\n", "line 4 has 3 fields"),
            (b"a,b\r\n1,2\r\n\r\n\r\n5\r\n", "line 5 has 1 fields"),
            (b"a,b\r1,2\r\r5\r", "line 4 has 1 fields"),
            (b"a,b\n\"1\n\n\",2\n5\n", "line 5 has 1 fields"),
            (b"a,b\n1,2,,3,,\n", "line 2 has 4 fields"),
            (b"a,b\n1\n", "line 2 has 1 fields and its first line 2"),
        ] {
            assert!(said(bytes).contains(words), "{}", said(bytes));
        }
    }

    #[test]
    fn of_two_columns_of_one_name_none_is_taken() {
        let table = read(b"image,dx,Image,,\na,b,c,,\n").unwrap();
        let said = table.column(&["image"]).unwrap_err().to_string();
        assert!(said.contains("the column `image` twice"), "{said}");
        assert_eq!(table.column(&["dx", "image"]).unwrap(), Some(1));
    }

    #[test]
    fn an_empty_file_is_an_empty_table() {
        for bytes in [&b""[..], b"\n\n", b"\xFF\xFE", b"\0", b",,,\n,,\n"] {
            assert_eq!(read(bytes).unwrap().rows().count(), 0);
        }
    }

    #[test]
    fn what_no_table_of_images_has_is_refused_before_it_takes_memory() {
        let many = format!("{}\n1,2\n", "a,".repeat(300_000));
        let long = format!("a,b\n1,{}\n", "x".repeat(LONGEST_LINE));
        for (text, words) in [
            (&many[..], "has 300000 columns"),
            (&long, "line 2 has 1048578 bytes"),
            (&"a,".repeat(1_000_000), "line 1 has 2000000 bytes"),
        ] {
            let said = read(text.as_bytes()).err().unwrap().to_string();
            assert!(said.contains(words), "{said}");
        }
        // Empty columns that Excel leaves are none.
        let wide = format!("a,b{}\n1,2\n", ",".repeat(300_000));
        assert_eq!(read(wide.as_bytes()).unwrap().header, ["a", "b"]);
    }
}
