//! The card's section `output`: what the network's answer means.

use serde::{Deserialize, Serialize};

/// Which of a network's values is its answer, and what its numbers are. What is `None` nobody has told: see
/// the crate `pellucid-contract`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The value that holds a number per class: an output of the graph, or a value inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What these numbers are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

/// What the numbers are that a network gives its classes, and so how they become probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Logits of classes that exclude each other: their softmax are the probabilities.
    #[default]
    Softmax,
    /// Logits of classes that do not: the sigmoid of each is its probability. A single one is the logit of two classes
    /// that exclude each other.
    Sigmoid,
    /// Probabilities already.
    Probabilities,
    /// Something else, of which no probability can be said.
    Values,
}

impl Scores {
    /// The probability of each class; `None` where there is none to be said.
    ///
    /// Where a number is not finite, every probability that hangs on it is NaN, because it cannot be known then.
    #[must_use]
    pub fn probabilities(self, scores: &[f32]) -> Option<Vec<f32>> {
        match self {
            Self::Softmax => Some(softmax(scores)),
            Self::Sigmoid => Some(scores.iter().map(|&score| sigmoid(score)).collect()),
            Self::Probabilities => Some(scores.to_vec()),
            Self::Values => None,
        }
    }
}

/// The probabilities of logits: `exp(xᵢ) / Σ exp(xⱼ)`, computed in float64 and without overflow.
///
/// A logit that is not finite makes every probability NaN, because none of them can be known then.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    if logits.iter().any(|x| !x.is_finite()) {
        return vec![f32::NAN; logits.len()];
    }
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|&x| (f64::from(x) - f64::from(highest)).exp())
        .collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|p| (p / total) as f32).collect()
}

fn sigmoid(logit: f32) -> f32 {
    if logit.is_finite() {
        (1.0 / (1.0 + (-f64::from(logit)).exp())) as f32
    } else {
        f32::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_agrees_with_numbers_worked_by_hand_and_does_not_overflow() {
        let p = softmax(&[1.0, 2.0, 3.0]);
        // exp(k) / (e + e² + e³)
        for (p, exact) in p.iter().zip([0.090_030_57, 0.244_728_47, 0.665_240_96]) {
            assert!((p - exact).abs() < 1e-7);
        }
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
        assert_eq!(softmax(&[-3e38, 3e38]), [0.0, 1.0]);
        assert!(softmax(&[]).is_empty());
        assert!(softmax(&[f32::INFINITY, 0.0]).iter().all(|p| p.is_nan()));
    }

    #[test]
    fn independent_classes_have_a_sigmoid_each_and_two_sides_add_up() {
        let p = Scores::Sigmoid
            .probabilities(&[0.0, 2.0, -2.0, f32::NAN])
            .unwrap();
        // 1 / (1 + e⁻²)
        assert_eq!(p[0], 0.5);
        assert!((p[1] - 0.880_797).abs() < 1e-6 && (p[1] + p[2] - 1.0).abs() < 1e-7);
        assert!(p[3].is_nan());
        assert_eq!(
            Scores::Probabilities.probabilities(&[0.9, 0.1]).unwrap(),
            [0.9, 0.1]
        );
        assert_eq!(Scores::Values.probabilities(&[37.5]), None);
    }
}
