//! What a table says of dermoscopic images: which class, which lesion.

use std::collections::HashSet;
use std::path::PathBuf;

use pellucid_shared::card::Class;
use pellucid_shared::said;
use thiserror::Error;

use super::classes::{ClassError, Form, class, known_code};
use super::error::TableError;
use super::image_of;
use super::table::Table;

/// The names under which columns go: as published, in the ISIC archive and challenges, and as people rename them.
pub(crate) const IMAGE: [&str; 11] = [
    "image_id",
    "image",
    "isic_id",
    "image_name",
    "img_id",
    "imageid",
    "filename",
    "file_name",
    "file",
    "name",
    "id",
];
pub(crate) const LESION: [&str; 4] = ["lesion_id", "lesion", "lesionid", "lesion_group"];
const DIAGNOSIS: [&str; 7] = [
    "dx",
    "diagnosis",
    "class",
    "label",
    "category",
    "target",
    "diagnosis_1",
];

/// Columns that a message lists.
const LISTED: usize = 20;

/// Why a table does not say what its images show.
#[derive(Debug, Error)]
pub enum LabelsError {
    /// Two columns bear one name.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A column is missing.
    #[error(
        "the table {} has no column `{wanted}`, only {}: rename the one that is meant",
        .path.display(), listed(columns)
    )]
    Column {
        /// Its place.
        path: PathBuf,
        /// The usual name of what is missing.
        wanted: &'static str,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// A row says no class.
    #[error("line {line} of {}", .path.display())]
    Class {
        /// Its place.
        path: PathBuf,
        /// The row's line, from 1.
        line: u64,
        /// Why not.
        source: ClassError,
    },
    /// A row does not say which image or which lesion.
    #[error(
        "line {line} of {} lacks its lesion_id or image_id: copy the table again",
        .path.display()
    )]
    Nameless {
        /// Its place.
        path: PathBuf,
        /// The row's line, from 1.
        line: u64,
    },
    /// An image is said to show two lesions.
    #[error(
        "line {line} of {} gives the image {} another lesion than an earlier line: correct one of them",
        .path.display(), said::name(image)
    )]
    TwoLesions {
        /// Its place.
        path: PathBuf,
        /// The later row's line, from 1.
        line: u64,
        /// The image.
        image: String,
    },
    /// An image has two rows.
    #[error(
        "line {line} of {} names the image {} a second time: remove one of the rows",
        .path.display(), said::name(image)
    )]
    Twice {
        /// Its place.
        path: PathBuf,
        /// The second row's line, from 1.
        line: u64,
        /// The image.
        image: String,
    },
}

/// The first of a table's columns, for a message.
fn listed(columns: &[String]) -> String {
    let named = columns.iter().take(LISTED);
    let named: Vec<String> = named
        .map(|name| format!("`{}`", said::name(name)))
        .collect();
    match columns.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The image's name without an ending.
    pub image: String,
    /// The code of its class.
    pub class: String,
    /// Its lesion, where the table knows it.
    pub lesion: Option<String>,
}

/// Whether the columns are those of a table of labelled images, be it that one is there twice.
#[must_use]
pub fn is_labels(table: &Table, known: &[Class]) -> bool {
    let image = !matches!(table.column(&IMAGE), Ok(None));
    image && !matches!(form(table, known), Ok(None))
}

fn form(table: &Table, known: &[Class]) -> Result<Option<Form>, TableError> {
    if let Some(class) = table.column(&DIAGNOSIS)? {
        return Ok(Some(Form::Named { class }));
    }
    let code = |name: &String| known_code(name, known);
    if table.header.iter().filter_map(code).count() < 2 {
        return Ok(None);
    }
    // Later challenges have classes that HAM10000 does not know.
    let [image, lesion] = [table.column(&IMAGE)?, table.column(&LESION)?];
    let columns = (0..)
        .zip(&table.header)
        .filter(|(at, _)| ![image, lesion].contains(&Some(*at)));
    let classes = columns.map(|(at, name)| (code(name).unwrap_or_else(|| name.clone()), at));
    Ok(Some(Form::OneHot(classes.collect())))
}

/// Reads the rows of a table.
///
/// # Errors
/// Where a column is missing, or a row lacks its image or lesion, has no class or several, or repeats an image.
pub fn labels(table: &Table, known: &[Class]) -> Result<Vec<Label>, LabelsError> {
    let path = || table.path.clone();
    let missing = |names: &[&'static str]| LabelsError::Column {
        path: path(),
        wanted: names[0],
        columns: table.header.clone(),
    };
    let image = table.column(&IMAGE)?.ok_or_else(|| missing(&IMAGE))?;
    let form = form(table, known)?.ok_or_else(|| missing(&DIAGNOSIS))?;
    let lesion = table.column(&LESION)?;
    let mut seen = HashSet::new();
    let mut labels = vec![];
    for row in table.rows() {
        let line = row.line();
        let class = class(&form, row, known).map_err(|source| LabelsError::Class {
            path: path(),
            line,
            source,
        })?;
        let image = image_of(row.field(image)).to_owned();
        let lesion = lesion.map(|column| row.field(column).trim().to_owned());
        if image.is_empty() || lesion.as_deref() == Some("") {
            return Err(LabelsError::Nameless { path: path(), line });
        }
        // As files are found: in whatever case.
        if !seen.insert(image.to_lowercase()) {
            let path = path();
            return Err(LabelsError::Twice { path, line, image });
        }
        labels.push(Label {
            image,
            class,
            lesion,
        });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Vec<Label>, String> {
        let known = [("nv", "melanocytic nevus"), ("mel", "melanoma")].map(|(code, name)| Class {
            code: code.into(),
            name: name.into(),
        });
        let table = Table::parse(Path::new("t.csv"), text.as_bytes()).unwrap();
        labels(&table, &known).map_err(|error| match &error {
            LabelsError::Class { source, .. } => format!("{error}: {source}"),
            other => other.to_string(),
        })
    }

    #[test]
    fn an_image_is_named_by_its_file_in_whatever_folder() {
        let found = read("image,dx,lesion\na/b/I.1.JPG , NV,L1\nI.2,Melanoma,L1\n").unwrap();
        let images: Vec<&str> = found.iter().map(|label| &label.image[..]).collect();
        assert_eq!(images, ["I.1", "I.2"]);
        assert_eq!([&found[0].class[..], &found[1].class], ["nv", "mel"]);
    }

    #[test]
    fn what_says_two_things_is_refused() {
        for (text, reason) in [
            ("image,dx,image\nI1,nv,I2\n", "the column `image` twice"),
            ("image,dx,DX\nI1,nv,mel\n", "the column `dx` twice"),
            (
                "image,dx\nI1,nv\ni1,mel\n",
                "names the image i1 a second time",
            ),
            ("image,dx\nI1,nv\nx/I1.jpg,mel\n", "a second time"),
            ("image,mel,nv\nI1,1,yes\n", "mel, nv are all marked"),
            ("image,mel,nv\nI1,NaN,1\n", "under `mel` stands `NaN`"),
            ("image,mel,nv\nI1,0,0\n", "no class is marked"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn what_is_said_of_hostile_names_is_short_and_plain() {
        let long = "x".repeat(100_000);
        for text in [
            format!("image,dx\nI1,\u{1b}[2J{long}\n"),
            format!("{long},\u{202e}\n"),
            format!("image,mel,nv\nI1,{long},1\n"),
            format!("image,dx\n{long},nv\n{long},nv\n"),
            format!("{}\n", "a column,".repeat(2_000)),
        ] {
            let said = read(&text).unwrap_err();
            assert!(
                said.len() < 2_000 && !said.contains(said::is_hidden),
                "{said}"
            );
        }
    }
}
