//! Whether a network is right as often as it says.

use serde::Serialize;

use super::predict::Answer;
use super::probabilities::{cross_entropy, softmax};

/// Bins of the calibration error, as many as Guo et al. have.
pub(super) const BINS: usize = 15;

/// How far probabilities are from shares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins of equal width of the highest probability.
    pub bins: usize,
    /// The expected calibration error: the mean distance of mean confidence and share of right answers over the bins, by images (Guo et al., *On
    /// Calibration of Modern Neural Networks*, 2017).
    pub ece: f64,
    /// Mean negative logarithm of the true class's probability.
    pub nll: f64,
    /// Mean squared distance of the probabilities from the truth, summed over classes (Brier, 1950): 0 to 2.
    pub brier: f64,
}

impl Calibration {
    /// Of answers whose logits are divided by a temperature.
    pub(super) fn of(answers: &[Answer], temperature: f64) -> Self {
        let images = answers.len().max(1) as f64;
        let confidences: Vec<Confidence> = answers
            .iter()
            .map(|answer| Confidence::of(answer, temperature))
            .collect();
        let nll: f64 = answers
            .iter()
            .map(|a| cross_entropy(&a.logits, a.truth, temperature))
            .sum();
        let brier: f64 = answers.iter().map(|a| brier(a, temperature)).sum();
        Self {
            bins: BINS,
            ece: expected_error(&confidences, &vec![1; answers.len()]),
            nll: nll / images,
            brier: brier / images,
        }
    }
}

fn brier(answer: &Answer, temperature: f64) -> f64 {
    let probabilities = softmax(&answer.logits, temperature);
    let truth = |class| f64::from(u8::from(class == answer.truth));
    let classes = probabilities.iter().enumerate();
    classes.map(|(class, p)| (p - truth(class)).powi(2)).sum()
}

/// What counts of an answer for the calibration error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confidence {
    /// The highest probability.
    highest: f64,
    right: bool,
}

impl Confidence {
    pub(super) fn of(answer: &Answer, temperature: f64) -> Self {
        let probabilities = softmax(&answer.logits, temperature);
        Self {
            highest: probabilities.iter().copied().fold(0.0, f64::max),
            right: answer.is_right(),
        }
    }
}

/// The expected calibration error, in which each image counts as often as its weight says.
pub(super) fn expected_error(confidences: &[Confidence], weights: &[u32]) -> f64 {
    let mut gaps = [0.0; BINS];
    let mut total = 0.0;
    for (confidence, &weight) in confidences.iter().zip(weights) {
        // Bins are open below and closed above.
        let bin = (confidence.highest * BINS as f64).ceil() as usize;
        let bin = bin.clamp(1, BINS) - 1;
        let weight = f64::from(weight);
        gaps[bin] += weight * (f64::from(u8::from(confidence.right)) - confidence.highest);
        total += weight;
    }
    // The bin's share times the distance of its means is the distance of its sums.
    gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / f64::max(total, 1.0)
}

/// The coldest and the hottest temperature that is looked for: beyond, the images say nothing about it.
const TEMPERATURES: [f64; 2] = [0.02, 50.0];

/// The temperature at which the answers' cross-entropy is least (Guo et al., 2017). `None` where there is none: where every answer is right, the more so the colder,
/// and where the logits tell nothing, so that no heat is too much.
///
/// The loss is convex in the inverse temperature β, with the derivative of each image `E_p[z] − z_y`: Newton's method, kept within the bracket by halving it.
#[must_use]
pub fn fit_temperature(answers: &[Answer]) -> Option<f64> {
    let [coldest, hottest] = TEMPERATURES;
    let (mut low, mut high) = (1.0 / hottest, 1.0 / coldest);
    if answers.is_empty() || slope(answers, low).0 >= 0.0 || slope(answers, high).0 <= 0.0 {
        return None;
    }
    let mut inverse = 1.0_f64.clamp(low, high);
    for _ in 0..200 {
        let (first, second) = slope(answers, inverse);
        if first > 0.0 {
            high = inverse;
        } else {
            low = inverse;
        }
        let newton = inverse - first / second;
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - inverse).abs() <= 1e-12 * inverse {
            break;
        }
        inverse = next;
    }
    Some(1.0 / inverse)
}

/// The loss's first and second derivative by the inverse temperature.
fn slope(answers: &[Answer], inverse: f64) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for answer in answers {
        let probabilities = softmax(&answer.logits, 1.0 / inverse);
        let own = f64::from(answer.logits.get(answer.truth).copied().unwrap_or(f32::NAN));
        // From the true class's logit, so that what all logits have in common does not cancel.
        let logits = answer.logits.iter().map(|&logit| f64::from(logit) - own);
        let (mut mean, mut square) = (0.0, 0.0);
        for (p, logit) in probabilities.iter().zip(logits) {
            mean += p * logit;
            square += p * logit * logit;
        }
        first += mean;
        second += square - mean * mean;
    }
    (first / answers.len() as f64, second / answers.len() as f64)
}
