//! Tables, and what they say of images.

use std::collections::HashSet;
use std::path::Path;

use pellucid_shared::card::Class;
use pellucid_tables::{Label, Table, is_labels, labels, lesions};

use super::tell;

/// How many times its file's bytes the fields of a table may take: Latin-1 doubles its own when it is decoded.
const MOST_TIMES: usize = 2;
/// Larger tables are not written again: quotes make lines longer than they were.
const LARGEST_WRITTEN: usize = 1 << 17;

/// Reads a table, and the labels in it. Either fails with an error that says something; or every row has a field in every column,
/// and table and labels can be written and are the same when they are read again.
///
/// # Panics
/// Where that does not hold: a fault in `pellucid-tables`.
pub fn tabled(bytes: &[u8]) {
    let table = match read(bytes) {
        Ok(table) => table,
        Err(error) => return tell(&error),
    };
    let mut before = 0;
    let mut size = 0;
    for row in table.rows() {
        assert!(row.line() > before, "rows are numbered in their order");
        before = row.line();
        let fields = (0..table.header.len()).map(|column| row.field(column));
        size += fields.map(str::len).sum::<usize>();
        assert_eq!(row.field(table.header.len()), "");
    }
    assert!(size <= MOST_TIMES * bytes.len(), "{size} bytes of fields");
    for name in &table.header {
        match table.column(&[name]) {
            Ok(column) => assert_eq!(table.header.iter().position(|n| n == name), column),
            Err(error) => tell(&error),
        }
    }
    if bytes.len() <= LARGEST_WRITTEN {
        written_again(&table);
    }
    labelled(&table);
}

fn read(bytes: &[u8]) -> Result<Table, pellucid_tables::TableError> {
    Table::parse(Path::new("table.csv"), bytes)
}

/// As a careful program writes a table: marked as UTF-8, every field in quotes.
fn written<T: AsRef<[u8]>>(rows: impl Iterator<Item = Vec<T>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .flexible(true)
        .from_writer(b"\xEF\xBB\xBF".to_vec());
    for row in rows {
        writer
            .write_record(row)
            .expect("memory takes what is written");
    }
    writer.into_inner().expect("memory takes what is written")
}

fn written_again(table: &Table) {
    // Excel's line before the table is no column.
    if table
        .header
        .first()
        .is_none_or(|name| name.starts_with("sep="))
    {
        return;
    }
    let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
    let columns = 0..table.header.len();
    let rows = table.rows();
    let rows = rows.map(|row| columns.clone().map(|column| row.field(column)).collect());
    let again = read(&written(std::iter::once(header).chain(rows)));
    let again = again.expect("what was written can be read");
    assert_eq!(again.header, table.header);
    assert_eq!(again.rows().count(), table.rows().count());
    for (one, other) in again.rows().zip(table.rows()) {
        for column in columns.clone() {
            assert_eq!(one.field(column), other.field(column));
        }
    }
}

fn labelled(table: &Table) {
    match lesions(table) {
        Ok(lesions) => assert!(
            lesions
                .iter()
                .all(|(image, lesion)| !image.is_empty() && !lesion.is_empty())
        ),
        Err(error) => tell(&error),
    }
    let known = classes();
    let found = match labels(table, &known) {
        Ok(found) => found,
        Err(error) => return tell(&error),
    };
    assert!(is_labels(table, &known));
    assert_eq!(found.len(), table.rows().count());
    let names: HashSet<&str> = found.iter().map(|label| &label.image[..]).collect();
    assert_eq!(names.len(), found.len(), "an image has one label");
    for Label { image, lesion, .. } in &found {
        assert!(!image.is_empty() && lesion.as_deref() != Some(""));
    }
    let is_known = |label: &&Label| known.iter().any(|class| class.code == label.class);
    let kept: Vec<&Label> = found.iter().filter(is_known).collect();
    let columns = match kept.iter().all(|label| label.lesion.is_some()) {
        true => 3,
        false => 2,
    };
    let rows = kept.iter().map(|label| {
        // Behind a path and before an ending, so that a name is taken as it is.
        let image = format!("images/{}.jpg", label.image);
        let lesion = label.lesion.clone().unwrap_or_default();
        vec![label.class.clone(), image, lesion]
    });
    let header = ["dx", "image_id", "lesion_id"].map(String::from).to_vec();
    let rows = std::iter::once(header).chain(rows);
    let again = read(&written(rows.map(|mut row| {
        row.truncate(columns);
        row
    })));
    // Quotes make lines longer than they were.
    let Ok(again) = again else {
        return;
    };
    let again = labels(&again, &known).expect("what was written can be read");
    for (label, again) in kept.iter().zip(&again) {
        assert_eq!((&again.image, &again.class), (&label.image, &label.class));
        assert_eq!(again.lesion, label.lesion.clone().filter(|_| columns == 3));
    }
    assert_eq!(again.len(), kept.len());
}

/// Classes as HAM10000 has them.
fn classes() -> Vec<Class> {
    let class = |(code, name): (&str, &str)| Class {
        code: code.into(),
        name: name.into(),
    };
    [
        ("nv", "melanocytic nevus"),
        ("mel", "melanoma"),
        ("bkl", "benign keratosis"),
    ]
    .map(class)
    .to_vec()
}
