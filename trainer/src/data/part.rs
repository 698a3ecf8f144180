//! Training, validation and test.

use std::fmt;

use clap::ValueEnum;

use crate::spelling::spelled;

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Part {
    /// What weights are learnt from.
    Train,
    /// What the best epoch and the learning rate are chosen by.
    Validation,
    /// What is measured once, at the end.
    Test,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The part that a split file names: `train`, `validation` or `test`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }

    /// The part that a folder or a word in a file's name means: `train`, `Validation`, `test_set`.
    #[must_use]
    pub(super) fn from_folder(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = name.trim_matches(|c: char| c.is_ascii_digit() || "_-. ".contains(c));
        let name = ["set", "data", "images", "imgs", "split"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        match name.trim_end_matches(['_', '-', '.', ' ']) {
            "train" | "training" | "trn" => Some(Self::Train),
            "val" | "valid" | "validation" | "dev" | "eval" => Some(Self::Validation),
            "test" | "testing" | "tst" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&spelled(self))
    }
}
