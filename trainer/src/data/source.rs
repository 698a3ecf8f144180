//! How the command line names data.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::csv_table::CsvTable;

/// The population of phantoms that `phantom:COUNT` means in training.
pub const TRAINING_POPULATION: u64 = 0;

/// The population of phantoms that `phantom:COUNT` means in an evaluation without a split file: no phantom of it has been
/// trained on, since populations have nothing in common.
pub const EVALUATION_POPULATION: u64 = 1;

/// The most phantoms that are listed, so that a slip of the finger does not fill the memory.
const MOST_PHANTOMS: u64 = 10_000_000;

const FORMS: &str =
    "write phantom:COUNT, phantom:COUNT:POPULATION, ham10000:FOLDER, folder:FOLDER or csv:FILE";

/// Data as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `phantom:COUNT` or `phantom:COUNT:POPULATION`: drawn when needed; see `shared::phantom`.
    Phantom {
        /// How many.
        count: u64,
        /// The seed of the population, where one is named.
        population: Option<u64>,
    },
    /// `ham10000:FOLDER`: the published layout (Tschandl et al., *The HAM10000 dataset*, Sci. Data 2018).
    Ham10000(PathBuf),
    /// `folder:FOLDER`: one sub-folder per class with that class's images in it.
    Folder(PathBuf),
    /// `csv:FILE`: a table with a row per image.
    Csv(CsvTable),
}

impl Source {
    /// The name without the folder, for the model card: `phantom:1200`, `ham10000`, `folder`.
    #[must_use]
    pub fn public_name(&self) -> String {
        match self {
            Self::Phantom { .. } => self.to_string(),
            Self::Ham10000(_) => "ham10000".into(),
            Self::Folder(_) => "folder".into(),
            Self::Csv(_) => "csv".into(),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(format!("`{text}` is not a data source: {FORMS}"));
        };
        match kind {
            "phantom" => phantoms(rest),
            "ham10000" | "folder" if rest.is_empty() => {
                Err(format!("`{text}` lacks the folder: {FORMS}"))
            }
            "ham10000" => Ok(Self::Ham10000(rest.into())),
            "folder" => Ok(Self::Folder(rest.into())),
            "csv" => CsvTable::parse(rest).map(Self::Csv),
            _ => Err(format!("`{kind}` is not a kind of data: {FORMS}")),
        }
    }
}

fn phantoms(text: &str) -> Result<Source, String> {
    let (count, population) = match text.split_once(':') {
        Some((count, population)) => (count, Some(population)),
        None => (text, None),
    };
    let number = |text: &str, what: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("`{text}` is not {what}: {FORMS}"))
    };
    let count = number(count, "a number of phantoms")?;
    if !(1..=MOST_PHANTOMS).contains(&count) {
        return Err(format!(
            "{count} phantoms cannot be drawn: ask for 1 to {MOST_PHANTOMS}"
        ));
    }
    let population = population
        .map(|text| number(text, "the number of a population"))
        .transpose()?;
    Ok(Source::Phantom { count, population })
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phantom {
                count,
                population: None,
            } => write!(formatter, "phantom:{count}"),
            Self::Phantom {
                count,
                population: Some(population),
            } => write!(formatter, "phantom:{count}:{population}"),
            Self::Ham10000(folder) => write!(formatter, "ham10000:{}", folder.display()),
            Self::Folder(folder) => write!(formatter, "folder:{}", folder.display()),
            Self::Csv(table) => table.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_is_written() {
        for text in [
            "phantom:12",
            "phantom:12:7",
            "ham10000:/a/b",
            "folder:C:\\skin",
            "csv:a.csv",
            "csv:a/b.csv?image=file&label=dx&folder=c",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        assert_eq!(
            "folder:a:b".parse::<Source>(),
            Ok(Source::Folder("a:b".into()))
        );
    }

    #[test]
    fn what_names_no_data_is_told_how_to_name_it() {
        for (text, reason) in [
            ("", "is not a data source"),
            ("phantom", "is not a data source"),
            ("phantom:", "not a number"),
            ("phantom:0", "ask for 1"),
            ("phantom:-3", "not a number"),
            ("phantom:99999999999", "ask for 1"),
            ("phantom:3:x", "population"),
            ("ham10000:", "lacks the folder"),
            ("csv:", "lacks the file"),
            ("csv:?image=x", "lacks the file"),
            ("imagenet:/x", "not a kind of data"),
        ] {
            let error = text.parse::<Source>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
