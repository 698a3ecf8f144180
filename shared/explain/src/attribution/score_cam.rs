use ndarray::{Array2, Array3, ArrayView2};

use super::feature_map::{found, rectified, weighted};
use super::found::Found;
use super::layer::{self, Layer};
use super::runner::{Runner, Subject};
use super::{AttributionError, Baseline};
use crate::bilinear;

/// Score-CAM (Wang et al., *Score-CAM: Score-Weighted Visual Explanations*, 2020), `[H, W]`: no gradient is needed.
///
/// Each feature map `A_c`, enlarged to the image and scaled to [0, 1], is a mask `M_c`; what the network says of the image
/// seen through it is the map's weight:
///
/// ```text
/// ReLU(Σ_c w_c A_c),   w = softmax over c of score(M_c x + (1 − M_c) fill)
/// ```
///
/// One evaluation per channel, so hundreds. Maps without contrast mask nothing and are left out. The paper's fill is black;
/// its subtraction of the score of a black image cancels in the softmax. In units of the feature map.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreCam {
    /// The layer: a value's or a node's name; `None` is the deepest feature map.
    pub layer: Option<String>,
    /// What stands where the mask is 0.
    pub fill: Baseline,
}

impl Default for ScoreCam {
    fn default() -> Self {
        Self {
            layer: None,
            fill: Baseline::Black,
        }
    }
}

impl ScoreCam {
    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let model = runner.networks.model()?;
        let Layer { name, layout } = layer::choose(model, runner.signature, self.layer.as_deref())?;
        runner.expect(1);
        let (logits, maps) = runner.features(&name, &subject.input)?;
        let maps = layout.channels_first(maps);
        let channels: Vec<usize> = maps
            .outer_iter()
            .enumerate()
            .filter(|(_, map)| contrast(*map).is_some())
            .map(|(channel, _)| channel)
            .collect();
        let fill = subject.baseline(&self.fill, runner.job.seed, 0);
        let mut scores = vec![0.0; channels.len()];
        runner.expect(channels.len());
        runner.forward(
            channels.len(),
            |index| {
                let map = maps.index_axis(ndarray::Axis(0), channels[index]);
                seen(&subject.input, &fill, &mask(map, subject.size()))
            },
            |index, logits| scores[index] = subject.aim.score(logits),
        )?;
        let mut weights = vec![0.0; maps.len_of(ndarray::Axis(0))];
        for (&channel, share) in channels.iter().zip(softmax(&scores)) {
            weights[channel] = share as f32;
        }
        let coarse = rectified(weighted(&maps, &weights));
        Ok(found(name, &maps, coarse, subject, logits))
    }
}

/// The image where the mask is 1, the fill where it is 0, a blend between.
pub(super) fn seen(image: &Array3<f32>, fill: &Array3<f32>, mask: &Array2<f32>) -> Array3<f32> {
    // A fill of 0 leaves the product alone, to the last bit.
    fill + &((image - fill) * mask)
}

/// The least and the greatest value, where they differ.
fn contrast(map: ArrayView2<'_, f32>) -> Option<(f32, f32)> {
    let low = map.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (low < high && (high - low).is_finite()).then_some((low, high))
}

/// The feature map enlarged to the image, then scaled to [0, 1].
fn mask(map: ArrayView2<'_, f32>, size: (usize, usize)) -> Array2<f32> {
    let mask = bilinear::interpolate(map, size);
    match contrast(mask.view()) {
        Some((low, high)) => mask.mapv(|value| (value - low) / (high - low)),
        None => Array2::zeros(size),
    }
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}
