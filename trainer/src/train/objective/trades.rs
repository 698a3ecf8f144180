//! TRADES: Zhang et al., *Theoretically Principled Trade-off between Robustness and Accuracy* (2019).

use anyhow::Result;
use tch::{Kind, Tensor};

use super::{Lesson, divergence, trained};
use crate::attack::{Attack, maximise};
use crate::torch::{Mode, Network};

/// The images of the ball on which the network's answer differs most from that to the clean ones.
pub(super) fn attacked(
    network: &Network,
    images: &Tensor,
    attack: &Attack,
    seed: u64,
) -> Result<Tensor> {
    let clean = tch::no_grad(|| network.forward(images, Mode::Eval))?;
    maximise(network, images, attack, seed, &|logits| {
        divergence(&clean, &logits.f_log_softmax(1, Kind::Float)?)
    })
}

/// `CE(clean) + β · KL(clean ‖ attacked)`, means over the images, and the clean images' logits.
pub(super) fn loss(
    network: &Network,
    lesson: &Lesson<'_>,
    attacked: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let clean = trained(network, lesson.images)?;
    let moved = trained(network, attacked)?.f_log_softmax(1, Kind::Float)?;
    let moved = divergence(&clean, &moved)?.f_mean(Kind::Float)?;
    let loss = lesson.cross_entropy(&clean)? + moved * lesson.objective.beta;
    Ok((loss, clean))
}
