//! Attribution methods, generic over [`Engine`](crate::engine::Engine): which pixels a class's score hangs on.
//!
//! An [`Explainer`] takes a classifier as it is, derives the graphs that a [`Method`] needs ([`onnx_autodiff`]), lets any
//! engine load them, and answers for one image at a time:
//!
//! ```
//! use ndarray::Array4;
//! use onnx_explain::attribution::{
//!     Explainer, IntegratedGradients, Job, Method, PixelSpace, Target, softmax,
//! };
//! use onnx_explain::engine::TractEngine;
//! use pellucid_zoo::{Architecture, Blueprint, build};
//!
//! let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0))?;
//! let mut explainer = Explainer::new(model, |graph| Ok(Box::new(TractEngine::new(graph)?)))?;
//! let image = Array4::from_elem((1, 3, 32, 32), 0.5);
//!
//! let gradient = explainer.gradient(image.view(), 2)?;
//! assert_eq!(gradient.grad.dim(), (3, 32, 32));
//! assert_eq!(softmax(&gradient.logits).len(), 3);
//!
//! let method = Method::IntegratedGradients(IntegratedGradients { steps: 8, ..Default::default() });
//! let margin = Target::class(2).against(0);
//! let found = explainer.explain(&method, image.view(), margin, PixelSpace::default(), Job::default())?;
//! assert_eq!(found.map.channels().dim(), (3, 32, 32));
//! println!("off by {}", found.convergence[0].delta);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One file per family of methods holds the formulas: `gradient.rs`, `smoothgrad.rs`, `integrated.rs`, `expected.rs`,
//! `feature_map.rs`, `score_cam.rs`, `occlusion.rs`, `rise.rs`. They share how a [`Target`] becomes a cotangent, how a
//! [`Baseline`] is made in the space of pixels ([`PixelSpace`]), and how images are run in batches that report their
//! [`Progress`] and can be cancelled ([`Job`]). Nothing here starts a thread.

mod answer;
mod baseline;
mod error;
mod expected;
mod explainer;
mod feature_map;
mod found;
mod gradient;
mod head;
mod integrated;
mod job;
mod layer;
mod layout;
mod method;
mod networks;
mod noise;
mod occlusion;
mod quadrature;
mod rise;
mod runner;
mod score_cam;
mod signature;
mod smoothgrad;
mod space;
mod squares;
mod target;

pub use answer::{Attribution, Convergence, Features, Map};
pub use baseline::Baseline;
pub use error::AttributionError;
pub use expected::{ExpectedGradients, Paths};
pub use explainer::Explainer;
pub use feature_map::{FeatureMap, Weighting};
pub use gradient::Gradient;
pub use integrated::IntegratedGradients;
pub use job::{Job, Progress};
pub use method::Method;
pub use occlusion::Occlusion;
pub use quadrature::{Node, Rule};
pub use rise::{Masks, Rise};
pub use score_cam::ScoreCam;
pub use signature::Signature;
pub use smoothgrad::{Noise, SmoothGrad, Statistic};
pub use space::PixelSpace;
pub use target::{Aim, Target};

pub use pellucid_cards::softmax;

/// The position of the highest logit, the first of several equal ones; `None` where a logit is no finite number, because
/// then nothing is known of any class.
#[must_use]
pub fn predicted(logits: &[f32]) -> Option<usize> {
    if logits.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let numbers = logits.iter().enumerate();
    numbers
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_is_the_first_highest_number() {
        assert_eq!(predicted(&[0.0, 2.0, 2.0, -1.0]), Some(1));
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(predicted(&[0.0, 2.0, broken]), None);
        }
        assert_eq!(predicted(&[]), None);
    }
}
