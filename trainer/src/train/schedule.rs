//! How the learning rate falls, and when to stop.

use std::f64::consts::PI;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// A tenth after more than five epochs without a better validation (Margeloiu et al., 2020).
    #[default]
    Plateau,
    /// Up over the first tenth of the steps, then down to 0 along half a cosine (Loshchilov and Hutter, 2017).
    /// For a number of epochs that is known beforehand.
    Cosine,
    /// Not at all.
    Constant,
}

/// Epochs without a better validation after which [`Schedule::Plateau`] lowers the learning rate.
const PATIENCE: usize = 5;

/// The share of the steps in which [`Schedule::Cosine`] rises.
const WARM_UP: f64 = 0.1;

impl Schedule {
    /// The factor of the learning rate at a point of the training, 0 to 1, that has seen `drops` plateaus.
    #[must_use]
    pub(super) fn factor(self, done: f64, drops: usize) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Plateau => 0.1_f64.powi(i32::try_from(drops).unwrap_or(i32::MAX)),
            Self::Cosine if done < WARM_UP => (done / WARM_UP).max(0.05),
            Self::Cosine => 0.5 * (1.0 + (PI * (done - WARM_UP) / (1.0 - WARM_UP)).cos()),
        }
    }
}

/// Whether epochs still make the network better.
#[derive(Debug, Default)]
pub(super) struct Watch {
    best: Option<Score>,
    /// Epochs since the best.
    stale: usize,
    /// Epochs since the best or the last drop.
    since_drop: usize,
    drops: usize,
}

/// What validation says of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    /// The higher, the better.
    pub(super) accuracy: f64,
    /// Decides between equal accuracies, as a small validation set has them: the lower, the better.
    pub(super) loss: f64,
}

impl Watch {
    /// For a stage that follows on one whose best was this.
    pub(super) fn after(best: Option<Score>) -> Self {
        Self {
            best,
            ..Self::default()
        }
    }

    /// The best so far.
    pub(super) fn best(&self) -> Option<Score> {
        self.best
    }

    /// Takes note of an epoch; whether it is the best so far.
    pub(super) fn improves(&mut self, score: Score) -> bool {
        let better = self.best.is_none_or(|best| {
            score.accuracy > best.accuracy
                || (score.accuracy == best.accuracy && score.loss < best.loss)
        });
        if better {
            self.best = Some(score);
            self.stale = 0;
            self.since_drop = 0;
        } else {
            self.stale += 1;
            self.since_drop += 1;
            if self.since_drop > PATIENCE {
                self.drops += 1;
                self.since_drop = 0;
            }
        }
        better
    }

    /// How often the learning rate has had to fall.
    pub(super) fn drops(&self) -> usize {
        self.drops
    }

    /// Epochs since the best.
    pub(super) fn stale(&self) -> usize {
        self.stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_rises_once_and_falls_to_zero() {
        let at = |done| Schedule::Cosine.factor(done, 0);
        assert!((at(0.05) - 0.5).abs() < 1e-12);
        assert!((at(0.1) - 1.0).abs() < 1e-12);
        assert!((at(0.55) - 0.5).abs() < 1e-12);
        assert!(at(1.0).abs() < 1e-12);
        assert!(at(0.0) > 0.0);
    }

    /// PyTorch's `ReduceLROnPlateau(patience=5)` lowers on the sixth bad epoch, and counts anew from there.
    #[test]
    fn a_plateau_drops_the_rate_as_pytorch_does() {
        let mut watch = Watch::default();
        let score = |accuracy| Score {
            accuracy,
            loss: 1.0,
        };
        assert!(watch.improves(score(0.5)));
        let mut drops = vec![];
        for _ in 0..12 {
            assert!(!watch.improves(score(0.5)));
            drops.push(watch.drops());
        }
        assert_eq!(drops, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2]);
        assert_eq!(watch.stale(), 12);
        assert!(watch.improves(Score {
            accuracy: 0.5,
            loss: 0.9
        }));
        assert_eq!((watch.stale(), watch.drops()), (0, 2));
        assert!((Schedule::Plateau.factor(0.5, 2) - 0.01).abs() < 1e-12);
    }
}
