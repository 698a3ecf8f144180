//! One pass over the training images.

use anyhow::Result;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Augment;
use super::average::Average;
use super::labels::mixup;
use super::objective::{Learnt, Lesson, Objective, learn};
use super::optimizer::Optimizer;
use super::seeds::{Purpose, step_seed};
use crate::attack::Attack;
use crate::data::batch;
use crate::data::{Balance, Examples, epoch_order};
use crate::stop::Stop;
use crate::torch::Network;

/// How images are shown in a pass.
pub(super) struct Pass<'a> {
    pub(super) examples: &'a Examples,
    pub(super) seed: u64,
    /// Counts from 0 over both stages.
    pub(super) epoch: usize,
    pub(super) batch: usize,
    pub(super) balance: Balance,
    pub(super) augment: Augment,
    /// How evenly images are mixed, if they are.
    pub(super) mixup: Option<f64>,
    pub(super) objective: Objective,
    /// How much each class counts, `[K]`.
    pub(super) class_weights: Option<Tensor>,
    pub(super) attack: Option<Attack>,
    /// The attack grows to its full size over so many steps, of which `steps_before` are done.
    pub(super) ramp: f64,
    pub(super) steps_before: usize,
    pub(super) stop: &'a Stop,
    /// Steps that an interrupted pass has taken already, and what they saw.
    pub(super) taken: (usize, Sums),
}

/// What the steps of a pass saw, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    #[serde(with = "super::exact")]
    loss: f64,
    #[serde(with = "super::exact")]
    right: f64,
    images: usize,
}

/// Mean loss and accuracy of the images as the network saw them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Not a number where the training went astray: the pass ended with that step.
    pub(super) loss: f64,
    pub(super) accuracy: f64,
    /// Steps that were taken.
    pub(super) steps: usize,
    pub(super) sums: Sums,
}

/// Steps after which the sums are fetched from a card, for the bar and to notice a loss that is not a number.
const GLANCE: usize = 10;

impl Seen {
    fn of(steps: usize, sums: Sums) -> Self {
        let images = sums.images.max(1) as f64;
        Self {
            loss: sums.loss / images,
            accuracy: sums.right / images,
            steps,
            sums,
        }
    }
}

impl Pass<'_> {
    /// The batches of the pass. A last batch of one image would be none to normalise over, and is left out.
    fn batches(&self) -> Vec<Vec<usize>> {
        let order = epoch_order(
            self.examples.labels(),
            self.balance,
            self.seed,
            self.epoch as u64,
        );
        let batches = order.chunks(self.batch).map(<[usize]>::to_vec);
        batches.filter(|batch| batch.len() > 1).collect()
    }

    /// Number of steps.
    pub(super) fn steps(&self) -> usize {
        self.batches().len()
    }

    /// Shows every batch once; `rate` gives the learning rate of a step. Stops after the step in which it is
    /// asked to, or whose loss is not a number.
    pub(super) fn run(
        &self,
        network: &Network,
        optimizer: &mut Optimizer,
        mut average: Option<&mut Average>,
        rate: impl Fn(usize) -> f64,
        bar: &ProgressBar,
    ) -> Result<Seen> {
        let device = network.device();
        let (taken, before) = self.taken;
        let mut sums = Tensor::f_from_slice(&[before.loss, before.right])?.to_device(device);
        let mut count = before.images;
        let mut seen = Seen::of(taken, before);
        let batches = self.batches();
        bar.inc(taken as u64);
        for (step, indices) in batches.iter().enumerate().skip(taken) {
            optimizer.set_learning_rate(rate(step));
            let (learnt, labels) = self.step(network, optimizer, step, indices)?;
            if let Some(average) = &mut average {
                average.take(network)?;
            }
            let right = learnt.logits.f_argmax(1, false)?.f_eq_tensor(&labels)?;
            let sum = learnt.loss * indices.len() as f64;
            let step_sums = [sum.to_kind(Kind::Double), right.f_sum(Kind::Double)?];
            sums += Tensor::f_stack(&step_sums, 0)?;
            count += indices.len();
            bar.inc(1);
            let stop = self.stop.is_asked();
            let glance = device == Device::Cpu || step % GLANCE == 0;
            if stop || glance || step + 1 == batches.len() {
                let added = Sums {
                    loss: sums.f_double_value(&[0])?,
                    right: sums.f_double_value(&[1])?,
                    images: count,
                };
                seen = Seen::of(step + 1, added);
                bar.set_message(format!(
                    "loss {:.3}, right {:.1} %",
                    seen.loss,
                    100.0 * seen.accuracy
                ));
            }
            if stop || !seen.loss.is_finite() {
                break;
            }
        }
        Ok(seen)
    }

    /// A step; what it saw, and the classes of its images.
    fn step(
        &self,
        network: &Network,
        optimizer: &mut Optimizer,
        step: usize,
        indices: &[usize],
    ) -> Result<(Learnt, Tensor)> {
        let (images, labels) = batch(self.examples, indices, network.device())?;
        let seed = |purpose| step_seed(self.seed, purpose, self.epoch as u64, step as u64);
        let images = self.augment.apply(&images, seed(Purpose::Augmentation))?;
        let (images, wanted) = match self.mixup {
            Some(alpha) => {
                let classes = self.examples.dataset.classes.len();
                mixup(&images, &labels, classes, alpha, seed(Purpose::Mixing))?
            }
            None => (images, labels.shallow_clone()),
        };
        let attack = self.attack.map(|attack| {
            let grown = (self.steps_before + step) as f64 / self.ramp;
            // No ramp divides by zero: the first step is not a number, the others infinite.
            let attack = attack.scaled(if grown < 1.0 { grown } else { 1.0 });
            (attack, seed(Purpose::Attack))
        });
        let lesson = Lesson {
            images: &images,
            labels: &wanted,
            attack,
            class_weights: self.class_weights.as_ref(),
            objective: self.objective,
            seed: seed(Purpose::Dropout),
        };
        Ok((learn(network, optimizer, &lesson)?, labels))
    }
}
