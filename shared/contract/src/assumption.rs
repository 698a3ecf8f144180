//! What nobody told of a model, in sentences that command line and page both show.

use std::fmt;

use serde::Serialize;

/// Something that was taken for granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What it is about.
    pub about: About,
    /// What it rests on.
    pub basis: Basis,
    /// A sentence for people.
    pub text: String,
}

/// What an [`Assumption`] is about: the option of the command line that corrects it has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum About {
    /// The order of the input's axes.
    Layout,
    /// Grey or RGB.
    Channels,
    /// The input's side.
    Size,
    /// What of the image is kept, and how it is resized.
    Crop,
    /// The values of black and white.
    Range,
    /// Mean and standard deviation.
    Mean,
    /// Which value is explained.
    Output,
    /// What its numbers are.
    Scores,
}

/// What an [`Assumption`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The graph's nodes suggest it.
    Graph,
    /// It is usual.
    Convention,
    /// The network's own answer shows it.
    Answer,
}

impl Assumption {
    /// An assumption of a program's own about what scores mean.
    #[must_use]
    pub fn of_scores(text: &str) -> Self {
        Self::convention(About::Scores, text)
    }

    pub(super) fn graph(about: About, text: impl Into<String>) -> Self {
        let (basis, text) = (Basis::Graph, text.into());
        Self { about, basis, text }
    }

    pub(super) fn convention(about: About, text: impl Into<String>) -> Self {
        let (basis, text) = (Basis::Convention, text.into());
        Self { about, basis, text }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
