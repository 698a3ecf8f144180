//! A model that carries its gradient: what of it is the model's own.

use super::names::{COTANGENT, FEATURES, FEATURES_GRAD, GRAD};
use onnx_edit::Model;
use onnx_edit::pb::ValueInfoProto;

/// Whether [`differentiate`](super::differentiate) has added a gradient, or what it does by other rules.
#[must_use]
pub fn is_extended(model: &Model) -> bool {
    model.inputs().iter().any(|i| i.name == COTANGENT)
        && model.outputs().iter().any(|o| o.name == GRAD)
}

/// The inputs that are fed at run time, without what [`differentiate`](super::differentiate) has added.
#[must_use]
pub fn own_inputs(model: &Model) -> Vec<&ValueInfoProto> {
    let extended = is_extended(model);
    let mut inputs = model.inputs();
    inputs.retain(|input| !(extended && input.name == COTANGENT));
    inputs
}

/// The outputs without what [`differentiate`](super::differentiate) has added.
#[must_use]
pub fn own_outputs(model: &Model) -> Vec<&ValueInfoProto> {
    let added = [GRAD, FEATURES, FEATURES_GRAD];
    let extended = is_extended(model);
    let outputs = model.outputs().iter();
    outputs
        .filter(|output| !(extended && added.contains(&&output.name[..])))
        .collect()
}
