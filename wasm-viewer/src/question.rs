//! What the page asks of a network: a method with its parameters, and the score that is explained.

use pellucid_shared::attribution::{
    Attribution, FeatureMap, IntegratedGradients, Method, Noise, Occlusion, Rule, SmoothGrad,
    Statistic, Target,
};
use serde::Deserialize;

use crate::ViewerError;

/// The share of the score's difference that attributions may miss before it is told: as `pellucid explain` does.
const MISSED: f64 = 0.05;

/// A question as the page writes it in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// The number of the class that is explained.
    pub class: usize,
    /// The class that it is held against, where the margin between two is explained.
    #[serde(default)]
    pub against: Option<usize>,
    /// How.
    pub method: Way,
}

/// The methods that the page offers, by their names on the command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "name",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Way {
    /// The gradient of the score.
    Gradient,
    /// Input times gradient.
    InputXGradient,
    /// Its mean over noisy copies of the image.
    Smoothgrad {
        /// Number of copies.
        samples: usize,
        /// Standard deviation of the noise as a share of the image's range.
        sigma: f32,
    },
    /// The gradient integrated on the way from a baseline to the image.
    IntegratedGradients {
        /// Points of the integral.
        steps: usize,
        /// Where it begins, such as `black` or `blur:10`.
        baseline: String,
    },
    /// The deepest feature maps, weighted by their mean gradient.
    GradCam,
    /// How the score falls when a window is covered.
    Occlusion {
        /// Side of the window in pixels of the network's input.
        window: usize,
        /// How far it moves, in pixels.
        stride: usize,
        /// What covers, such as `value:0.5`.
        baseline: String,
    },
}

impl Question {
    pub(crate) fn target(&self) -> Target {
        let target = Target::class(self.class);
        self.against.map_or(target, |other| target.against(other))
    }
}

impl Way {
    /// The library's method.
    pub(crate) fn method(&self) -> Result<Method, ViewerError> {
        let baseline = |text: &str| text.parse().map_err(ViewerError::Page);
        Ok(match self {
            Self::Gradient => Method::Gradient,
            Self::InputXGradient => Method::InputTimesGradient,
            Self::Smoothgrad { samples, sigma } => Method::SmoothGrad(SmoothGrad {
                noise: Noise::Gaussian {
                    samples: *samples,
                    share: *sigma,
                },
                statistic: Statistic::Mean,
            }),
            Self::IntegratedGradients {
                steps,
                baseline: start,
            } => Method::IntegratedGradients(IntegratedGradients {
                steps: *steps,
                rule: Rule::default(),
                baselines: vec![baseline(start)?],
            }),
            Self::GradCam => Method::FeatureMap(FeatureMap::default()),
            Self::Occlusion {
                window,
                stride,
                baseline: cover,
            } => Method::Occlusion(Occlusion {
                fill: baseline(cover)?,
                ..Occlusion::square(*window, *stride)
            }),
        })
    }

    /// Whether it looks at values inside the network, for which the model's file is needed again.
    pub(crate) fn looks_inside(&self) -> bool {
        matches!(self, Self::GradCam)
    }

    /// Whether it does without a gradient.
    pub(crate) fn needs_no_gradient(&self) -> bool {
        matches!(self, Self::Occlusion { .. })
    }
}

/// What is to be said of an answer, where there is something.
pub(crate) fn remark(found: &Attribution) -> Option<String> {
    let features = found.features.as_ref().map(|features| {
        let [_, height, width] = features.shape;
        format!(
            "The map has {width}×{height} positions of the layer {}, enlarged.",
            features.name
        )
    });
    let missed = found.convergence.iter().find_map(|part| {
        if !part.difference.is_finite() {
            return Some("The score at the baseline is not a number: the map means nothing. Choose another baseline.".to_owned());
        }
        let missed = part.delta.abs() > MISSED * part.difference.abs();
        missed.then(|| {
            format!(
                "The map adds up to {:.4} and not to {:.4}, by which the score differs from the baseline's: more steps bring them closer.",
                part.difference + part.delta,
                part.difference
            )
        })
    });
    features.or(missed)
}
