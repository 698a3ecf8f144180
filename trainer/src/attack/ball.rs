//! Where an attack may go: its start, its steps, and the way back into its ball.

use anyhow::Result;
use pellucid_shared::card::Norm;
use tch::{Kind, Tensor};

use super::Attack;
use crate::torch::random;

/// The share of an image's numbers that a step of an L1 attack changes: the direction that raises the loss most is one number
/// alone, which takes very many steps (SLIDE; Tramèr and Boneh, *Adversarial Training and Robustness for Multiple
/// Perturbations*, 2019, who change 1 to 20 %).
const L1_SHARE: f64 = 0.05;

impl Attack {
    /// The positions of images: themselves, or, for an attack in the spectrum, that of their logits.
    pub(super) fn embed(&self, clean: &Tensor) -> Result<Tensor> {
        if self.norm != Norm::Fourier {
            return Ok(clean.copy());
        }
        // The logit of 0 and 1 is infinite: half an 8-bit level from them is near enough.
        let inside = clean.f_clamp(0.5 / 255.0, 254.5 / 255.0)?;
        let spectrum =
            inside
                .f_logit(None::<f64>)?
                .f_fft_rfft2(None::<&[i64]>, &[-2_i64, -1][..], "ortho")?;
        Ok(spectrum.f_view_as_real()?)
    }

    /// Where an attack that has no spectrum begins.
    pub(crate) fn start(&self, clean: &Tensor, seed: u64) -> Result<Tensor> {
        if self.random_start {
            self.perturbed(clean, seed)
        } else {
            Ok(clean.copy())
        }
    }

    /// Where it goes from an image with that gradient of the loss.
    pub(crate) fn next(&self, image: &Tensor, gradient: &Tensor, clean: &Tensor) -> Result<Tensor> {
        self.project(&self.moved(image, gradient)?, clean)
    }

    /// The images at positions; gradients flow through.
    pub(super) fn images(&self, position: &Tensor, shape: &[i64]) -> Result<Tensor> {
        if self.norm != Norm::Fourier {
            return Ok(position.shallow_clone());
        }
        let side = &shape[2..];
        let values =
            position
                .f_view_as_complex()?
                .f_fft_irfft2(Some(side), &[-2_i64, -1][..], "ortho")?;
        Ok(values.f_sigmoid()?)
    }

    /// A position around each image's own. In a ball: uniform in it but for the clamping to [0, 1]; without one: normal with the
    /// step's length as deviation; in the spectrum: the image's own.
    pub(super) fn perturbed(&self, position: &Tensor, seed: u64) -> Result<Tensor> {
        let shape = position.size();
        let device = position.device();
        let offset = match self.norm {
            Norm::Fourier => return Ok(position.copy()),
            Norm::Unconstrained => random::normal(seed, &shape, device)? * self.step_size,
            Norm::Linf => (random::uniform(seed, &shape, device)? * 2.0 - 1.0) * self.epsilon,
            Norm::L2 => {
                let direction = unit(&random::normal(seed, &shape, device)?)?;
                // The radius u^(1/d) makes the density uniform in a ball of d dimensions.
                let dimensions: i64 = shape.iter().skip(1).product();
                let images = per_image(&[shape[0]]);
                let radius = random::uniform(seed.wrapping_add(1), &images, device)?;
                let radius = radius.f_pow_tensor_scalar(1.0 / dimensions.max(1) as f64)?;
                direction * radius * self.epsilon
            }
            Norm::L1 => {
                // Lengths of d + 1 exponential numbers, one of them left out, are uniform in a simplex; signs make it the ball.
                let signs = random::uniform(seed, &shape, device)?
                    .f_sub_scalar(0.5)?
                    .f_sign()?;
                let lengths = exponential(seed.wrapping_add(1), &shape, device)?;
                let left_out = exponential(seed.wrapping_add(2), &per_image(&[shape[0]]), device)?;
                let total = sum(&lengths)? + left_out;
                signs * (lengths / total) * self.epsilon
            }
        };
        let offset = offset.to_kind(position.kind());
        Ok((position + offset).f_clamp(0.0, 1.0)?)
    }

    /// A step that raises the loss. A zero gradient has no direction and moves nothing.
    pub(super) fn moved(&self, position: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        Ok(position + direction(self.norm, gradient)? * self.step_size)
    }

    /// Whether images `[N, 3, H, W]` lie in the ball around others and in [0, 1], `[N]`; what adding an offset to float32 pixels rounds is no way out.
    pub(super) fn holds(&self, images: &Tensor, clean: &Tensor) -> Result<Tensor> {
        let offset = images - clean;
        let numbers: i64 = clean.size().iter().skip(1).product();
        let rounding = match self.norm {
            Norm::Linf => ROUNDING,
            _ => ROUNDING * (numbers as f64).sqrt(),
        };
        let near = lengths(self.norm, &offset)?.f_le(self.epsilon * (1.0 + 1e-6) + rounding)?;
        let (low, high) = (images.f_ge(0.0)?, images.f_le(1.0)?);
        let within = low.f_logical_and(&high)?.f_flatten(1, -1)?;
        let near = near.f_view(&[-1_i64][..])?;
        Ok(near.f_logical_and(&within.f_all_dim(1, false)?)?)
    }

    /// The nearest position in the ball, then in [0, 1]; the second step does not leave the ball, since the clean image
    /// lies in [0, 1] too and each pixel only moves towards it.
    pub(super) fn project(&self, position: &Tensor, clean: &Tensor) -> Result<Tensor> {
        if self.norm == Norm::Fourier {
            return Ok(position.shallow_clone());
        }
        let offset = position - clean;
        let offset = match self.norm {
            Norm::Unconstrained | Norm::Fourier => offset,
            Norm::Linf => offset.f_clamp(-self.epsilon, self.epsilon)?,
            Norm::L2 => {
                let length = norm(&offset)?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?;
                let factor = (length.f_reciprocal()? * self.epsilon).f_clamp_max(1.0)?;
                offset * factor
            }
            Norm::L1 => onto_l1(&offset, self.epsilon)?,
        };
        Ok((clean + offset).f_clamp(0.0, 1.0)?)
    }
}

/// The shape `[N, 1, 1, 1]` that broadcasts a number per image over its pixels.
pub(super) fn per_image(shape: &[i64]) -> [i64; 4] {
    [shape.first().copied().unwrap_or(0), 1, 1, 1]
}

/// What rounding does to a pixel at most.
const ROUNDING: f64 = 1.2e-7;

/// The way that raises the loss most in a norm, of length 1; zero stays zero. Without a ball it is the gradient itself.
pub(super) fn direction(norm: Norm, gradient: &Tensor) -> Result<Tensor> {
    match norm {
        Norm::Linf => Ok(gradient.f_sign()?),
        Norm::L2 => unit(gradient),
        Norm::L1 => steepest(gradient),
        Norm::Unconstrained | Norm::Fourier => Ok(gradient.shallow_clone()),
    }
}

/// The length of each offset in L∞ or else L2, `[N, 1, 1, 1]`.
pub(super) fn lengths(kind: Norm, offset: &Tensor) -> Result<Tensor> {
    match kind {
        Norm::Linf => Ok(offset.f_abs()?.f_amax(&[1_i64, 2, 3][..], true)?),
        _ => norm(offset),
    }
}

/// The L2 norm over all but the first dimension, `[N, 1, 1, 1]`.
fn norm(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_norm_scalaropt_dim(2.0, &[1_i64, 2, 3][..], true)?)
}

/// The sum over all but the first dimension, `[N, 1, 1, 1]`.
fn sum(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_sum_dim_intlist(&[1_i64, 2, 3][..], true, tensor.kind())?)
}

/// Each image's vector at length 1; zero stays zero. Dividing by the largest component first keeps the squares of a tiny
/// gradient, as a confident network has it, from vanishing in float32.
pub(super) fn unit(tensor: &Tensor) -> Result<Tensor> {
    let smallest = f64::from(f32::MIN_POSITIVE);
    let largest = tensor.f_abs()?.f_amax(&[1_i64, 2, 3][..], true)?;
    let scaled = tensor / largest.f_clamp_min(smallest)?;
    let length = norm(&scaled)?.f_clamp_min(smallest)?;
    Ok(scaled / length)
}

/// The signs of each image's largest numbers, [`L1_SHARE`] of them, at an L1 norm of 1; zero stays zero.
fn steepest(gradient: &Tensor) -> Result<Tensor> {
    let count: i64 = gradient.size().iter().skip(1).product();
    let kept = ((L1_SHARE * count as f64).ceil() as i64).clamp(1, count.max(1));
    let flat = gradient.f_abs()?.f_flatten(1, -1)?;
    let (largest, _) = flat.f_topk(kept, 1, true, true)?;
    let bound = largest
        .f_slice(1, kept - 1, kept, 1)?
        .f_view(&per_image(&gradient.size())[..])?;
    let chosen = gradient.f_abs()?.f_ge_tensor(&bound)?;
    let signs = gradient.f_sign()? * chosen.to_kind(gradient.kind());
    let length = sum(&signs.f_abs()?)?.f_clamp_min(1.0)?;
    Ok(signs / length)
}

/// The nearest points of the L1 ball (Duchi et al., *Efficient Projections onto the ℓ1-Ball*, 2008).
fn onto_l1(offset: &Tensor, radius: f64) -> Result<Tensor> {
    let shape = offset.size();
    let sizes = offset.f_abs()?.f_flatten(1, -1)?;
    let (sorted, _) = sizes.f_sort(1, true)?;
    let sums = sorted.f_cumsum(1, Kind::Double)?;
    let ranks = Tensor::f_arange_start(1, sorted.size()[1] + 1, (Kind::Double, offset.device()))?;
    let bounds = (sums - radius) / &ranks;
    // The last rank whose number is above its bound decides; the first always is where the radius is above 0.
    let above = sorted.to_kind(Kind::Double).f_gt_tensor(&bounds)?;
    let last = above
        .to_kind(Kind::Int64)
        .f_sum_dim_intlist(&[1_i64][..], true, Kind::Int64)?;
    let last = (last - 1).f_clamp_min(0)?;
    let bound = bounds.f_gather(1, &last, false)?.f_clamp_min(0.0)?;
    let bound = bound
        .to_kind(offset.kind())
        .f_view(&per_image(&shape)[..])?;
    Ok(offset.f_sign()? * (offset.f_abs()? - bound).f_clamp_min(0.0)?)
}

/// Exponential numbers of mean 1.
fn exponential(seed: u64, shape: &[i64], device: tch::Device) -> Result<Tensor> {
    let uniform = random::uniform(seed, shape, device)?;
    // In [0, 1): 1 − u has a logarithm.
    let rest: Tensor = 1.0 - uniform;
    Ok(-rest.f_log()?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    #[test]
    fn a_zero_or_tiny_gradient_divides_by_nothing() {
        let zero = Tensor::zeros([1, 3, 2, 2], (Kind::Float, Device::Cpu));
        assert!(unit(&zero).unwrap().equal(&zero));
        assert!(steepest(&zero).unwrap().equal(&zero));
        let tiny = Tensor::full([1, 3, 2, 2], 1e-30, (Kind::Float, Device::Cpu));
        let length = numbers(&norm(&unit(&tiny).unwrap()).unwrap())[0];
        assert!((length - 1.0).abs() < 1e-6, "{length}");
    }

    /// Solved by hand: of (3, −1, 0.5) at radius 2 the bound is 1, since (3 + 1 − 2) / 2 = 1 leaves (2, 0, 0); at radius 3 it is 0.5.
    #[test]
    fn the_l1_ball_is_reached_by_the_shortest_way() {
        let offset = Tensor::from_slice(&[3.0_f32, -1.0, 0.5]).view([1, 3, 1, 1]);
        for (radius, expected) in [
            (2.0, [2.0, 0.0, 0.0]),
            (3.0, [2.5, -0.5, 0.0]),
            (4.5, [3.0, -1.0, 0.5]),
            (9.0, [3.0, -1.0, 0.5]),
        ] {
            let found = numbers(&onto_l1(&offset, radius).unwrap());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{radius}: {found}");
            }
        }
    }

    #[test]
    fn a_step_in_l1_changes_the_largest_numbers_alone() {
        let gradient = Tensor::arange(100, (Kind::Float, Device::Cpu)).view([1, 1, 10, 10]) - 20.0;
        let step = numbers(&steepest(&gradient).unwrap());
        assert!(step[..95].iter().all(|&number| number == 0.0));
        assert!(step[95..].iter().all(|&number| (number - 0.2).abs() < 1e-7));
    }

    #[test]
    fn an_image_is_what_its_spectrum_says() {
        let attack = Attack::unconstrained(Norm::Fourier, 3, 1.0).unwrap();
        for side in [6, 7] {
            let image = random::uniform(3, &[2, 3, 5, side], Device::Cpu).unwrap() * 0.9 + 0.05;
            let back = attack
                .images(&attack.embed(&image).unwrap(), &image.size())
                .unwrap();
            assert!((back - image).abs().max().double_value(&[]) < 1e-5);
        }
    }
}
