//! One pass over the training images.

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use tch::{Kind, Tensor};

use super::Augment;
use super::optimizer::Optimizer;
use super::seeds::{Purpose, step_seed};
use super::step::{Learnt, learn};
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
    pub(super) attack: Option<Attack>,
    /// The attack grows to its full size over so many steps, of which `steps_before` are done.
    pub(super) ramp: f64,
    pub(super) steps_before: usize,
    pub(super) stop: &'a Stop,
}

/// Mean loss and accuracy of the images as the network saw them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
}

/// Steps after which the sums are fetched from the device, for the bar and to notice a loss that is no number.
const GLANCE: usize = 10;

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
    /// asked to.
    pub(super) fn run(
        &self,
        network: &Network,
        optimizer: &mut Optimizer,
        rate: impl Fn(usize) -> f64,
        bar: &ProgressBar,
    ) -> Result<Seen> {
        let device = network.device();
        let mut sums = Tensor::f_zeros([2], (Kind::Double, device))?;
        let mut count = 0;
        let mut seen = Seen::default();
        let batches = self.batches();
        for (step, indices) in batches.iter().enumerate() {
            let (images, labels) = batch(self.examples, indices, device)?;
            let seed = |purpose| step_seed(self.seed, purpose, self.epoch as u64, step as u64);
            let images = self.augment.apply(&images, seed(Purpose::Augmentation))?;
            let attack = self.attack.map(|attack| {
                let grown = (self.steps_before + step) as f64 / self.ramp;
                // No ramp divides by zero: the first step is not a number, the others infinite.
                let attack = attack.scaled(if grown < 1.0 { grown } else { 1.0 });
                (attack, seed(Purpose::Attack))
            });
            optimizer.set_learning_rate(rate(step))?;
            let Learnt { loss, logits } = learn(network, optimizer, &images, &labels, attack)?;

            let right = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?;
            let sum = loss * indices.len() as f64;
            let step_sums = [sum.to_kind(Kind::Double), right.f_sum(Kind::Double)?];
            sums += Tensor::f_stack(&step_sums, 0)?;
            count += indices.len();
            bar.inc(1);
            let stop = self.stop.is_asked();
            if stop || step % GLANCE == 0 || step + 1 == batches.len() {
                seen = Seen {
                    loss: sums.f_double_value(&[0])? / count as f64,
                    accuracy: sums.f_double_value(&[1])? / count as f64,
                };
                ensure!(
                    seen.loss.is_finite(),
                    "the loss stopped being a number in epoch {}: choose a lower --lr",
                    self.epoch + 1
                );
                bar.set_message(format!(
                    "loss {:.3}, right {:.1} %",
                    seen.loss,
                    100.0 * seen.accuracy
                ));
            }
            if stop {
                break;
            }
        }
        Ok(seen)
    }
}
