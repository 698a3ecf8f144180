//! Square Attack: random squares, kept where they help, without any gradient.
//!
//! Andriushchenko et al., *Square Attack: a query-efficient black-box adversarial attack via random search* (2020). A network whose gradients are masked withstands
//! the others and not this one.

use anyhow::Result;
use pellucid_shared::card::Norm;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::Attack;
use super::ball::{direction, lengths, per_image};
use super::losses::margin;
use super::pgd::logits;
use crate::torch::Network;

/// The share of the image that the first square takes.
const FIRST_SHARE: f64 = 0.8;
/// Cells of the first perturbation in L2 along a side.
const CELLS: i64 = 5;
/// Squares that are too small have no shape in L2.
const LEAST_SIDE: i64 = 3;

/// Looks for images `[N, 3, H, W]` in the ball at which the margin of the true classes `labels` `[N]` is least, with so many answers of the network for each;
/// an image that is told wrongly is left alone from then on.
///
/// # Errors
/// Where the network fails.
pub(super) fn square(
    network: &Network,
    clean: &Tensor,
    labels: &Tensor,
    ball: &Attack,
    queries: usize,
    seed: u64,
) -> Result<Tensor> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let first = match ball.norm {
        Norm::Linf => stripes(clean, ball, &mut dice)?,
        _ => cells(clean, ball, &mut dice)?,
    };
    let mut result = first.copy();
    let mut open = Open {
        places: Tensor::f_arange(clean.size()[0], (Kind::Int64, clean.device()))?,
        margins: margins(network, &first, labels)?,
        clean: clean.shallow_clone(),
        labels: labels.shallow_clone(),
        best: first,
    };
    for query in 1..queries {
        if !open.settle(&mut result)? {
            return Ok(result);
        }
        let share = share(query, queries);
        let tried = match ball.norm {
            Norm::Linf => open.recoloured(ball, share, &mut dice)?,
            _ => open.moved(ball, share, &mut dice)?,
        };
        open.keep(network, &tried)?;
    }
    open.write(&mut result)?;
    Ok(result)
}

/// Images that are told rightly still.
struct Open {
    /// Their places among all.
    places: Tensor,
    clean: Tensor,
    labels: Tensor,
    best: Tensor,
    margins: Tensor,
}

impl Open {
    fn write(&self, result: &mut Tensor) -> Result<()> {
        *result = result.f_index_copy(0, &self.places, &self.best)?;
        Ok(())
    }

    /// Leaves out images that are told wrongly once they are half of all, since a network makes ready for every number of images anew. Whether
    /// any is told rightly.
    fn settle(&mut self, result: &mut Tensor) -> Result<bool> {
        let standing = self.margins.f_gt(0.0)?;
        let count = standing.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        if 2 * count > self.margins.size()[0] {
            return Ok(true);
        }
        self.write(result)?;
        let kept = standing.f_nonzero()?.f_squeeze_dim(1)?;
        for tensor in [
            &mut self.places,
            &mut self.clean,
            &mut self.labels,
            &mut self.best,
            &mut self.margins,
        ] {
            *tensor = tensor.f_index_select(0, &kept)?;
        }
        Ok(count > 0)
    }

    /// Keeps what lowers the margin, of images that are told rightly still.
    fn keep(&mut self, network: &Network, tried: &Tensor) -> Result<()> {
        let margins = margins(network, tried, &self.labels)?;
        let better = margins
            .f_lt_tensor(&self.margins)?
            .f_logical_and(&self.margins.f_gt(0.0)?)?;
        self.margins = margins.f_where_self(&better, &self.margins)?;
        let mask = better.f_view(&per_image(&better.size())[..])?;
        self.best = tried.f_where_self(&mask, &self.best)?;
        Ok(())
    }

    /// In L∞: a square of one colour, at one end of the ball or the other in each channel.
    fn recoloured(&self, ball: &Attack, share: f64, dice: &mut impl Rng) -> Result<Tensor> {
        let [images, channels, height, width] = sizes(&self.best)?;
        let side =
            ((share * (height * width) as f64).sqrt().round() as i64).clamp(1, height.min(width));
        let (top, left) = (place(height - side, dice), place(width - side, dice));
        let colours = signs(&[images, channels, 1, 1], dice, &self.best)? * (2.0 * ball.epsilon);
        let tried = self.best.copy();
        let mut window = tried.f_narrow(2, top, side)?.f_narrow(3, left, side)?;
        let _ = window.f_add_(&colours)?;
        ball.project(&tried, &self.clean)
    }

    /// In L2: what one square of the perturbation holds goes to another, shaped like a hill beside a valley.
    fn moved(&self, ball: &Attack, share: f64, dice: &mut impl Rng) -> Result<Tensor> {
        let [images, channels, height, width] = sizes(&self.best)?;
        let least = height.min(width);
        let side = ((share * (height * width) as f64).sqrt().round() as i64).max(LEAST_SIDE);
        let side = (side + 1 - side % 2).min(least);
        let to = (place(height - side, dice), place(width - side, dice));
        let from = (place(height - side, dice), place(width - side, dice));
        let offset = &self.best - &self.clean;
        let window = |(top, left): (i64, i64), of: &Tensor| -> Result<Tensor> {
            Ok(of.f_narrow(2, top, side)?.f_narrow(3, left, side)?)
        };
        // What both squares hold may be spent on the new one, and what the ball has left.
        let whole = lengths(Norm::L2, &offset)?;
        let rest = offset.copy();
        for place in [to, from] {
            let _ = window(place, &rest)?.f_zero_()?;
        }
        let held = lengths(Norm::L2, &(&offset - rest))?.f_square()?;
        let left: Tensor = ball.epsilon.powi(2) - whole.f_square()?;
        let budget = (left.f_clamp_min(0.0)? / channels as f64 + held).f_sqrt()?;
        let old = window(to, &offset)?;
        let old = &old / (length_of_channels(&old)? + 1e-12);
        let hill = shape(side, dice, &self.best)?;
        let new = hill * signs(&[images, channels, 1, 1], dice, &self.best)? + old;
        let new = &new / (length_of_channels(&new)? + 1e-12) * budget;
        let moved = offset.copy();
        let _ = window(from, &moved)?.f_zero_()?;
        window(to, &moved)?.f_copy_(&new)?;
        let moved = direction(Norm::L2, &moved)? * ball.epsilon;
        ball.project(&(&self.clean + moved), &self.clean)
    }
}

fn margins(network: &Network, images: &Tensor, labels: &Tensor) -> Result<Tensor> {
    tch::no_grad(|| margin(&logits(network, images)?, labels))
}

/// The share of the image that a square takes, which falls as queries are used up: the published schedule of 10,000 queries, shrunk to as many as there are.
fn share(query: usize, queries: usize) -> f64 {
    let scaled = query * 10_000 / queries.max(1);
    let halvings = match scaled {
        0..=10 => 0,
        11..=50 => 1,
        51..=200 => 2,
        201..=500 => 3,
        501..=1000 => 4,
        1001..=2000 => 5,
        2001..=4000 => 6,
        4001..=6000 => 7,
        6001..=8000 => 8,
        _ => 9,
    };
    FIRST_SHARE / f64::from(1 << halvings)
}

/// In L∞ it begins with vertical stripes at the ends of the ball.
fn stripes(clean: &Tensor, ball: &Attack, dice: &mut impl Rng) -> Result<Tensor> {
    let [images, channels, _, width] = sizes(clean)?;
    let stripes = signs(&[images, channels, 1, width], dice, clean)? * ball.epsilon;
    ball.project(&(clean + stripes), clean)
}

/// In L2 it begins with a grid of hills and valleys.
fn cells(clean: &Tensor, ball: &Attack, dice: &mut impl Rng) -> Result<Tensor> {
    let [images, channels, height, width] = sizes(clean)?;
    let side = (height / CELLS).min(width / CELLS).max(1);
    let offset = clean.f_zeros_like()?;
    for top in (0..=height - side).step_by(side as usize) {
        for left in (0..=width - side).step_by(side as usize) {
            let hill = shape(side, dice, clean)?;
            let cell = hill * signs(&[images, channels, 1, 1], dice, clean)?;
            let mut window = offset.f_narrow(2, top, side)?.f_narrow(3, left, side)?;
            let _ = window.f_add_(&cell)?;
        }
    }
    let offset = direction(Norm::L2, &offset)? * ball.epsilon;
    ball.project(&(clean + offset), clean)
}

/// A hill beside a valley, `[1, 1, side, side]`, of length 1, upright or lying.
fn shape(side: i64, dice: &mut impl Rng, like: &Tensor) -> Result<Tensor> {
    let size = side as usize;
    let mut numbers = vec![0.0_f32; size * size];
    let half = size / 2;
    heap(&mut numbers, size, 0..half, 1.0);
    heap(&mut numbers, size, half..size, -1.0);
    let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    let hill = Tensor::f_from_slice(&numbers)?.f_view([1, 1, side, side])? / f64::from(length);
    let hill = if dice.random_bool(0.5) {
        hill.f_transpose(2, 3)?
    } else {
        hill
    };
    Ok(hill.to_device(like.device()))
}

/// Adds rectangles around the middle of some rows, each larger and flatter than the last, of length 1 together.
fn heap(numbers: &mut [f32], width: usize, rows: std::ops::Range<usize>, sign: f32) {
    let height = rows.len();
    let (middle_row, middle) = (height / 2, width / 2);
    let mut heap = vec![0.0_f32; height * width];
    for reach in 0..=middle_row.max(middle) {
        let amount = 1.0 / ((reach + 1) * (reach + 1)) as f32;
        let within = |at: usize, middle: usize| at.abs_diff(middle) <= reach;
        for row in (0..height).filter(|&row| within(row, middle_row)) {
            for column in (0..width).filter(|&column| within(column, middle)) {
                heap[row * width + column] += amount;
            }
        }
    }
    let length = heap.iter().map(|n| n * n).sum::<f32>().sqrt();
    for (at, amount) in heap.iter().enumerate() {
        numbers[rows.start * width + at] = sign * amount / length;
    }
}

/// +1 or −1 by chance.
fn signs(shape: &[i64], dice: &mut impl Rng, like: &Tensor) -> Result<Tensor> {
    let count: i64 = shape.iter().product();
    let signs: Vec<f32> = (0..count)
        .map(|_| if dice.random_bool(0.5) { 1.0 } else { -1.0 })
        .collect();
    Ok(Tensor::f_from_slice(&signs)?
        .f_view(shape)?
        .to_device(like.device()))
}

fn place(room: i64, dice: &mut impl Rng) -> i64 {
    if room > 0 {
        dice.random_range(0..room)
    } else {
        0
    }
}

/// The L2 norm of each channel, `[N, C, 1, 1]`.
fn length_of_channels(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_norm_scalaropt_dim(2.0, &[2_i64, 3][..], true)?)
}

fn sizes(tensor: &Tensor) -> Result<[i64; 4]> {
    let sizes = tensor.size4()?;
    Ok([sizes.0, sizes.1, sizes.2, sizes.3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn squares_shrink_from_most_of_the_image_to_next_to_nothing() {
        assert_eq!(share(1, 10_000), 0.8);
        assert_eq!(share(11, 10_000), 0.4);
        assert_eq!(share(6, 1000), 0.2);
        assert_eq!(share(4999, 5000), 0.8 / 512.0);
    }

    #[test]
    fn a_shape_has_length_one_and_a_side_of_each_sign() {
        let mut dice = ChaCha8Rng::seed_from_u64(1);
        let like = Tensor::zeros([1], (Kind::Float, Device::Cpu));
        for side in [1_i64, 2, 3, 5, 8] {
            let hill = shape(side, &mut dice, &like).unwrap();
            let length = hill.norm().double_value(&[]);
            assert!((length - 1.0).abs() < 1e-5, "{side}: {length}");
            if side > 1 {
                assert!(hill.max().double_value(&[]) > 0.0 && hill.min().double_value(&[]) < 0.0);
            }
        }
    }
}
