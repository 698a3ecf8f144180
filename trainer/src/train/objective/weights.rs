//! Adversarial weight perturbation: Wu et al., *Adversarial Weight Perturbation Helps Robust Generalization* (2020).

use std::collections::HashSet;

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::torch::Network;
use crate::train::Optimizer;

/// Gives the parameters the gradients that the objective has where each layer's weights are moved by `reach` times their length in the
/// direction that raises it; the weights themselves are as before. Vectors (biases, normalizations) are not moved. Returns the loss
/// there and its logits.
pub(super) fn against(
    network: &Network,
    optimizer: &mut Optimizer,
    reach: f64,
    graded: impl Fn() -> Result<(Tensor, Tensor)>,
) -> Result<(Tensor, Tensor)> {
    let names: HashSet<String> = network
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let (weights, statistics): (Vec<_>, Vec<_>) = network
        .state()
        .into_iter()
        .partition(|(name, _)| names.contains(name));
    let (loss, _) = graded()?;
    optimizer.forget_gradients();
    loss.f_backward()?;
    // The look around must not count in the running statistics.
    network.load_state(&statistics)?;
    tch::no_grad(|| -> Result<()> {
        for (weight, offset) in moves(optimizer, reach)? {
            let _ = weight.shallow_clone().f_add_(&offset)?;
        }
        Ok(())
    })?;
    optimizer.forget_gradients();
    let seen = graded().and_then(|(loss, logits)| {
        loss.f_backward()?;
        Ok((loss, logits))
    });
    // To the bit as they were: subtracting what was added would round.
    network.load_state(&weights)?;
    seen
}

/// How far each layer's weights are moved.
fn moves(optimizer: &Optimizer, reach: f64) -> Result<Vec<(Tensor, Tensor)>> {
    let mut moves = vec![];
    for weight in optimizer.parameters() {
        let gradient = weight.grad();
        if weight.dim() <= 1 || !gradient.defined() {
            continue;
        }
        let length = gradient
            .f_norm()?
            .f_clamp_min(f64::from(f32::MIN_POSITIVE))?;
        let factor = weight.f_norm()? / length * reach;
        moves.push((
            weight.shallow_clone(),
            (gradient * factor).to_kind(Kind::Float),
        ));
    }
    Ok(moves)
}
