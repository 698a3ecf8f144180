use ndarray::{Array2, Array3, Axis};

use super::found::Found;
use super::head::linear_head;
use super::layer::{self, Layer};
use super::networks::Graph;
use super::runner::{Runner, Subject};
use super::{AttributionError, Features, Map};
use crate::bilinear;
use onnx_autodiff::ReluRule;

/// A weighted sum of a layer's feature maps `A` `[C, h, w]`, enlarged to the input bilinearly (`align_corners = false`),
/// `[H, W]`. With `G = ∂score/∂A`:
///
/// | weighting | map | source |
/// | --- | --- | --- |
/// | [`Weighting::GradCam`] | `ReLU(Σ_c mean(G_c) A_c)` | Selvaraju et al., *Grad-CAM*, 2017 |
/// | [`Weighting::GradCamPlusPlus`] | `ReLU(Σ_c (Σ_ij α_cij ReLU(G_cij)) A_c)` with `α = G² / (2 G² + Σ_ab A_cab G³)` | Chattopadhyay et al., *Grad-CAM++*, 2018 |
/// | [`Weighting::LayerCam`] | `ReLU(Σ_c ReLU(G_c) A_c)` | Jiang et al., *LayerCAM*, 2021 |
/// | [`Weighting::Cam`] | `Σ_c w_c A_c`, w the linear layer's weights of the class | Zhou et al., *Learning Deep Features*, 2016 |
///
/// The unit is that of the score (CAM: times `h · w`), but for Grad-CAM++: there the paper explains `exp(score)`, and the
/// factor `exp(score)`, the same for every pixel, is left out so that nothing overflows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureMap {
    /// How the maps are weighted.
    pub weighting: Weighting,
    /// The layer: a value's or a node's name; `None` is the deepest feature map (for CAM, the one that is pooled).
    pub layer: Option<String>,
}

/// How feature maps are weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weighting {
    /// By the mean of the map's gradient.
    #[default]
    GradCam,
    /// By a weighted sum of the map's positive gradients.
    GradCamPlusPlus,
    /// Element by element, by the positive gradients.
    LayerCam,
    /// By the head's weights; only for networks of global average pooling and one linear layer.
    Cam,
}

impl FeatureMap {
    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        runner.expect(1);
        if self.weighting == Weighting::Cam {
            return self.cam(runner, subject);
        }
        let model = runner.networks.model()?;
        let Layer { name, layout } = layer::choose(model, runner.signature, self.layer.as_deref())?;
        let graph = Graph::Gradient {
            relu: ReluRule::Exact,
            features: Some(name.clone()),
        };
        let answer = runner.gradient(&graph, &subject.input, subject.aim)?;
        let Some((maps, grads)) = answer.features else {
            return Err(AttributionError::NoFeatureMap);
        };
        let (maps, grads) = (layout.channels_first(maps), layout.channels_first(grads));
        let coarse = match self.weighting {
            Weighting::GradCamPlusPlus => rectified(weighted(&maps, &plus_plus(&maps, &grads))),
            Weighting::LayerCam => rectified((grads.mapv(relu) * &maps).sum_axis(Axis(0))),
            _ => rectified(weighted(&maps, &means(&grads))),
        };
        Ok(found(name, &maps, coarse, subject, answer.logits))
    }

    fn cam(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let model = runner.networks.model()?;
        let head = linear_head(model, runner.signature)?;
        if let Some(wanted) = &self.layer
            && layer::choose(model, runner.signature, Some(wanted))?.name != head.features
        {
            let why = format!(
                "CAM looks at `{}`, which is pooled, and at no other layer",
                head.features
            );
            return Err(AttributionError::NoLinearHead { why });
        }
        let (logits, maps) = runner.features(&head.features, &subject.input)?;
        let maps = head.layout.channels_first(maps);
        if maps.len_of(Axis(0)) != head.weights.len_of(Axis(1)) {
            let why = "the linear layer does not have a weight per channel".to_owned();
            return Err(AttributionError::NoLinearHead { why });
        }
        let mut weights = head.weights.row(subject.aim.class).to_owned();
        if let Some(other) = subject.aim.against {
            weights -= &head.weights.row(other);
        }
        let coarse = weighted(&maps, &weights.to_vec());
        Ok(found(head.features, &maps, coarse, subject, logits))
    }
}

/// The answer of a method that looked at `maps` and made `coarse` of them.
pub(super) fn found(
    name: String,
    maps: &Array3<f32>,
    coarse: Array2<f32>,
    subject: &Subject,
    logits: Vec<f32>,
) -> Found {
    let (channels, height, width) = maps.dim();
    Found {
        logits: Some(logits),
        features: Some(Features {
            name,
            shape: [channels, height, width],
            coarse: coarse.clone(),
        }),
        ..Found::new(Map::Pixels(bilinear::interpolate(
            coarse.view(),
            subject.size(),
        )))
    }
}

/// `Σ_c w_c A_c`, `[h, w]`.
pub(super) fn weighted(maps: &Array3<f32>, weights: &[f32]) -> Array2<f32> {
    let (_, height, width) = maps.dim();
    let mut sum = Array2::<f64>::zeros((height, width));
    for (map, &weight) in maps.outer_iter().zip(weights) {
        sum.zip_mut_with(&map, |sum, &value| {
            *sum += f64::from(weight) * f64::from(value)
        });
    }
    sum.mapv(|value| value as f32)
}

/// Negative values are 0; NaN stays.
pub(super) fn rectified(map: Array2<f32>) -> Array2<f32> {
    map.mapv(relu)
}

fn relu(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// Grad-CAM's weights.
fn means(grads: &Array3<f32>) -> Vec<f32> {
    let mean = |grad: ndarray::ArrayView2<'_, f32>| {
        let sum: f64 = grad.iter().map(|&g| f64::from(g)).sum();
        (sum / grad.len().max(1) as f64) as f32
    };
    grads.outer_iter().map(mean).collect()
}

/// Grad-CAM++'s weights. α is 0 where its denominator is.
fn plus_plus(maps: &Array3<f32>, grads: &Array3<f32>) -> Vec<f32> {
    let weight = |(map, grad): (ndarray::ArrayView2<'_, f32>, ndarray::ArrayView2<'_, f32>)| {
        let total: f64 = map.iter().map(|&value| f64::from(value)).sum();
        let part = |&grad: &f32| {
            let g = f64::from(grad);
            let below = 2.0 * g.powi(2) + total * g.powi(3);
            let alpha = if below == 0.0 { 0.0 } else { g.powi(2) / below };
            alpha * f64::from(relu(grad))
        };
        grad.iter().map(part).sum::<f64>() as f32
    };
    maps.outer_iter()
        .zip(grads.outer_iter())
        .map(weight)
        .collect()
}
