//! One step of a training.

use anyhow::Result;
use tch::{Reduction, Tensor};

use super::optimizer::Optimizer;
use crate::attack::{Attack, pgd};
use crate::torch::{Mode, Network};

/// What a step saw.
pub(crate) struct Learnt {
    /// The mean cross-entropy before the step, a scalar without history.
    pub(crate) loss: Tensor,
    /// The logits `[N, K]` that it was computed from.
    pub(crate) logits: Tensor,
}

/// Attacks the images where an attack and its seed are given, and descends along the gradient of the mean cross-entropy.
/// `images` are `[N, 3, H, W]` in [0, 1], `labels` `[N]`.
pub(crate) fn learn(
    network: &Network,
    optimizer: &mut Optimizer,
    images: &Tensor,
    labels: &Tensor,
    attack: Option<(Attack, u64)>,
) -> Result<Learnt> {
    let attacked = attack
        .map(|(attack, seed)| pgd(network, images, labels, &attack, seed))
        .transpose()?;
    let logits = network.forward(attacked.as_ref().unwrap_or(images), Mode::Train)?;
    let loss = logits.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
    optimizer.descend(&loss)?;
    Ok(Learnt {
        loss: loss.detach(),
        logits: logits.detach(),
    })
}
