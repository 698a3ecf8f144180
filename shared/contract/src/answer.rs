//! A network's scores as people read them.

use serde::Serialize;

use super::{About, Assumption, Basis, Contract};
use onnx_explain::attribution::predicted;
use pellucid_cards::Scores;

/// What a network says of one image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// One score per class.
    pub scores: Vec<f32>,
    /// One probability per class; `None` where the scores are no logits and no probabilities.
    pub probabilities: Option<Vec<f32>>,
    /// The class with the highest score; `None` where a score is no number.
    pub predicted: Option<usize>,
    /// What the scores were taken for.
    pub kind: Scores,
    /// What only the answer itself could show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed: Option<Assumption>,
}

/// By how much numbers that are probabilities may miss the sum 1.
const ROUNDING: f64 = 1e-4;

impl Contract {
    /// Reads scores, one per class of [`Contract::classes`].
    ///
    /// Where nobody told what they are and they lie in [0, 1] and add up to 1, they are probabilities, as no logits are.
    #[must_use]
    pub fn answer(&self, scores: Vec<f32>) -> Answer {
        let guessed = self.assumed.iter().any(|assumption| {
            assumption.about == About::Scores && assumption.basis == Basis::Convention
        });
        let (mut kind, mut assumed) = (self.scores(), None);
        if guessed && kind == Scores::Softmax && is_distribution(&scores) {
            kind = Scores::Probabilities;
            assumed = Some(Assumption {
                about: About::Scores,
                basis: Basis::Answer,
                text: "The scores lie between 0 and 1 and add up to 1: they are shown as the probabilities that they are, and what is explained is a probability.".to_owned(),
            });
        }
        Answer {
            probabilities: kind.probabilities(&scores),
            predicted: predicted(&scores),
            kind,
            assumed,
            scores,
        }
    }
}

fn is_distribution(scores: &[f32]) -> bool {
    let sum: f64 = scores.iter().map(|&score| f64::from(score)).sum();
    scores.len() > 1
        && scores.iter().all(|score| (0.0..=1.0).contains(score))
        && (sum - 1.0).abs() < ROUNDING
}
