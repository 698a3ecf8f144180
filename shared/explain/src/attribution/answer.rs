use ndarray::{Array2, Array3, Axis};

use super::Aim;

/// The answer of a method: which pixels the score hangs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// A number per pixel, or per pixel and channel; neither scaled nor clipped. See the method for its meaning and unit.
    pub map: Map,
    /// The logits at the image, one per class.
    pub logits: Vec<f32>,
    /// What is explained.
    pub aim: Aim,
    /// Images that the network was run on, the image itself included.
    pub evaluations: usize,
    /// For Integrated Gradients: how well each baseline's attribution adds up.
    pub convergence: Vec<Convergence>,
    /// For methods on feature maps: which.
    pub features: Option<Features>,
    /// What the map must be multiplied by: 1, but for squares of slopes that are too small or too large for float32.
    pub factor: f64,
    /// For guided back-propagation and deconvolution: how many activations passed the gradient by their rule.
    pub activations: Option<usize>,
}

/// An attribution at the input's resolution.
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// `[3, H, W]`: per channel of the network's own input.
    Channels(Array3<f32>),
    /// `[H, W]`: per pixel.
    Pixels(Array2<f32>),
}

impl Map {
    /// `[C, H, W]` with C = 3 or 1.
    #[must_use]
    pub fn channels(&self) -> Array3<f32> {
        match self {
            Self::Channels(map) => map.clone(),
            Self::Pixels(map) => map.clone().insert_axis(Axis(0)),
        }
    }
}

/// Completeness of Integrated Gradients: the attributions add up to `score(x) − score(baseline)`, but for what the
/// quadrature misses (Sundararajan et al. 2017, proposition 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Convergence {
    /// The baseline, as [`Baseline`](super::Baseline) writes itself.
    pub baseline: String,
    /// `Σ attribution − (score(x) − score(baseline))`: Captum's convergence delta.
    pub delta: f64,
    /// `score(x) − score(baseline)`, in logits.
    pub difference: f64,
}

/// The feature map that a method looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The name of the value in the graph.
    pub name: String,
    /// Its channels, height and width.
    pub shape: [usize; 3],
    /// The map `[h, w]` before it was enlarged to the input's size.
    pub coarse: Array2<f32>,
}
