use ndarray::{Array3, Array4, Axis};

use super::found::Found;
use super::noise::{Purpose, Stream};
use super::runner::{Runner, Subject};
use super::{AttributionError, Map, squares};

/// SmoothGrad and its relatives: a statistic of the gradient over noisy copies of the image, `[3, H, W]`.
///
/// With `gₖ = ∂score/∂x` at `x + nₖ`:
///
/// | statistic | formula | source |
/// | --- | --- | --- |
/// | [`Statistic::Mean`] | `1/n Σ gₖ` | Smilkov et al., *SmoothGrad*, 2017 |
/// | [`Statistic::Square`] | `1/n Σ gₖ²` | Hooker et al., *A Benchmark for Interpretability Methods*, 2019 |
/// | [`Statistic::Variance`] | `1/n Σ gₖ² − (1/n Σ gₖ)²` | Adebayo et al., *Sanity Checks for Saliency Maps*, 2018 |
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothGrad {
    /// The noise.
    pub noise: Noise,
    /// What of the gradients is returned.
    pub statistic: Statistic,
}

/// What is added to the image.
#[derive(Clone, Debug, PartialEq)]
pub enum Noise {
    /// Independent normal noise on the pixels, its standard deviation `share` of the image's range: the difference of its
    /// brightest and darkest pixel value over all channels, as in the paper.
    Gaussian {
        /// n, the number of noisy copies; the paper takes 50.
        samples: usize,
        /// σ / (max − min); the paper takes 0.1 to 0.2.
        share: f32,
    },
    /// Noise of the caller's, `[n, 3, H, W]`, in the units of the network's own input.
    Given(Array4<f32>),
}

/// A statistic over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// SmoothGrad.
    #[default]
    Mean,
    /// SmoothGrad-squared.
    Square,
    /// VarGrad.
    Variance,
}

impl SmoothGrad {
    pub(super) fn check(&self) -> Result<(), AttributionError> {
        match self.noise {
            Noise::Gaussian { samples: 0, .. } => Err(AttributionError::parameter(
                "SmoothGrad needs at least one sample",
            )),
            Noise::Gaussian { share, .. } if !(share.is_finite() && share >= 0.0) => Err(
                AttributionError::parameter("the noise's strength is a number from 0 on"),
            ),
            Noise::Given(ref noise) if noise.is_empty() => Err(AttributionError::parameter(
                "SmoothGrad needs at least one sample",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let seed = runner.job.seed;
        let samples = match &self.noise {
            Noise::Gaussian { samples, .. } => *samples,
            Noise::Given(noise) => noise.len_of(Axis(0)),
        };
        let noise = |index: usize| match &self.noise {
            Noise::Gaussian { share, .. } => {
                let mut stream = Stream::new(seed, Purpose::SmoothGrad, index);
                let normals = stream.normals(subject.pixels.dim());
                subject
                    .space
                    .difference(normals * (share * range(&subject.pixels)))
            }
            Noise::Given(noise) => noise.index_axis(Axis(0), index).to_owned(),
        };
        if noise(0).dim() != subject.input.dim() {
            return Err(AttributionError::Sizes {
                given: noise(0).shape().to_vec(),
                wanted: subject.input.shape().to_vec(),
            });
        }
        let zeros = Array3::<f64>::zeros(subject.input.dim());
        let (mut sum, mut squares) = (zeros.clone(), zeros);
        runner.expect(samples);
        runner.gradients(
            subject.aim,
            samples,
            |index| &subject.input + noise(index),
            |_, grad| {
                let grad = grad.mapv(f64::from);
                squares += &(&grad * &grad);
                sum += &grad;
            },
        )?;
        let n = samples as f64;
        let (mean, square) = (sum / n, squares / n);
        let map = match self.statistic {
            Statistic::Mean => mean,
            Statistic::Square => square,
            // Rounding may leave a little less than nothing.
            Statistic::Variance => (square - &mean * &mean).mapv(|v| if v < 0.0 { 0.0 } else { v }),
        };
        let (map, factor) = match self.statistic {
            Statistic::Mean => (map.mapv(|value| value as f32), 1.0),
            Statistic::Square | Statistic::Variance => squares::fitted(&map),
        };
        Ok(Found {
            factor,
            ..Found::new(Map::Channels(map))
        })
    }
}

/// The difference of the greatest and the least value; 0 where nothing is a number.
fn range(pixels: &Array3<f32>) -> f32 {
    let low = pixels.iter().copied().fold(f32::INFINITY, f32::min);
    let high = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (high - low).max(0.0)
}
