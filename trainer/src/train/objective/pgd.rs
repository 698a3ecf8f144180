//! Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018), and plain training.

use anyhow::Result;
use tch::Tensor;

use super::{Lesson, trained};
use crate::torch::Network;

/// The mean cross-entropy of the images as they are shown, and their logits.
pub(super) fn loss(
    network: &Network,
    lesson: &Lesson<'_>,
    shown: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let logits = trained(network, shown)?;
    Ok((lesson.cross_entropy(&logits)?, logits))
}
