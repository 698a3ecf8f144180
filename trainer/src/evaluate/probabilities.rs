//! Scores as probabilities in float64, so that a network that is sure of everything keeps its order.

use pellucid_shared::card::Scores;

/// The probabilities of scores; `None` where the scores have none.
pub(super) fn probabilities(kind: Scores, scores: &[f32]) -> Option<Vec<f64>> {
    match kind {
        Scores::Softmax => Some(softmax(scores, 1.0)),
        Scores::Sigmoid => Some(
            scores
                .iter()
                .map(|&score| 1.0 / (1.0 + (-f64::from(score)).exp()))
                .collect(),
        ),
        Scores::Probabilities => Some(scores.iter().map(|&score| f64::from(score)).collect()),
        Scores::Values => None,
    }
}

/// The softmax of logits that are divided by a temperature.
pub(super) fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = |&logit: &f32| ((f64::from(logit) - f64::from(highest)) / temperature).exp();
    let powers: Vec<f64> = logits.iter().map(power).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// The cross-entropy of a true class by logits that are divided by a temperature.
pub(super) fn cross_entropy(logits: &[f32], truth: usize, temperature: f64) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let above = |logit: f32| (f64::from(logit) - f64::from(highest)) / temperature;
    let sum: f64 = logits.iter().map(|&logit| above(logit).exp()).sum();
    let own = logits.get(truth).copied().unwrap_or(f32::NAN);
    sum.ln() - above(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainty_keeps_its_order_and_a_temperature_divides() {
        let sure = |by: f32| softmax(&[by, 0.0], 1.0)[1];
        assert!(sure(20.0) > sure(30.0) && sure(30.0) > 0.0);
        let (warm, halved) = (softmax(&[1.0, 3.0], 2.0), softmax(&[0.5, 1.5], 1.0));
        assert!((warm[0] - halved[0]).abs() < 1e-15);
        let loss = cross_entropy(&[1.0, 3.0], 0, 2.0);
        assert!((loss + warm[0].ln()).abs() < 1e-12);
        assert_eq!(probabilities(Scores::Values, &[3.0]), None);
    }
}
