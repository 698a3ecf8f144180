//! Attribution on ONNX Runtime against Captum.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../shared/tests/captum/check.rs"]
mod check;

use check::Reference;
use pellucid_trainer::engines::OrtEngine;

fn reference() -> Reference {
    Reference::open(|graph| Ok(Box::new(OrtEngine::new(graph, Some(1))?)), 8)
}

#[test]
fn onnx_runtime_agrees_with_captum_on_gradients() {
    let mut reference = reference();
    check::single_gradients(&mut reference);
    check::other_relu_rules(&mut reference);
    check::noise_tunnels(&mut reference);
    check::integrated_gradients(&mut reference);
    check::expected_gradients(&mut reference);
}

#[test]
fn onnx_runtime_agrees_with_captum_on_feature_maps_and_masks() {
    let mut reference = reference();
    check::feature_maps(&mut reference);
    check::maps_without_gradients(&mut reference);
}
