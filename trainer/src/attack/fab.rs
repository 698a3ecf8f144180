//! FAB: from boundary to boundary, ever nearer to the image.
//!
//! Croce and Hein, *Minimally distorted adversarial examples with a fast adaptive boundary attack* (2020), targeted at one class at a time.

use anyhow::Result;
use pellucid_shared::card::Norm;
use tch::{Kind, Tensor};

use super::Attack;
use super::ball::{direction, lengths, per_image};
use super::hyperplane::onto_hyperplane;
use super::losses::{lead, told_wrongly};
use super::pgd::logits;
use crate::torch::{Network, gradients, random};

/// How far beyond the boundary a step goes.
const BEYOND: f64 = 1.05;
/// The largest share of the image's own way to the boundary in a step.
const MOST_OF_CLEAN: f64 = 0.1;
/// How far from the image it begins again after it was told wrongly.
const BACK: f64 = 0.9;

/// For each image `[N, 3, H, W]` of a class `labels` `[N]` the nearest one that is told wrongly among those on the way to the boundary of class `targets` `[N]`; the
/// image itself where there is none. It looks for the shortest way and knows no radius: what is beyond the ball is no attack. `seed` is that of a
/// start at random; without it, it starts at the image.
///
/// # Errors
/// Where the network fails.
pub(super) fn fab(
    network: &Network,
    clean: &Tensor,
    labels: &Tensor,
    targets: &Tensor,
    ball: &Attack,
    seed: Option<u64>,
) -> Result<Tensor> {
    let shape = per_image(&clean.size());
    let mut nearest = clean.copy();
    let mut distance = Tensor::f_full(shape, f64::INFINITY, (Kind::Float, clean.device()))?;
    let mut at = match seed {
        None => clean.copy(),
        Some(seed) => start(clean, ball, seed)?,
    };
    for _ in 0..ball.steps {
        let (towards, rise) = plane(network, &at, labels, targets)?;
        let (own, of_clean) = ways(ball.norm, &at, clean, &towards, &rise)?;
        let (own_length, clean_length) =
            (lengths(ball.norm, &own)?, lengths(ball.norm, &of_clean)?);
        let (own_length, clean_length) = (
            own_length.f_clamp_min(1e-8)?,
            clean_length.f_clamp_min(1e-8)?,
        );
        let share = (&own_length / (&own_length + &clean_length)).f_clamp(0.0, MOST_OF_CLEAN)?;
        let rest: Tensor = 1.0 - &share;
        let own = (&at + own * BEYOND) * rest;
        let of_clean = (clean + of_clean * BEYOND) * share;
        let next: Tensor = own + of_clean;
        at = next.f_clamp(0.0, 1.0)?;

        let answers = tch::no_grad(|| logits(network, &at))?;
        let wrong = told_wrongly(&answers, labels)?.f_view(&shape[..])?;
        let offset = &at - clean;
        let length = lengths(ball.norm, &offset)?;
        let nearer = wrong.f_logical_and(&length.f_lt_tensor(&distance)?)?;
        nearest = at.f_where_self(&nearer, &nearest)?;
        distance = length.f_where_self(&nearer, &distance)?;
        at = (clean + offset * BACK).f_where_self(&wrong, &at)?;
    }
    Ok(nearest)
}

/// Half a radius away at random.
fn start(clean: &Tensor, ball: &Attack, seed: u64) -> Result<Tensor> {
    let noise = random::normal(seed, &clean.size(), clean.device())?;
    let offset = match ball.norm {
        Norm::Linf => {
            let uniform = random::uniform(seed, &clean.size(), clean.device())?;
            uniform * 2.0 - 1.0
        }
        norm => direction(norm, &noise)?,
    };
    Ok((clean + offset * (0.5 * ball.epsilon)).f_clamp(0.0, 1.0)?)
}

/// The boundary to the target, linearised at images: the slope `[N, 3, H, W]` of the target's lead, and what is to be made up for `[N]`.
fn plane(
    network: &Network,
    at: &Tensor,
    labels: &Tensor,
    targets: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let image = at.detach().f_set_requires_grad(true)?;
    let lead = lead(&logits(network, &image)?, labels, targets)?;
    let slope = gradients(&lead.f_sum(Kind::Float)?, &[&image])?;
    let slope = slope.into_iter().next();
    let slope = slope.map_or_else(|| image.f_zeros_like(), Ok)?;
    Ok((slope, -lead.detach()))
}

/// The shortest ways to the plane, from the position and from the image.
fn ways(
    norm: Norm,
    at: &Tensor,
    clean: &Tensor,
    slope: &Tensor,
    rise: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let flat = |tensor: &Tensor| tensor.f_flatten(1, -1);
    let (points, from, weights) = (flat(at)?, flat(clean)?, flat(slope)?);
    let offset = (&points - &from).to_kind(Kind::Double) * weights.to_kind(Kind::Double);
    let offset = offset.f_sum_dim_intlist(&[1_i64][..], false, Kind::Double)?;
    let rise = rise.to_kind(Kind::Double);
    let own = onto_hyperplane(norm, &points, &weights, &rise)?;
    let of_clean = onto_hyperplane(norm, &from, &weights, &(rise + offset))?;
    let shape = at.size();
    Ok((own.f_view(&shape[..])?, of_clean.f_view(&shape[..])?))
}
