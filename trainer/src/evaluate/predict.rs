//! Shows a network every image and counts its answers.

use std::fmt;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use pellucid_shared::attribution::predicted;
use pellucid_shared::engine::Engine;
use pellucid_shared::metrics::Confusion;

use super::probabilities::cross_entropy;
use crate::data::Examples;

/// What was counted, and of which answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// True against predicted classes.
    pub confusion: Confusion,
    /// Mean cross-entropy.
    pub loss: f64,
    /// The answer to each image, in the order of the examples.
    pub answers: Vec<Answer>,
}

/// What a network answers to an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The true class.
    pub truth: usize,
    /// The class with the highest logit, the first of several.
    pub class: usize,
    /// A finite number per class.
    pub logits: Vec<f32>,
}

impl Answer {
    /// An answer of finite logits.
    ///
    /// # Errors
    /// [`NotANumber`].
    pub fn new(truth: usize, logits: Vec<f32>) -> Result<Self> {
        let class = predicted(&logits).ok_or(NotANumber)?;
        Ok(Self {
            truth,
            class,
            logits,
        })
    }

    /// Whether the class is the true one.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.class == self.truth
    }

    /// The cross-entropy of the true class.
    #[must_use]
    pub fn loss(&self) -> f64 {
        cross_entropy(&self.logits, self.truth, 1.0)
    }

    /// Whether it is worse for the network than another: wrong where the other is right, or of a higher loss where both are the one or the other.
    #[must_use]
    pub fn is_worse_than(&self, other: &Self) -> bool {
        match (self.is_right(), other.is_right()) {
            (false, true) => true,
            (true, false) => false,
            _ => self.loss() > other.loss(),
        }
    }
}

impl Measured {
    /// Of the answers to all images.
    #[must_use]
    pub fn of(classes: usize, answers: Vec<Answer>) -> Self {
        let pairs = answers.iter().map(|answer| (answer.truth, answer.class));
        let loss: f64 = answers.iter().map(Answer::loss).sum();
        Self {
            confusion: Confusion::of(classes, pairs),
            loss: loss / answers.len().max(1) as f64,
            answers,
        }
    }
}

/// A network's answer that is NaN or infinite.
#[derive(Clone, Copy, Debug)]
pub struct NotANumber;

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the network's answer to an image is not a number (NaN or infinite), so no figure would mean anything: its weights, or the numbers it is fed, are not as they should be",
        )
    }
}

impl std::error::Error for NotANumber {}

/// Images that are shown at once.
pub(super) const BATCH: usize = 32;

/// Counts the answers of any engine on clean images: `input` and `output` are the names of the image, RGB in [0, 1], and of
/// the logits; `batch` is the number of images that the graph takes, if it takes no other.
///
/// # Errors
/// Where an image cannot be used, or the engine fails.
pub fn predict(
    engine: &mut dyn Engine,
    (input, output): (&str, &str),
    batch: Option<usize>,
    examples: &Examples,
    bar: &ProgressBar,
) -> Result<Measured> {
    let mut answers = vec![];
    for indices in chunks(examples.len(), batch.unwrap_or(BATCH).max(1)) {
        let mut shown = indices.clone();
        // A graph of a fixed batch gets the last image again, whose answers are not counted.
        let last = shown.last().copied().into_iter();
        shown.extend(
            last.cycle()
                .take(batch.unwrap_or(0).saturating_sub(indices.len())),
        );
        let images = examples.images(&shown)?.mapv(|v| f32::from(v) / 255.0);
        let mut outputs = engine.run(&[(input, images.view().into_dyn())])?;
        let logits = outputs
            .remove(output)
            .with_context(|| format!("the model gave no output `{output}`"))?;
        let logits = logits.into_dimensionality::<ndarray::Ix2>()?;
        ensure!(
            logits.nrows() == shown.len(),
            "the model answers to {} images with {} rows of scores",
            shown.len(),
            logits.nrows()
        );
        for (&index, row) in indices.iter().zip(logits.outer_iter()) {
            answers.push(Answer::new(examples.labels()[index], row.to_vec())?);
        }
        bar.inc(indices.len() as u64);
    }
    Ok(Measured::of(examples.dataset.classes.len(), answers))
}

/// `0..count` in pieces.
pub(super) fn chunks(count: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..count)
        .step_by(size)
        .map(move |start| (start..count.min(start + size)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_cross_entropy_of_the_logits() {
        // −ln softmax, by hand: softmax(1, 2, 3) = 0.0900, 0.2447, 0.6652; no overflow at logits of 1000.
        let answers = [
            (2, [1.0, 2.0, 3.0]),
            (0, [1.0, 2.0, 3.0]),
            (1, [0.0, 1000.0, 0.0]),
        ];
        let answers = answers.map(|(truth, logits)| Answer::new(truth, logits.to_vec()).unwrap());
        for broken in [f32::NAN, f32::INFINITY] {
            let answer = Answer::new(0, vec![0.0, broken, 1.0]);
            assert!(answer.unwrap_err().is::<NotANumber>(), "counts as no class");
        }
        let measured = Measured::of(3, answers.to_vec());
        assert!((measured.loss - (0.407_606 + 2.407_606) / 3.0).abs() < 1e-5);
        assert_eq!(measured.confusion.counts().diag().to_vec(), [0, 1, 1]);
    }

    #[test]
    fn a_wrong_answer_is_worse_than_a_right_one_and_a_higher_loss_than_a_lower() {
        let answer = |logits: [f32; 2]| Answer::new(0, logits.to_vec()).unwrap();
        let (sure, unsure) = (answer([5.0, 0.0]), answer([0.1, 0.0]));
        let (wrong, very_wrong) = (answer([0.0, 0.1]), answer([0.0, 9.0]));
        let order = [&sure, &unsure, &wrong, &very_wrong];
        for (place, better) in order.iter().enumerate() {
            for (other, worse) in order.iter().enumerate() {
                assert_eq!(worse.is_worse_than(better), other > place);
            }
        }
    }

    #[test]
    fn chunks_cover_everything_once() {
        let all: Vec<usize> = chunks(70, 32).flatten().collect();
        assert_eq!(all, (0..70).collect::<Vec<_>>());
        assert_eq!(chunks(0, 32).count(), 0);
    }
}
