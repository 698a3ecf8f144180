//! Which images show one lesion, where a table of its own says it, as in ISIC 2018.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::image_of;
use super::labels::{IMAGE, LESION, LabelsError};
use super::table::Table;

/// The lesion of each image that the table knows one of, by the image's name without an ending.
///
/// # Errors
/// Where a column is missing, or an image is said to show two lesions.
pub fn lesions(table: &Table) -> Result<HashMap<String, String>, LabelsError> {
    let column = |names: &[&'static str]| {
        let missing = || LabelsError::Column {
            path: table.path.clone(),
            wanted: names[0],
            columns: table.header.clone(),
        };
        table.column(names)?.ok_or_else(missing)
    };
    let (image, lesion) = (column(&IMAGE)?, column(&LESION)?);
    let mut lesions = HashMap::new();
    for row in table.rows() {
        let (image, lesion) = (image_of(row.field(image)), row.field(lesion).trim());
        if image.is_empty() || lesion.is_empty() {
            continue;
        }
        match lesions.entry(image.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(lesion.to_owned());
            }
            Entry::Occupied(known) if known.get() == lesion => {}
            Entry::Occupied(_) => {
                return Err(LabelsError::TwoLesions {
                    path: table.path.clone(),
                    line: row.line(),
                    image: image.to_owned(),
                });
            }
        }
    }
    Ok(lesions)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<HashMap<String, String>, String> {
        let table = Table::parse(Path::new("t.csv"), text.as_bytes()).unwrap();
        lesions(&table).map_err(|error| error.to_string())
    }

    #[test]
    fn an_image_shows_one_lesion_and_what_is_empty_says_nothing() {
        let found = read("image,lesion_id\na/I1.jpg, L1\nI1,L1\nI2,\n").unwrap();
        assert_eq!(found, HashMap::from([("I1".into(), "L1".into())]));
        let said = read("image,lesion_id\nI1,L1\nI1,L2\n").unwrap_err();
        assert!(said.contains("line 3") && said.contains("I1"), "{said}");
        let said = read("image,patient\nI1,L1\n").unwrap_err();
        assert!(said.contains("no column `lesion_id`"), "{said}");
    }
}
