//! Shows a network every image and counts its answers.

use std::fmt;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use pellucid_shared::attribution::predicted;
use pellucid_shared::engine::Engine;
use pellucid_shared::metrics::Confusion;

use crate::data::Examples;

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// True against predicted classes.
    pub confusion: Confusion,
    /// Mean cross-entropy.
    pub loss: f64,
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
const BATCH: usize = 32;

/// Counts the answers of any engine on clean images: `input` and `output` are the names of the image, RGB in [0, 1], and of
/// the logits.
///
/// # Errors
/// Where an image cannot be used, or the engine fails.
pub fn predict(
    engine: &mut dyn Engine,
    (input, output): (&str, &str),
    examples: &Examples,
    bar: &ProgressBar,
) -> Result<Measured> {
    let mut tally = Tally::new(examples);
    for indices in chunks(examples.len(), BATCH) {
        let images = examples.images(&indices)?.mapv(|v| f32::from(v) / 255.0);
        let mut outputs = engine.run(&[(input, images.view().into_dyn())])?;
        let logits = outputs
            .remove(output)
            .with_context(|| format!("the model gave no output `{output}`"))?;
        let logits = logits.into_dimensionality::<ndarray::Ix2>()?;
        for (&index, row) in indices.iter().zip(logits.outer_iter()) {
            tally.add(examples.labels()[index], &row.to_vec())?;
        }
        bar.inc(indices.len() as u64);
    }
    Ok(tally.finish())
}

/// `0..count` in pieces.
fn chunks(count: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..count)
        .step_by(size)
        .map(move |start| (start..count.min(start + size)).collect())
}

/// Counts answers and adds up losses.
struct Tally {
    confusion: Confusion,
    loss: f64,
}

impl Tally {
    fn new(examples: &Examples) -> Self {
        Self {
            confusion: Confusion::new(examples.dataset.classes.len()),
            loss: 0.0,
        }
    }

    /// One image's true class and logits.
    fn add(&mut self, truth: usize, logits: &[f32]) -> Result<()> {
        let Some(class) = predicted(logits) else {
            return Err(NotANumber.into());
        };
        self.confusion.add(truth, class);
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|l| f64::from(l - highest).exp()).sum();
        let own = logits.get(truth).copied().unwrap_or(f32::NAN);
        self.loss += sum.ln() - f64::from(own - highest);
        Ok(())
    }

    fn finish(self) -> Measured {
        let images = self.confusion.total().max(1) as f64;
        Measured {
            loss: self.loss / images,
            confusion: self.confusion,
        }
    }
}

#[cfg(feature = "torch")]
pub use on_torch::{attacked, clean};

#[cfg(feature = "torch")]
mod on_torch {
    use super::*;
    use crate::attack::{Attack, pgd};
    use crate::data::batch;
    use crate::torch::{Mode, Network};
    use tch::{Kind, Tensor};

    /// Counts the network's answers on clean images.
    ///
    /// # Errors
    /// Where an image cannot be used, or the network fails.
    pub fn clean(network: &Network, examples: &Examples, bar: &ProgressBar) -> Result<Measured> {
        let mut tally = Tally::new(examples);
        for indices in chunks(examples.len(), BATCH) {
            let (images, _) = batch(examples, &indices, network.device())?;
            for (&index, logits) in indices.iter().zip(logits(network, &images)?) {
                tally.add(examples.labels()[index], &logits)?;
            }
            bar.inc(indices.len() as u64);
        }
        Ok(tally.finish())
    }

    /// Counts the network's answers on attacked images. An image counts as right only if it is told rightly when clean
    /// and after each of `restarts` attacks; otherwise as the first wrong answer.
    ///
    /// # Errors
    /// As [`clean`], and as [`Attack::check`].
    pub fn attacked(
        network: &Network,
        examples: &Examples,
        attack: &Attack,
        restarts: usize,
        seed: u64,
        bar: &ProgressBar,
    ) -> Result<Measured> {
        let mut tally = Tally::new(examples);
        for (step, indices) in chunks(examples.len(), BATCH).enumerate() {
            let (images, labels) = batch(examples, &indices, network.device())?;
            let mut worst = logits(network, &images)?;
            for restart in 0..restarts {
                let seed = seed.wrapping_add(((restart as u64) << 32) | step as u64);
                let attacked = pgd(network, &images, &labels, attack, seed)?;
                let found = logits(network, &attacked)?;
                for ((&index, worst), found) in indices.iter().zip(&mut worst).zip(found) {
                    let truth = examples.labels()[index];
                    if worse(truth, &found, worst)? {
                        *worst = found;
                    }
                }
            }
            for (&index, logits) in indices.iter().zip(&worst) {
                tally.add(examples.labels()[index], logits)?;
            }
            bar.inc(indices.len() as u64);
        }
        Ok(tally.finish())
    }

    /// Whether an answer is worse for the network than another: wrong where the other is right, or of a higher loss
    /// where both are the one or the other.
    fn worse(truth: usize, found: &[f32], other: &[f32]) -> Result<bool> {
        let wrong = |logits: &[f32]| predicted(logits) != Some(truth);
        let loss = |logits: &[f32]| -> Result<f64> {
            let mut tally = Tally {
                confusion: Confusion::new(logits.len()),
                loss: 0.0,
            };
            tally.add(truth, logits)?;
            Ok(tally.loss)
        };
        let (found_loss, other_loss) = (loss(found)?, loss(other)?);
        Ok(match (wrong(found), wrong(other)) {
            (true, false) => true,
            (false, true) => false,
            _ => found_loss > other_loss,
        })
    }

    fn logits(network: &Network, images: &Tensor) -> Result<Vec<Vec<f32>>> {
        let logits = tch::no_grad(|| network.forward(images, Mode::Eval))?;
        Ok(Vec::try_from(logits.to_kind(Kind::Float))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_cross_entropy_of_the_logits() {
        let mut tally = Tally {
            confusion: Confusion::new(3),
            loss: 0.0,
        };
        // −ln softmax, by hand: softmax(1, 2, 3) = 0.0900, 0.2447, 0.6652; no overflow at logits of 1000.
        tally.add(2, &[1.0, 2.0, 3.0]).unwrap();
        tally.add(0, &[1.0, 2.0, 3.0]).unwrap();
        tally.add(1, &[0.0, 1000.0, 0.0]).unwrap();
        for broken in [f32::NAN, f32::INFINITY] {
            assert!(
                tally.add(0, &[0.0, broken, 1.0]).is_err(),
                "counts as no class"
            );
        }
        let measured = tally.finish();
        assert!((measured.loss - (0.407_606 + 2.407_606) / 3.0).abs() < 1e-5);
        assert_eq!(measured.confusion.counts().diag().to_vec(), [0, 1, 1]);
    }

    #[test]
    fn chunks_cover_everything_once() {
        let all: Vec<usize> = chunks(70, 32).flatten().collect();
        assert_eq!(all, (0..70).collect::<Vec<_>>());
        assert_eq!(chunks(0, 32).count(), 0);
    }
}
