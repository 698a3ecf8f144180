//! The classes of phantoms.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a phantom shows, and so what decides it. Written as HAM10000's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// A melanocytic nevus. Cause: the area that bears the pigment network.
    #[serde(rename = "nv")]
    Nevus,
    /// A melanoma. Cause: the spots of foreign colour, and the irregular border.
    #[serde(rename = "mel")]
    Melanoma,
    /// A benign (seborrhoeic) keratosis. Cause: the cysts, the openings, and the sharp border.
    #[serde(rename = "bkl")]
    Keratosis,
}

impl Class {
    /// Every class, in the order of the networks' outputs.
    pub const ALL: [Self; 3] = [Self::Nevus, Self::Melanoma, Self::Keratosis];

    /// HAM10000's code: `nv`, `mel` or `bkl`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nevus => "nv",
            Self::Melanoma => "mel",
            Self::Keratosis => "bkl",
        }
    }

    /// The plain name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nevus => "nevus",
            Self::Melanoma => "melanoma",
            Self::Keratosis => "benign keratosis",
        }
    }

    /// The class with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    /// The position in [`Class::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}
