//! How the learning rate changes, and when to stop.

use std::f64::consts::PI;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Falls after more epochs without a better validation than one has patience for (Margeloiu et al., 2020).
    #[default]
    Plateau,
    /// Falls to 0 along half a cosine (Loshchilov and Hutter, 2017). For a number of epochs that is known beforehand.
    Cosine,
    /// Stays.
    Constant,
    /// Falls every so many epochs.
    Step,
    /// Falls after the epochs that are named.
    Milestones,
    /// Rises and falls in straight lines, as often as there are cycles (Smith, 2017).
    Cyclic,
    /// Rises from a 25th over 30 % of the training, and falls to a 250,000th, along cosines (Smith and Topin, 2018, as in PyTorch).
    Onecycle,
}

/// A schedule with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// The share of the steps, 0 to below 1, over which it rises from nothing before anything else.
    pub warm_up: f64,
    /// What it is multiplied with when it falls by a plateau, step or milestone.
    pub factor: f64,
    /// Epochs without a better validation that [`Schedule::Plateau`] bears.
    pub patience: usize,
    /// Epochs between two falls of [`Schedule::Step`].
    pub every: usize,
    /// After how many epochs [`Schedule::Milestones`] falls.
    pub milestones: Vec<usize>,
    /// How often [`Schedule::Cyclic`] rises and falls.
    pub cycles: usize,
}

/// The share of the steps over which [`Schedule::Cosine`] rises unless told otherwise.
const COSINE_WARM_UP: f64 = 0.1;
/// The least factor while it rises: a first step of nothing would be none.
const LEAST: f64 = 0.05;
/// Where [`Schedule::Onecycle`] is highest, and where it begins and ends.
const ONE_CYCLE: (f64, f64, f64) = (0.3, 1.0 / 25.0, 1.0 / 25.0 / 1e4);

impl Rate {
    /// A schedule with its usual numbers.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            warm_up: if schedule == Schedule::Cosine {
                COSINE_WARM_UP
            } else {
                0.0
            },
            factor: 0.1,
            patience: 5,
            every: 30,
            milestones: vec![],
            cycles: 1,
        }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            (0.0..1.0).contains(&self.warm_up),
            "--warm-up {} must be from 0 to below 1",
            self.warm_up
        );
        ensure!(
            self.factor > 0.0 && self.factor <= 1.0,
            "--factor {} must be above 0 and at most 1",
            self.factor
        );
        ensure!(
            self.every > 0 && self.cycles > 0,
            "--every and --cycles must be 1 or more"
        );
        ensure!(
            self.schedule != Schedule::Milestones || !self.milestones.is_empty(),
            "--schedule milestones needs --milestones, such as 30,40"
        );
        Ok(())
    }

    /// The factor of the learning rate at a point of the training.
    #[must_use]
    pub(super) fn at(&self, now: Moment) -> f64 {
        if now.done < self.warm_up {
            return (now.done / self.warm_up).max(LEAST);
        }
        let done = (now.done - self.warm_up) / (1.0 - self.warm_up);
        let fallen = |times: usize| self.factor.powi(i32::try_from(times).unwrap_or(i32::MAX));
        // Between two numbers along half a cosine.
        let cosine =
            |from: f64, to: f64, way: f64| to + (from - to) * 0.5 * (1.0 + (PI * way).cos());
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Plateau => fallen(now.drops),
            Schedule::Step => fallen(now.epoch / self.every),
            Schedule::Milestones => {
                fallen(self.milestones.iter().filter(|&&m| now.epoch >= m).count())
            }
            Schedule::Cosine => cosine(1.0, 0.0, done),
            Schedule::Cyclic => {
                let way = (done * self.cycles as f64).fract();
                (1.0 - (2.0 * way - 1.0).abs()).max(0.0)
            }
            Schedule::Onecycle => {
                let (top, first, last) = ONE_CYCLE;
                if done < top {
                    cosine(first, 1.0, done / top)
                } else {
                    cosine(1.0, last, (done - top) / (1.0 - top))
                }
            }
        }
    }
}

/// A point of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// How much of the stage is done, 0 to 1.
    pub(super) done: f64,
    /// Epochs of the stage before this one.
    pub(super) epoch: usize,
    /// Plateaus so far.
    pub(super) drops: usize,
}

/// Whether epochs still make the network better.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Watch {
    patience: usize,
    #[serde(with = "super::exact::optional")]
    best: Option<f64>,
    /// Epochs since the best.
    stale: usize,
    /// Epochs since the best or the last drop.
    since_drop: usize,
    drops: usize,
}

impl Watch {
    /// For a stage that follows on one whose best was this.
    pub(super) fn after(best: Option<f64>, patience: usize) -> Self {
        Self {
            patience,
            best,
            stale: 0,
            since_drop: 0,
            drops: 0,
        }
    }

    /// The best so far.
    pub(super) fn best(&self) -> Option<f64> {
        self.best
    }

    /// Takes note of an epoch's validation loss; whether it is the lowest so far.
    pub(super) fn improves(&mut self, loss: f64) -> bool {
        let better = self.best.is_none_or(|best| loss < best);
        if better {
            self.best = Some(loss);
            self.stale = 0;
            self.since_drop = 0;
        } else {
            self.stale += 1;
            self.since_drop += 1;
            if self.since_drop > self.patience {
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

    fn at(rate: &Rate, done: f64, epoch: usize) -> f64 {
        rate.at(Moment {
            done,
            epoch,
            drops: 0,
        })
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
    }

    #[test]
    fn cosine_rises_once_and_falls_to_zero() {
        let rate = Rate::new(Schedule::Cosine);
        near(at(&rate, 0.05, 0), 0.5);
        near(at(&rate, 0.1, 0), 1.0);
        near(at(&rate, 0.55, 0), 0.5);
        near(at(&rate, 1.0, 0), 0.0);
        assert!(at(&rate, 0.0, 0) > 0.0);
    }

    /// Values of PyTorch's `StepLR(30)` and `MultiStepLR([3, 5])` at a rate of 1, and of the formula of its `OneCycleLR`.
    #[test]
    fn steps_milestones_and_one_cycle_are_pytorchs() {
        let step = Rate::new(Schedule::Step);
        near(at(&step, 0.5, 29), 1.0);
        near(at(&step, 0.5, 30), 0.1);
        near(at(&step, 0.5, 60), 0.01);
        let milestones = Rate {
            milestones: vec![3, 5],
            ..Rate::new(Schedule::Milestones)
        };
        let rates: Vec<f64> = (0..6).map(|epoch| at(&milestones, 0.0, epoch)).collect();
        for (found, wanted) in rates.iter().zip([1.0, 1.0, 1.0, 0.1, 0.1, 0.01]) {
            near(*found, wanted);
        }
        let cycle = Rate::new(Schedule::Onecycle);
        near(at(&cycle, 0.0, 0), 0.04);
        near(at(&cycle, 0.15, 0), 0.52);
        near(at(&cycle, 0.3, 0), 1.0);
        near(at(&cycle, 0.65, 0), 0.5 * (1.0 + 4e-6));
        near(at(&cycle, 1.0, 0), 4e-6);
    }

    #[test]
    fn cycles_are_triangles_and_a_warm_up_comes_first() {
        let cyclic = Rate {
            cycles: 2,
            ..Rate::new(Schedule::Cyclic)
        };
        for (done, wanted) in [
            (0.0, 0.0),
            (0.125, 0.5),
            (0.25, 1.0),
            (0.5, 0.0),
            (0.75, 1.0),
        ] {
            near(at(&cyclic, done, 0), wanted);
        }
        let warm = Rate {
            warm_up: 0.2,
            ..Rate::new(Schedule::Constant)
        };
        near(at(&warm, 0.1, 0), 0.5);
        near(at(&warm, 0.2, 0), 1.0);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let usual = Rate::new(Schedule::Milestones);
        for (rate, reason) in [
            (usual.clone(), "--milestones"),
            (
                Rate {
                    warm_up: 1.0,
                    ..usual.clone()
                },
                "--warm-up",
            ),
            (
                Rate {
                    factor: 0.0,
                    ..usual.clone()
                },
                "--factor",
            ),
            (Rate { cycles: 0, ..usual }, "--cycles"),
        ] {
            let error = rate.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    /// PyTorch's `ReduceLROnPlateau(patience=5)` lowers on the sixth bad epoch, and counts anew from there.
    #[test]
    fn a_plateau_drops_the_rate_as_pytorch_does() {
        let rate = Rate::new(Schedule::Plateau);
        let mut watch = Watch::after(None, rate.patience);
        assert!(watch.improves(0.5));
        let mut drops = vec![];
        for _ in 0..12 {
            assert!(!watch.improves(0.5));
            drops.push(watch.drops());
        }
        assert_eq!(drops, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2]);
        assert_eq!(watch.stale(), 12);
        assert!(watch.improves(0.4));
        assert_eq!((watch.stale(), watch.drops()), (0, 2));
        let now = Moment {
            done: 0.5,
            epoch: 0,
            drops: 2,
        };
        near(rate.at(now), 0.01);
    }
}
