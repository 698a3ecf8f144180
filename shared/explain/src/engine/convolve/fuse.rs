//! What stands behind a convolution, done with it or at once.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;

use super::operators::{Gate, Kernel, Own, Then};
use super::recognise::{constant, shape};

/// What reads a value, where that is one node and nothing else.
fn only_reader(model: &TypedModel, outlet: OutletId) -> bool {
    let read = model.outlet_successors(outlet).len() == 1;
    read && !model.outputs.contains(&outlet)
}

/// The other operand of an operation with a constant zero.
fn with_zero(model: &TypedModel, node: &TypedNode) -> TractResult<Option<OutletId>> {
    let &[a, b] = &node.inputs[..] else {
        return Ok(None);
    };
    for (value, zero) in [(a, b), (b, a)] {
        if is_zero(model, zero)? && model.outlet_fact(value)?.konst.is_none() {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn is_zero(model: &TypedModel, outlet: OutletId) -> TractResult<bool> {
    let fact = model.outlet_fact(outlet)?;
    let small = fact
        .shape
        .volume()
        .to_usize()
        .is_ok_and(|volume| volume == 1);
    Ok(small && constant(model, outlet)?.is_some_and(|values| values[..] == [0.0]))
}

/// The convolution whose results a node alone reads, by a kernel of ours that does nothing else yet.
fn own_convolution(model: &TypedModel, outlet: OutletId) -> Option<(OutletId, &Own)> {
    let node = model.node(outlet.node);
    let own = node.op_as::<Own>()?;
    let plain = own.then == Then::Nothing && matches!(&*own.kernel, Kernel::Convolution(_));
    (plain && only_reader(model, outlet)).then(|| (node.inputs[0], own))
}

/// `max(convolution, 0)` and `max(convolution + something, 0)` as one node. It ends the run where a sum is no number, as the watch
/// before the maximum would.
pub(super) fn rectified(
    model: &TypedModel,
    id: usize,
) -> TractResult<Option<(TVec<OutletId>, Own)>> {
    let node = model.node(id);
    if &*node.op.name() != "Max" {
        return Ok(None);
    }
    let Some(sum) = with_zero(model, node)? else {
        return Ok(None);
    };
    let to = shape(model, id.into())?;
    let with = |own: &Own, inputs: TVec<OutletId>| {
        let then = Then::Relu(node.name.clone());
        let own = Own {
            then,
            ..own.clone()
        };
        Some((inputs, own))
    };
    if let Some((image, own)) = own_convolution(model, sum) {
        let fits = to.is_some_and(|to| to == own.shape);
        return Ok(fits.then(|| with(own, tvec!(image))).flatten());
    }
    let adding = model.node(sum.node);
    let (&[a, b], "Add") = (&adding.inputs[..], &*adding.op.name()) else {
        return Ok(None);
    };
    if !only_reader(model, sum) {
        return Ok(None);
    }
    for (convolution, plus) in [(a, b), (b, a)] {
        if let Some((image, own)) = own_convolution(model, convolution)
            && to.as_ref() == Some(&own.shape)
            && shape(model, plus)?.as_ref() == Some(&own.shape)
        {
            return Ok(with(own, tvec!(image, plus)));
        }
    }
    Ok(None)
}

/// `activation > 0 ? gradient : 0`, the gradient of a rectifier, as one node.
pub(super) fn gated(model: &TypedModel, id: usize) -> TractResult<Option<(TVec<OutletId>, Gate)>> {
    let node = model.node(id);
    let (&[mask, gradient, zero], "Iff") = (&node.inputs[..], &*node.op.name()) else {
        return Ok(None);
    };
    let compared = model.node(mask.node);
    let (&[activation, bound], "GT") = (&compared.inputs[..], &*compared.op.name()) else {
        return Ok(None);
    };
    let all = shape(model, id.into())?;
    let same = all.is_some()
        && shape(model, activation)? == all
        && shape(model, gradient)? == all
        && is_zero(model, bound)?
        && is_zero(model, zero)?;
    Ok(same.then(|| (tvec!(activation, gradient), Gate)))
}
