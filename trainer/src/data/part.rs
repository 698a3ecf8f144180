//! Training, validation and test.

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// `train`, `validation` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The part of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

impl Part {
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
