//! Which class a row says.

use pellucid_shared::card::Class;
use pellucid_shared::said;
use thiserror::Error;

use super::table::Row;

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

/// Why a row says no class.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ClassError {
    /// It names one that there is not.
    #[error(
        "it has the unknown class `{}`: it must be one of {known}",
        said::name(name)
    )]
    Unknown {
        /// What stands there.
        name: String,
        /// The codes of the classes.
        known: String,
    },
    /// Something else than yes and no stands under a class.
    #[error(
        "under `{}` stands `{}`, where 1 says yes and 0 no: give a table of truths, not of scores",
        said::name(code),
        said::name(value)
    )]
    Score {
        /// The class.
        code: String,
        /// What stands there.
        value: String,
    },
    /// Every class has a 0.
    #[error("no class is marked: put 1 under one of them")]
    None,
    /// More than one class has a 1.
    #[error("{0} are all marked: leave 1 under one of them")]
    Several(String),
}

/// Where a table says the classes.
pub(crate) enum Form {
    /// A column with the class.
    Named { class: usize },
    /// A column per class, with 1 in the one that holds: code and column.
    OneHot(Vec<(String, usize)>),
}

/// The code that a name means, in whatever case.
pub(crate) fn known_code(name: &str, known: &[Class]) -> Option<String> {
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

/// The code of the class that a row says.
pub(crate) fn class(form: &Form, row: Row<'_>, known: &[Class]) -> Result<String, ClassError> {
    match form {
        Form::Named { class } => {
            let name = row.field(*class);
            known_code(name, known).ok_or_else(|| ClassError::Unknown {
                name: name.trim().to_owned(),
                known: known
                    .iter()
                    .map(|class| &class.code[..])
                    .collect::<Vec<_>>()
                    .join(", "),
            })
        }
        Form::OneHot(classes) => one_hot(classes, row, known),
    }
}

fn one_hot(
    classes: &[(String, usize)],
    row: Row<'_>,
    known: &[Class],
) -> Result<String, ClassError> {
    let mut holds = vec![];
    for (code, column) in classes {
        match number(row.field(*column)) {
            Some(1.0) => holds.push(&code[..]),
            Some(0.0) => {}
            // Columns of something else, such as scores' weights in ISIC 2019, are none of the classes.
            _ if known_code(code, known).is_none() => {}
            _ => {
                return Err(ClassError::Score {
                    code: code.clone(),
                    value: row.field(*column).to_owned(),
                });
            }
        }
    }
    match holds[..] {
        [code] => Ok(code.to_owned()),
        [] => Err(ClassError::None),
        _ => Err(ClassError::Several(said::names(holds.iter().copied()))),
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
