//! Auto-PGD: projected gradient ascent with momentum that halves its own steps.
//!
//! Croce and Hein, *Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks* (2020), algorithm 1.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::Attack;
use super::ball::{direction, per_image};
use super::losses::told_wrongly;
use super::pgd::{Loss, logits};
use crate::torch::{Network, gradients};

/// How much of a step is the gradient's; the rest is the last step again.
const MOMENTUM: f64 = 0.75;
/// The share of steps between two checkpoints that must raise the loss.
const RISING: f64 = 0.75;
/// The first step's length in radii.
const FIRST_STEP: f64 = 2.0;

/// Attacks images `[N, 3, H, W]` with true classes `labels` `[N]` in the ball, with as many steps: of each image one that is told wrongly, if
/// the way meets one, else the one with the highest loss.
///
/// # Errors
/// Where the network fails.
pub(super) fn apgd(
    network: &Network,
    clean: &Tensor,
    labels: &Tensor,
    ball: &Attack,
    seed: u64,
    loss: &Loss<'_>,
) -> Result<Tensor> {
    let shape = per_image(&clean.size());
    let mut at = ball.start(clean, seed)?;
    let mut before = at.copy();
    let mut point = Point::at(network, &at, labels, loss)?;
    let mut best = point.shallow_clone();
    let mut best_image = at.copy();
    let mut fallen = Fallen {
        image: at.copy(),
        is: point.wrong.shallow_clone(),
    };
    let mut step = Tensor::f_full(
        shape,
        FIRST_STEP * ball.epsilon,
        (Kind::Float, clean.device()),
    )?;
    let mut history = vec![point.losses.shallow_clone()];
    let mut checkpoints = Checkpoints::new(ball.steps);
    let mut last_check = (
        best.losses.shallow_clone(),
        point.wrong.f_ones_like()?.to_kind(Kind::Bool),
    );
    for done in 1..=ball.steps {
        if fallen.all()? {
            break;
        }
        let ascended = &at + direction(ball.norm, &point.gradient)? * &step;
        let ascended = ball.project(&ascended, clean)?;
        let momentum = if done == 1 { 1.0 } else { MOMENTUM };
        let moved = &at + (ascended - &at) * momentum + (&at - &before) * (1.0 - momentum);
        before = at;
        at = ball.project(&moved, clean)?;
        point = Point::at(network, &at, labels, loss)?;
        fallen.add(&at, &point.wrong)?;
        let higher = point.losses.f_gt_tensor(&best.losses)?;
        best_image = at.f_where_self(&higher.f_view(&shape[..])?, &best_image)?;
        best = point.where_(&higher, &best)?;
        history.push(point.losses.shallow_clone());
        if let Some(window) = checkpoints.reached(done) {
            let oscillates = rises(&history, window)?.f_le(RISING * window as f64)?;
            let (losses, halved) = &last_check;
            let stuck = losses
                .f_ge_tensor(&best.losses)?
                .f_logical_and(&halved.f_logical_not()?)?;
            let halve = oscillates.f_logical_or(&stuck)?;
            let mask = halve.f_view(&shape[..])?;
            step = (&step * 0.5).f_where_self(&mask, &step)?;
            at = best_image.f_where_self(&mask, &at)?;
            point = best.where_(&halve, &point)?;
            last_check = (best.losses.shallow_clone(), halve);
        }
    }
    fallen.or(&best_image)
}

/// What is known of a position.
struct Point {
    losses: Tensor,
    gradient: Tensor,
    wrong: Tensor,
}

impl Point {
    fn at(network: &Network, image: &Tensor, labels: &Tensor, loss: &Loss<'_>) -> Result<Self> {
        let image = image.detach().f_set_requires_grad(true)?;
        let logits = logits(network, &image)?;
        let losses = loss(&logits)?;
        let gradient = gradients(&losses.f_sum(Kind::Float)?, &[&image])?;
        let gradient = gradient.into_iter().next();
        Ok(Self {
            losses: losses.detach(),
            gradient: gradient.map_or_else(|| image.f_zeros_like(), Ok)?,
            wrong: told_wrongly(&logits.detach(), labels)?,
        })
    }

    fn shallow_clone(&self) -> Self {
        Self {
            losses: self.losses.shallow_clone(),
            gradient: self.gradient.shallow_clone(),
            wrong: self.wrong.shallow_clone(),
        }
    }

    /// This where the mask `[N]` says so, and otherwise the other.
    fn where_(&self, mask: &Tensor, other: &Self) -> Result<Self> {
        let per_pixel = mask.f_view(&per_image(&mask.size())[..])?;
        Ok(Self {
            losses: self.losses.f_where_self(mask, &other.losses)?,
            gradient: self.gradient.f_where_self(&per_pixel, &other.gradient)?,
            wrong: self.wrong.f_where_self(mask, &other.wrong)?,
        })
    }
}

/// Images that are told wrongly.
struct Fallen {
    image: Tensor,
    is: Tensor,
}

impl Fallen {
    fn all(&self) -> Result<bool> {
        Ok(self.is.f_all()?.f_int64_value(&[])? != 0)
    }

    fn add(&mut self, image: &Tensor, wrong: &Tensor) -> Result<()> {
        let new = wrong.f_logical_and(&self.is.f_logical_not()?)?;
        let mask = new.f_view(&per_image(&new.size())[..])?;
        self.image = image.f_where_self(&mask, &self.image)?;
        self.is = self.is.f_logical_or(wrong)?;
        Ok(())
    }

    fn or(&self, other: &Tensor) -> Result<Tensor> {
        let mask = self.is.f_view(&per_image(&self.is.size())[..])?;
        Ok(self.image.f_where_self(&mask, other)?)
    }
}

/// How many of the last `window` steps raised the loss, `[N]`.
fn rises(history: &[Tensor], window: usize) -> Result<Tensor> {
    let from = history.len().saturating_sub(window + 1);
    let losses = Tensor::f_stack(&history[from..], 0)?;
    let count = losses.size()[0];
    let (earlier, later) = (
        losses.f_slice(0, 0, count - 1, 1)?,
        losses.f_slice(0, 1, count, 1)?,
    );
    let rising = later.f_gt_tensor(&earlier)?;
    Ok(rising.f_sum_dim_intlist(&[0_i64][..], false, Kind::Int64)?)
}

/// When steps may be halved: after 22 % of the steps, then in windows that shrink by 3 % to no less than 6 %.
struct Checkpoints {
    window: usize,
    since: usize,
    shrink: usize,
    least: usize,
}

impl Checkpoints {
    fn new(steps: usize) -> Self {
        let share = |percent: usize| (percent * steps / 100).max(1);
        Self {
            window: share(22),
            since: 0,
            shrink: share(3),
            least: share(6),
        }
    }

    /// The window that ends with this step, if one does.
    fn reached(&mut self, done: usize) -> Option<usize> {
        if done - self.since < self.window {
            return None;
        }
        self.since = done;
        let window = self.window;
        self.window = window.saturating_sub(self.shrink).max(self.least);
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 100 steps, by the rule p₀ = 0, p₁ = 0.22, pⱼ₊₁ = pⱼ + max(pⱼ − pⱼ₋₁ − 0.03, 0.06) of the paper's equation 3.
    #[test]
    fn checkpoints_lie_where_the_paper_puts_them() {
        let mut checkpoints = Checkpoints::new(100);
        let found: Vec<usize> = (1..=100)
            .filter(|&done| checkpoints.reached(done).is_some())
            .collect();
        assert_eq!(found, [22, 41, 57, 70, 80, 87, 93, 99]);
        let mut few = Checkpoints::new(1);
        assert_eq!(few.reached(1), Some(1));
    }

    #[test]
    fn rises_are_counted_within_the_window() {
        let history: Vec<Tensor> = [[0.0_f32, 5.0], [1.0, 4.0], [1.0, 3.0], [2.0, 4.0]]
            .iter()
            .map(|losses| Tensor::from_slice(losses))
            .collect();
        let count = |window| Vec::<i64>::try_from(rises(&history, window).unwrap()).unwrap();
        assert_eq!(count(3), [2, 1]);
        assert_eq!(count(2), [1, 1]);
        assert_eq!(count(9), [2, 1]);
    }
}
