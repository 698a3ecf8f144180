use ndarray::{Array2, Array3, Axis};

use super::found::Found;
use super::noise::{Purpose, Stream};
use super::runner::{Runner, Subject};
use super::score_cam::seen;
use super::{AttributionError, Baseline, Map};
use crate::bilinear;

/// RISE (Petsiuk, Das and Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, 2018), `[H, W]`:
///
/// ```text
/// 1 / (N · p) · Σ_k s(M_k x + (1 − M_k) fill) · M_k
/// ```
///
/// where `s` is the class's probability (the difference of two for a margin; the score itself where the network's numbers
/// are no probabilities) and p the share of an image that a mask
/// leaves visible. In units of probability; no gradient is needed. N is in the thousands in the paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The masks.
    pub masks: Masks,
    /// The share p of a mask that is visible, above 0 and at most 1; the paper takes 0.5.
    pub probability: f32,
    /// What stands where a mask is 0; black in the paper.
    pub fill: Baseline,
}

/// What the image is seen through.
#[derive(Clone, Debug, PartialEq)]
pub enum Masks {
    /// Grids of `cells` × `cells`, each cell visible with the probability, enlarged bilinearly so that they stand out of
    /// the image by one cell, and cut out at a random place.
    Random {
        /// N, the number of masks.
        count: usize,
        /// Cells along a side; the paper takes 7 for 224 pixels.
        cells: usize,
    },
    /// Masks of the caller's, `[N, H, W]` in [0, 1].
    Given(Array3<f32>),
}

/// Beyond this a grid has more cells than any network has pixels.
const MOST_CELLS: usize = 4096;

impl Rise {
    pub(super) fn check(&self) -> Result<(), AttributionError> {
        if !(self.probability > 0.0 && self.probability <= 1.0) {
            return Err(AttributionError::parameter(
                "RISE's probability is above 0 and at most 1",
            ));
        }
        match &self.masks {
            Masks::Random { cells, .. } if !(1..=MOST_CELLS).contains(cells) => Err(
                AttributionError::parameter("RISE's grid has 1 to 4096 cells along a side"),
            ),
            _ if self.count() == 0 => {
                Err(AttributionError::parameter("RISE needs at least one mask"))
            }
            _ => Ok(()),
        }
    }

    fn count(&self) -> usize {
        match &self.masks {
            Masks::Random { count, .. } => *count,
            Masks::Given(masks) => masks.len_of(Axis(0)),
        }
    }

    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let (seed, count) = (runner.job.seed, self.count());
        let mask = |index: usize| match &self.masks {
            Masks::Random { cells, .. } => {
                let stream = Stream::new(seed, Purpose::Rise, index);
                random_mask(stream, subject.size(), *cells, self.probability)
            }
            Masks::Given(masks) => masks.index_axis(Axis(0), index).to_owned(),
        };
        if mask(0).dim() != subject.size() {
            return Err(AttributionError::Sizes {
                given: mask(0).shape().to_vec(),
                wanted: subject.input.shape()[1..].to_vec(),
            });
        }
        let fill = subject.baseline(&self.fill, seed, 0);
        let mut sum = Array2::<f64>::zeros(subject.size());
        let scores = runner.signature.scores;
        runner.expect(count);
        runner.forward(
            count,
            |index| seen(&subject.input, &fill, &mask(index)),
            |index, logits| {
                let shares = scores.probabilities(logits);
                let share = subject.aim.score(shares.as_deref().unwrap_or(logits));
                sum.zip_mut_with(&mask(index), |sum, &seen| *sum += share * f64::from(seen));
            },
        )?;
        let scale = count as f64 * f64::from(self.probability);
        Ok(Found::new(Map::Pixels(
            (sum / scale).mapv(|value| value as f32),
        )))
    }
}

/// As the authors' code makes it: cells of `ceil(side / cells)` pixels, a cell more than the image is long, and a shift of up
/// to a cell.
fn random_mask(
    mut stream: Stream,
    (height, width): (usize, usize),
    cells: usize,
    probability: f32,
) -> Array2<f32> {
    let visible = |stream: &mut Stream| f32::from(u8::from(stream.unit() < probability));
    let grid = Array2::from_shape_simple_fn((cells, cells), || visible(&mut stream));
    let (cell_height, cell_width) = (height.div_ceil(cells), width.div_ceil(cells));
    let large = ((cells + 1) * cell_height, (cells + 1) * cell_width);
    let (top, left) = (stream.below(cell_height), stream.below(cell_width));
    let mask = bilinear::interpolate(grid.view(), large);
    mask.slice_move(ndarray::s![top..top + height, left..left + width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_visible_with_the_probability_and_lie_between_nought_and_one() {
        let count = 2000;
        let mut mean = Array2::<f64>::zeros((21, 33));
        for index in 0..count {
            let mask = random_mask(Stream::new(5, Purpose::Rise, index), (21, 33), 4, 0.3);
            assert!(mask.iter().all(|value| (0.0..=1.0).contains(value)));
            mean += &mask.mapv(f64::from);
        }
        // A pixel's mask has a variance of at most p (1 − p): five standard errors.
        let error = 5.0 * f64::sqrt(0.3 * 0.7 / count as f64);
        for value in &(mean / count as f64) {
            assert!((value - 0.3).abs() < error, "{value}");
        }
    }

    #[test]
    fn neighbouring_pixels_hang_together_and_distant_ones_do_not() {
        let count = 3000;
        let products = |away: usize| {
            let mut sum = 0.0;
            for index in 0..count {
                let mask = random_mask(Stream::new(6, Purpose::Rise, index), (32, 32), 4, 0.5);
                sum += f64::from((mask[[8, 4]] - 0.5) * (mask[[8, 4 + away]] - 0.5));
            }
            sum / count as f64
        };
        // Cells are eight pixels wide: two away lie mostly in one cell, 24 away in different ones.
        let (near, far) = (products(2), products(24));
        assert!(near > 0.04, "{near}");
        assert!(far.abs() < 5.0 * 0.25 / f64::sqrt(count as f64), "{far}");
    }
}
