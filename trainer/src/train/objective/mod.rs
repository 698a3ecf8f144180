//! What a step makes small: a file for each.

mod free;
mod mart;
mod pgd;
mod trades;
mod weights;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use pellucid_shared::card::Norm;
use serde::Serialize;
use tch::{Kind, Reduction, Tensor};

use super::Optimizer;
use crate::attack::Attack;
use crate::torch::random::seeded;
use crate::torch::{Mode, Network};

/// What a training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The cross-entropy of attacked images (Madry et al., 2018).
    #[default]
    Pgd,
    /// That of clean ones, and how much an attack moves the answer (Zhang et al., 2019).
    Trades,
    /// That of attacked ones with a margin, and the same, more for images that are told wrongly (Wang et al., 2020).
    Mart,
    /// That of attacked ones, whose attack uses the gradients that the weights are learnt with (Shafahi et al., 2019).
    Free,
}

/// How a training withstands its attack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// What is made small.
    pub method: Method,
    /// How much TRADES and MART weigh that the answer moves.
    pub beta: f64,
    /// How often [`Method::Free`] shows each batch.
    pub replays: usize,
    /// How far weights are moved against the training, relative to their length (adversarial weight perturbation, Wu et al., 2020).
    pub weight_perturbation: Option<f64>,
    /// How much of a class is shared among all (Szegedy et al., 2016), 0 to below 1.
    pub smoothing: f64,
}

impl Default for Objective {
    /// Plain adversarial training; β and the number of replays as their papers have them.
    fn default() -> Self {
        Self {
            method: Method::Pgd,
            beta: 6.0,
            replays: 4,
            weight_perturbation: None,
            smoothing: 0.0,
        }
    }
}

impl Objective {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self, attack: Option<&Attack>) -> Result<()> {
        ensure!(
            self.method == Method::Pgd || attack.is_some(),
            "--method {} is a way to withstand an attack: give --adversarial too",
            self.method
                .to_possible_value()
                .map_or_else(String::new, |value| value.get_name().to_owned())
        );
        ensure!(
            self.weight_perturbation.is_none() || self.method != Method::Free,
            "--awp needs a method that attacks before it learns: not --method free"
        );
        ensure!(
            self.method != Method::Free
                || attack.is_none_or(|a| a.norm != Norm::Fourier && a.target.is_none()),
            "--method free goes with attacks on pixels that aim at no class"
        );
        ensure!(self.replays > 0, "--replays must be 1 or more");
        ensure!(
            self.beta.is_finite() && self.beta >= 0.0,
            "--beta must be 0 or more"
        );
        ensure!(
            (0.0..1.0).contains(&self.smoothing),
            "--label-smoothing must be from 0 to below 1"
        );
        Ok(())
    }
}

/// What a step is shown.
pub(crate) struct Lesson<'a> {
    /// `[N, 3, H, W]` in [0, 1].
    pub(crate) images: &'a Tensor,
    /// Classes `[N]`, or shares of classes `[N, K]`.
    pub(crate) labels: &'a Tensor,
    /// The attack to withstand, and its seed.
    pub(crate) attack: Option<(Attack, u64)>,
    /// How much each class counts, `[K]`; all alike where there is none.
    pub(crate) class_weights: Option<&'a Tensor>,
    pub(crate) objective: Objective,
    /// Decides what dropout drops.
    pub(crate) seed: u64,
}

/// What a step saw.
pub(crate) struct Learnt {
    /// The loss before the step, a scalar without history.
    pub(crate) loss: Tensor,
    /// The logits `[N, K]` that it was computed from.
    pub(crate) logits: Tensor,
}

/// Learns from images: attacks them, and descends along the gradient of the objective.
pub(crate) fn learn(
    network: &Network,
    optimizer: &mut Optimizer,
    lesson: &Lesson<'_>,
) -> Result<Learnt> {
    if let (Method::Free, Some((attack, seed))) = (lesson.objective.method, lesson.attack) {
        return free::learn(network, optimizer, lesson, &attack, seed);
    }
    let attacked = lesson.attacked(network)?;
    let shown = attacked.as_ref().unwrap_or(lesson.images);
    let graded = || -> Result<(Tensor, Tensor)> {
        seeded(lesson.seed, || match lesson.objective.method {
            Method::Pgd | Method::Free => pgd::loss(network, lesson, shown),
            Method::Trades => trades::loss(network, lesson, shown),
            Method::Mart => mart::loss(network, lesson, shown),
        })
    };
    let (loss, logits) = match lesson.objective.weight_perturbation {
        Some(reach) => weights::against(network, optimizer, reach, graded)?,
        None => {
            let (loss, logits) = graded()?;
            optimizer.forget_gradients();
            loss.f_backward()?;
            (loss, logits)
        }
    };
    optimizer.step()?;
    Ok(Learnt {
        loss: loss.detach(),
        logits: logits.detach(),
    })
}

impl Lesson<'_> {
    /// The images as the attack leaves them; none without an attack.
    fn attacked(&self, network: &Network) -> Result<Option<Tensor>> {
        let Some((attack, seed)) = self.attack else {
            return Ok(None);
        };
        let attacked = match self.objective.method {
            Method::Trades => trades::attacked(network, self.images, &attack, seed),
            _ => crate::attack::pgd(network, self.images, self.labels, &attack, seed),
        };
        attacked.map(Some)
    }

    /// The mean cross-entropy of logits.
    fn cross_entropy(&self, logits: &Tensor) -> Result<Tensor> {
        Ok(logits.f_cross_entropy_loss(
            self.labels,
            self.class_weights,
            Reduction::Mean,
            -100,
            self.objective.smoothing,
        )?)
    }

    /// The class of each image, `[N]`; of several the largest share.
    fn classes(&self) -> Result<Tensor> {
        Ok(match self.labels.kind() {
            Kind::Int64 => self.labels.shallow_clone(),
            _ => self.labels.f_argmax(1, false)?,
        })
    }
}

/// The logits in train mode.
fn trained(network: &Network, images: &Tensor) -> Result<Tensor> {
    network.forward(images, Mode::Train)
}

/// `Σ p ln(p / q)` of each image, `[N]`, by the logits of `p` and the logarithms of `q`.
fn divergence(of: &Tensor, from: &Tensor) -> Result<Tensor> {
    let own = of.f_log_softmax(1, Kind::Float)?;
    let terms = own.f_exp()? * (&own - from);
    Ok(terms.f_sum_dim_intlist(&[1_i64][..], false, Kind::Float)?)
}

#[cfg(test)]
mod tests;
