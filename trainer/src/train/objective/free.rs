//! Shafahi et al., *Adversarial Training for Free!* (2019): each batch is shown several times, and one backward pass gives the gradient
//! that the weights learn with and the one that the perturbation grows with. The authors let the perturbation of one batch be the start
//! of the next one's; here every batch has a start of its own, so that a training can go on where it was interrupted.

use anyhow::{Context, Result};

use super::{Learnt, Lesson, trained};
use crate::attack::Attack;
use crate::torch::Network;
use crate::torch::random::seeded;
use crate::train::Optimizer;

pub(super) fn learn(
    network: &Network,
    optimizer: &mut Optimizer,
    lesson: &Lesson<'_>,
    attack: &Attack,
    seed: u64,
) -> Result<Learnt> {
    attack.check()?;
    let clean = lesson.images.detach();
    let mut image = attack.start(&clean, seed)?;
    let mut learnt: Option<Learnt> = None;
    for replay in 0..lesson.objective.replays {
        let dropped = lesson.seed.wrapping_add(replay as u64);
        let shown = image.detach().f_set_requires_grad(true)?;
        let logits = seeded(dropped, || trained(network, &shown))?;
        let loss = lesson.cross_entropy(&logits)?;
        optimizer.descend(&loss)?;
        image = attack.next(&shown.detach(), &shown.grad(), &clean)?;
        learnt = Some(Learnt {
            loss: loss.detach(),
            logits: logits.detach(),
        });
    }
    learnt.context("a batch that is never shown teaches nothing")
}
