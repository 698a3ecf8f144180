//! Random alterations of training images, on the device, a batch at a time.

use std::f32::consts::PI;

use anyhow::Result;
use clap::ValueEnum;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Which alterations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augment {
    /// Those of Margeloiu et al. (2020): brightness, contrast and saturation within ±20 %, in random order; both flips;
    /// a rotation within ±10° and one within ±50°, about the centre, black where the image does not reach.
    #[default]
    Paper,
    /// Both flips, each for half of the images.
    Flips,
    /// None.
    None,
}

/// ±20 %: factors of brightness, contrast and saturation.
const JITTER: f32 = 0.2;
/// Degrees of the affine transformation and of the rotation after it.
const ROTATIONS: [f32; 2] = [10.0, 50.0];
/// How red, green and blue make grey (ITU-R BT.601, as in torchvision).
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

impl Augment {
    /// Alters images `[N, 3, H, W]` in [0, 1], each in its own way that the seed decides.
    ///
    /// # Errors
    /// Where libtorch fails, as for want of memory.
    pub fn apply(self, images: &Tensor, seed: u64) -> Result<Tensor> {
        if self == Self::None {
            return Ok(images.shallow_clone());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = usize::try_from(images.size()[0])?;
        let draws: Vec<Draw> = (0..count).map(|_| Draw::new(self, &mut rng)).collect();
        match self {
            Self::Paper => turn(&jitter(images, &draws)?, &draws),
            Self::Flips => flip(images, &draws),
            Self::None => Ok(images.shallow_clone()),
        }
    }
}

/// What happens to one image.
#[derive(Clone, Copy, Debug)]
struct Draw {
    /// Brightness, contrast, saturation.
    factors: [f32; 3],
    /// In which order they come.
    order: [usize; 3],
    horizontal: bool,
    vertical: bool,
    /// In radians.
    angle: f32,
}

impl Draw {
    fn new(augment: Augment, rng: &mut impl Rng) -> Self {
        let mut draw = Self {
            factors: [1.0; 3],
            order: [0, 1, 2],
            horizontal: rng.random(),
            vertical: rng.random(),
            angle: 0.0,
        };
        if augment == Augment::Paper {
            draw.factors = std::array::from_fn(|_| rng.random_range(1.0 - JITTER..=1.0 + JITTER));
            draw.order.shuffle(rng);
            // Two turns about one centre are one; turning once resamples once.
            let degrees: f32 = ROTATIONS.iter().map(|&d| rng.random_range(-d..=d)).sum();
            draw.angle = degrees * PI / 180.0;
        }
        draw
    }
}

/// Brightness, contrast and saturation as torchvision's `ColorJitter`: each blends the image with, respectively, black,
/// the mean of its grey, and its grey, and clamps to [0, 1].
fn jitter(images: &Tensor, draws: &[Draw]) -> Result<Tensor> {
    let device = images.device();
    let weights = Tensor::f_from_slice(&GREY)?
        .f_view([1, 3, 1, 1])?
        .to_device(device);
    let column = |value: &dyn Fn(&Draw) -> f32| -> Result<Tensor> {
        let values: Vec<f32> = draws.iter().map(value).collect();
        Ok(Tensor::f_from_slice(&values)?
            .f_view([-1, 1, 1, 1])?
            .to_device(device))
    };
    let mut images = images.shallow_clone();
    for round in 0..3 {
        let factor = column(&|draw| draw.factors[draw.order[round]])?;
        let contrast = column(&|draw| f32::from(u8::from(draw.order[round] == 1)))?;
        let saturation = column(&|draw| f32::from(u8::from(draw.order[round] == 2)))?;
        let grey = (&images * &weights).f_sum_dim_intlist(&[1_i64][..], true, Kind::Float)?;
        let mean = grey.f_mean_dim(&[1_i64, 2, 3][..], true, Kind::Float)?;
        let other = grey * saturation + mean * contrast;
        let rest: Tensor = 1.0 - &factor;
        images = (images * factor + other * rest).f_clamp(0.0, 1.0)?;
    }
    Ok(images)
}

fn flip(images: &Tensor, draws: &[Draw]) -> Result<Tensor> {
    let mut images = images.shallow_clone();
    for (dimension, flipped) in [
        (3, draws.iter().map(|d| d.horizontal).collect::<Vec<_>>()),
        (2, draws.iter().map(|d| d.vertical).collect()),
    ] {
        let chosen = Tensor::f_from_slice(&flipped)?
            .f_view([-1, 1, 1, 1])?
            .to_device(images.device());
        images = images.f_flip([dimension])?.f_where_self(&chosen, &images)?;
    }
    Ok(images)
}

/// Flips and turns at once, with bilinear interpolation and black outside.
fn turn(images: &Tensor, draws: &[Draw]) -> Result<Tensor> {
    // Where in the old image, in coordinates −1 to 1, a pixel of the new one comes from.
    let rows: Vec<f32> = draws.iter().flat_map(matrix).collect();
    let theta = Tensor::f_from_slice(&rows)?.f_view([-1, 2, 3])?;
    let theta = theta.to_device(images.device());
    let grid = Tensor::f_affine_grid_generator(&theta, images.size(), false)?;
    const BILINEAR: i64 = 0;
    const ZEROS: i64 = 0;
    Ok(images.f_grid_sampler(&grid, BILINEAR, ZEROS, false)?)
}

/// The 2×3 matrix of a square image's flips and turn.
fn matrix(draw: &Draw) -> [f32; 6] {
    let sign = |flipped: bool| if flipped { -1.0 } else { 1.0 };
    let (sin, cos) = draw.angle.sin_cos();
    let (x, y) = (sign(draw.horizontal), sign(draw.vertical));
    [x * cos, -x * sin, 0.0, y * sin, y * cos, 0.0]
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::torch::random;

    fn images(count: i64) -> Tensor {
        random::uniform(9, &[count, 3, 16, 16], Device::Cpu).unwrap()
    }

    const STILL: Draw = Draw {
        factors: [1.0; 3],
        order: [0, 1, 2],
        horizontal: false,
        vertical: false,
        angle: 0.0,
    };

    fn furthest(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn flips_and_quarter_turns_move_pixels_exactly() {
        let image = images(1);
        let quarter = PI / 2.0;
        for (draw, expected) in [
            (STILL, image.copy()),
            (
                Draw {
                    horizontal: true,
                    ..STILL
                },
                image.flip([3]),
            ),
            (
                Draw {
                    vertical: true,
                    ..STILL
                },
                image.flip([2]),
            ),
            (
                Draw {
                    angle: quarter,
                    ..STILL
                },
                image.rot90(-1, [3, 2]),
            ),
            // First the turn, seen from the new image, then the flip.
            (
                Draw {
                    horizontal: true,
                    angle: quarter,
                    ..STILL
                },
                image.flip([3]).rot90(-1, [3, 2]),
            ),
        ] {
            let turned = turn(&image, &[draw]).unwrap();
            assert!(furthest(&turned, &expected) < 1e-5, "{draw:?}");
            if draw.angle == 0.0 {
                assert!(flip(&image, &[draw]).unwrap().equal(&expected));
            }
        }
    }

    #[test]
    fn a_turn_keeps_the_middle_and_blackens_the_corners() {
        let white = Tensor::ones([1, 3, 16, 16], (Kind::Float, Device::Cpu));
        let turned = turn(
            &white,
            &[Draw {
                angle: PI / 4.0,
                ..STILL
            }],
        )
        .unwrap();
        assert_eq!(turned.double_value(&[0, 0, 0, 0]), 0.0);
        assert!((turned.double_value(&[0, 0, 8, 8]) - 1.0).abs() < 1e-6);
    }

    /// torchvision's formulas, written out for one pixel of an image of one colour and of one of two.
    #[test]
    fn colours_change_by_torchvisions_formulas() {
        let colour = [0.6_f32, 0.3, 0.1];
        let grey: f32 = colour.iter().zip(GREY).map(|(c, g)| c * g).sum();
        let image = Tensor::from_slice(&colour)
            .view([1, 3, 1, 1])
            .repeat([1, 1, 4, 4]);
        let alone = |which: usize, factor: f32| {
            let mut draw = STILL;
            draw.factors[which] = factor;
            let changed = jitter(&image, &[draw]).unwrap();
            [0, 1, 2].map(|channel| changed.double_value(&[0, channel, 2, 1]) as f32)
        };
        for (which, other) in [(0, 0.0), (1, grey), (2, grey)] {
            for factor in [0.8, 1.2] {
                let found = alone(which, factor);
                let expected =
                    colour.map(|c| (c * factor + other * (1.0 - factor)).clamp(0.0, 1.0));
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < 1e-6,
                        "{which} {factor}: {found} {expected}"
                    );
                }
            }
        }
        // Contrast pulls towards the mean of the whole image, saturation towards the pixel's own grey.
        let halves = Tensor::cat(&[image.zeros_like(), image.ones_like()], 3);
        let weak = |which: usize| {
            let mut draw = STILL;
            draw.factors[which] = 0.8;
            jitter(&halves, &[draw])
                .unwrap()
                .double_value(&[0, 0, 0, 0])
        };
        assert!((weak(1) - 0.1).abs() < 1e-4);
        assert!(weak(2).abs() < 1e-6);
    }

    #[test]
    fn images_of_a_batch_differ_seeds_repeat_and_values_stay_in_range() {
        let same = images(1).repeat([6, 1, 1, 1]);
        for augment in [Augment::Paper, Augment::Flips] {
            let altered = augment.apply(&same, 5).unwrap();
            assert!(altered.equal(&augment.apply(&same, 5).unwrap()));
            assert!(!altered.equal(&augment.apply(&same, 6).unwrap()));
            assert!(
                furthest(&altered.get(0), &same.get(0)) > 0.0
                    || furthest(&altered.get(1), &same.get(1)) > 0.0
            );
            assert!((0..6).any(|i| furthest(&altered.get(0), &altered.get(i)) > 0.1));
            assert!(altered.min().double_value(&[]) >= 0.0);
            assert!(altered.max().double_value(&[]) <= 1.0);
        }
        assert!(Augment::None.apply(&same, 5).unwrap().equal(&same));
    }
}
