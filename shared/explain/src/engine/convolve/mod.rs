//! Convolutions by kernels of our own, in place of tract's.
//!
//! A pass over the decluttered model, in which what can be folded into a convolution is. It replaces each two-dimensional
//! convolution of float32 planes whose weights are constant, its transpose, and what tract has already made of one with a window
//! of one pixel, a matrix product. All others stay tract's. The kernels' weights replace tract's copy: up to four times theirs where a
//! gradient goes back through 256 channels or fewer, 1.8 times for other windows of 3×3, as much as before for all others.

mod fuse;
mod operators;
mod recognise;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use onnx_autodiff::COTANGENT;
use pellucid_kernels::Accuracy;
use tract_onnx::prelude::*;

use super::prepare::told;
use fuse::{gated, rectified};
pub(super) use operators::{GATE, NAME, RECTIFIED};
use recognise::replacement;

/// Puts our kernels in place of tract's convolutions.
pub(super) fn with_own_convolutions(mut model: TypedModel) -> TractResult<TypedModel> {
    let backward = backward(&model)?;
    for id in 0..model.nodes.len() {
        let node = model.node(id);
        let accuracy = match backward.contains(&id) {
            true => Accuracy::Gradient,
            false => Accuracy::Decisions,
        };
        let Some((image, op)) = replacement(&model, node, accuracy)? else {
            continue;
        };
        replace(&mut model, id, &[image], op);
    }
    for id in 0..model.nodes.len() {
        if let Some((inputs, op)) = gated(&model, id)? {
            replace(&mut model, id, &inputs, Box::new(op));
        } else if let Some((inputs, op)) = rectified(&model, id)? {
            replace(&mut model, id, &inputs, Box::new(op));
        }
    }
    Ok(model)
}

/// The nodes that compute a gradient: no decision hangs on what they round.
fn backward(model: &TypedModel) -> TractResult<HashSet<usize>> {
    let mut found = HashSet::new();
    for outlet in model.input_outlets()? {
        if told(&model.node(outlet.node).name) == COTANGENT {
            found.insert(outlet.node);
        }
    }
    if found.is_empty() {
        return Ok(found);
    }
    for id in model.eval_order()? {
        if model
            .node(id)
            .inputs
            .iter()
            .any(|i| found.contains(&i.node))
        {
            found.insert(id);
        }
    }
    Ok(found)
}

/// Gives a node another operator and other inputs.
fn replace(model: &mut TypedModel, id: usize, inputs: &[OutletId], op: Box<dyn TypedOp>) {
    for input in std::mem::take(&mut model.nodes[id].inputs) {
        let readers = &mut model.nodes[input.node].outputs[input.slot].successors;
        readers.retain(|reader| reader.node != id);
    }
    model.nodes[id].op = op;
    for (slot, input) in inputs.iter().enumerate() {
        model.nodes[id].inputs.push(*input);
        let readers = &mut model.nodes[input.node].outputs[input.slot].successors;
        readers.push(InletId::new(id, slot));
    }
}
