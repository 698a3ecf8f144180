//! MART: Wang et al., *Improving Adversarial Robustness Requires Revisiting Misclassified Examples* (2020).

use anyhow::Result;
use tch::{Kind, Tensor};

use super::{Lesson, divergence, trained};
use crate::torch::Network;

/// Keeps logarithms and weights from 0, as the authors' code does.
const SMALL: f64 = 1e-12;
const MORE_THAN_ONE: f64 = 1.0 + 1e-7;
const MORE_THAN_ONE_BY_MARGIN: f64 = 1.0001;

/// `BCE(attacked) + β · KL(clean ‖ attacked) · (1 − p(true | clean))`, means over the images, and the attacked images' logits. The
/// boosted cross-entropy adds `−ln(1 − max p(wrong))`.
pub(super) fn loss(
    network: &Network,
    lesson: &Lesson<'_>,
    attacked: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let clean = trained(network, lesson.images)?;
    let logits = trained(network, attacked)?;
    let shares = logits.f_softmax(1, Kind::Float)?;
    let own = lesson.classes()?.f_unsqueeze(1)?;
    let wrong = shares
        .f_scatter_value(1, &own, 0.0)?
        .f_amax(&[1_i64][..], false)?;
    let rest: Tensor = MORE_THAN_ONE_BY_MARGIN - wrong;
    let margin = (rest + SMALL).f_log()?.f_mean(Kind::Float)?;
    let boosted = lesson.cross_entropy(&logits)? - margin;
    let moved = divergence(&clean, &(shares + SMALL).f_log()?)?;
    let certain = clean.f_softmax(1, Kind::Float)?.f_gather(1, &own, false)?;
    let doubt: Tensor = MORE_THAN_ONE - certain.f_squeeze_dim(1)?;
    let moved = (moved * doubt).f_mean(Kind::Float)?;
    Ok((boosted + moved * lesson.objective.beta, logits))
}
