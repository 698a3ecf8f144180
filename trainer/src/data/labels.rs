//! What a table says of dermoscopic images: which class, which lesion.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::card::Class;

use super::dataset::list;
use super::listing::stem;
use super::table::{Row, Table};

/// The names under which columns go: as published, in the ISIC archive and challenges, and as people rename them.
const IMAGE: [&str; 11] = [
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
const LESION: [&str; 4] = ["lesion_id", "lesion", "lesionid", "lesion_group"];
const DIAGNOSIS: [&str; 7] = [
    "dx",
    "diagnosis",
    "class",
    "label",
    "category",
    "target",
    "diagnosis_1",
];

/// Other names of the classes.
const SYNONYMS: [(&str, &str); 16] = [
    ("nevus", "nv"),
    ("naevus", "nv"),
    ("melanocytic nevi", "nv"),
    ("melanocytic naevus", "nv"),
    ("benign keratosis-like lesion", "bkl"),
    ("benign keratosis-like lesions", "bkl"),
    ("pigmented benign keratosis", "bkl"),
    ("seborrheic keratosis", "bkl"),
    ("actinic keratoses", "akiec"),
    (
        "actinic keratosis / bowen’s disease (intraepithelial carcinoma)",
        "akiec",
    ),
    ("bowen's disease", "akiec"),
    ("ak", "akiec"),
    ("vascular lesions", "vasc"),
    ("vascular", "vasc"),
    ("basal cell carcinomas", "bcc"),
    ("dermatofibromas", "df"),
];

/// What a row says.
#[derive(Debug, PartialEq)]
pub(super) struct Label {
    /// The image's name without an ending.
    pub(super) image: String,
    /// The code of its class.
    pub(super) class: String,
    /// Its lesion, where the table knows it.
    pub(super) lesion: Option<String>,
}

/// What a table holds, by its columns.
enum Form {
    /// A column with the class.
    Named { class: usize },
    /// A column per class, with 1 in the one that holds: code and column.
    OneHot(Vec<(String, usize)>),
}

/// Whether the columns are those of a table of labelled images.
pub(super) fn is_labels(table: &Table, known: &[Class]) -> bool {
    table.column(&IMAGE).is_some() && form(table, known).is_some()
}

fn form(table: &Table, known: &[Class]) -> Option<Form> {
    if let Some(class) = table.column(&DIAGNOSIS) {
        return Some(Form::Named { class });
    }
    let code = |name: &String| known_code(name, known);
    if table.header.iter().filter_map(code).count() < 2 {
        return None;
    }
    // Later challenges have classes that HAM10000 does not know.
    let [image, lesion] = [table.column(&IMAGE), table.column(&LESION)];
    let columns = (0..)
        .zip(&table.header)
        .filter(|(at, _)| ![image, lesion].contains(&Some(*at)));
    let classes = columns.map(|(at, name)| (code(name).unwrap_or_else(|| name.clone()), at));
    Some(Form::OneHot(classes.collect()))
}

/// The code that a name means, in whatever case.
fn known_code(name: &str, known: &[Class]) -> Option<String> {
    let name = name.trim().to_lowercase();
    let spaced = name.replace('_', " ");
    let class = known.iter().find(|class| {
        class.code == name
            || class.name.to_lowercase() == name
            || class.name.to_lowercase() == spaced
    });
    let synonym = || {
        SYNONYMS
            .iter()
            .find(|(other, _)| *other == name || *other == spaced)
    };
    class
        .map(|class| class.code.clone())
        .or_else(|| synonym().map(|(_, code)| (*code).to_owned()))
}

/// Reads the rows of a table.
///
/// # Errors
/// Where a column is missing, or a row lacks its image or lesion, has no class or several, or repeats an image.
pub(super) fn labels(table: &Table, known: &[Class]) -> Result<Vec<Label>> {
    let place = table.path.display();
    let missing = |names: &[&str]| {
        format!(
            "the table {place} has no column `{}`, only `{}`: rename the one that is meant",
            names[0],
            table.header.join("`, `")
        )
    };
    let image = table.column(&IMAGE).with_context(|| missing(&IMAGE))?;
    let form = form(table, known).with_context(|| missing(&DIAGNOSIS))?;
    let lesion = table.column(&LESION);
    let mut seen = HashSet::new();
    let mut labels = vec![];
    for row in &table.rows {
        let line = row.line;
        let label = Label {
            image: stem(row.field(image).trim().as_ref()),
            class: class(&form, row, known).with_context(|| format!("line {line} of {place}"))?,
            lesion: lesion.map(|column| row.field(column).trim().to_owned()),
        };
        ensure!(
            !label.image.is_empty() && label.lesion.as_deref() != Some(""),
            "line {line} of {place} lacks its lesion_id or image_id: copy the table again"
        );
        ensure!(
            seen.insert(label.image.clone()),
            "line {line} of {place} names the image {} a second time: remove one of the rows",
            label.image
        );
        labels.push(label);
    }
    Ok(labels)
}

fn class(form: &Form, row: &Row, known: &[Class]) -> Result<String> {
    match form {
        Form::Named { class } => {
            let name = row.field(*class);
            known_code(name, known).with_context(|| {
                format!(
                    "it has the unknown class `{}`: it must be one of {}",
                    name.trim(),
                    list(known.iter().map(|class| &class.code))
                )
            })
        }
        Form::OneHot(classes) => {
            let mut holds = vec![];
            for (code, column) in classes {
                match number(row.field(*column)) {
                    Some(1.0) => holds.push(code),
                    Some(0.0) => {}
                    // Columns of something else, such as scores' weights in ISIC 2019, are none of the classes.
                    _ if known_code(code, known).is_none() => {}
                    _ => bail!(
                        "under `{code}` stands `{}`, where 1 says yes and 0 no: give a table of truths, not of scores",
                        row.field(*column)
                    ),
                }
            }
            match holds[..] {
                [code] => Ok(code.clone()),
                [] => bail!("no class holds: put 1 under one of them"),
                _ => bail!(
                    "{} hold together: leave 1 under one of them",
                    list(holds.iter().copied())
                ),
            }
        }
    }
}

/// A number with a full stop or a comma in it.
fn number(text: &str) -> Option<f64> {
    match &text.trim().to_lowercase()[..] {
        "true" | "yes" => Some(1.0),
        "false" | "no" | "" => Some(0.0),
        number => number.replace(',', ".").parse().ok(),
    }
}
