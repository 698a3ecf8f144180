use ndarray::Array3;

use super::found::Found;
use super::networks::Graph;
use super::runner::{Runner, Subject};
use super::{AttributionError, Map, Method, squares};
use onnx_autodiff::ReluRule;

/// The gradient of a class's logit with respect to the network's own input, and the logits it was taken at
/// (Simonyan et al., *Deep Inside Convolutional Networks*, 2014).
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The logits, one per class.
    pub logits: Vec<f32>,
    /// `[3, H, W]`: ∂logit/∂input, neither scaled nor made absolute.
    pub grad: Array3<f32>,
}

/// The methods that are one gradient at the image itself, under one of the rules for `Relu`.
pub(super) fn run(
    method: &Method,
    runner: &mut Runner<'_, '_>,
    subject: &Subject,
) -> Result<Found, AttributionError> {
    let relu = match method {
        Method::GuidedBackprop => ReluRule::Guided,
        Method::Deconvolution => ReluRule::Deconvnet,
        _ => ReluRule::Exact,
    };
    runner.expect(1);
    let graph = Graph::Gradient {
        relu,
        features: None,
    };
    let answer = runner.gradient(&graph, &subject.input, subject.aim)?;
    let grad = answer.grad;
    let (map, factor) = match method {
        Method::GradientAbsolute => (grad.mapv(f32::abs), 1.0),
        Method::GradientSquared => squares::fitted(&grad.mapv(|g| f64::from(g).powi(2))),
        Method::InputTimesGradient => (grad * &subject.input, 1.0),
        _ => (grad, 1.0),
    };
    Ok(Found {
        logits: Some(answer.logits),
        factor,
        activations: runner.networks.activations(&graph),
        ..Found::new(Map::Channels(map))
    })
}
