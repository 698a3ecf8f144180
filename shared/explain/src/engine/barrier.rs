//! Keeping broadcasts out of matrix products.
//!
//! tract leaves a broadcast out that feeds a product, on the assumption that the product broadcasts by itself. Where the axis is
//! summed over, or is the broadcast value's alone, that changes the result's shape, and the model is refused: the gradient of
//! a mean before a resized or reflected image is such a value. A node in between that does nothing keeps them apart.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::MultiBroadcastTo;

/// Matrix products, and what becomes one: a convolution with a window of one element.
const PRODUCTS: &[&str] = &["Conv", "Deconv", "EinSum"];

/// Operators that a broadcast moves through.
const MOVABLE: &[&str] = &["AddAxis", "Identity", "MoveAxis", "Reshape", "RmAxis"];

/// Puts a barrier behind every broadcast that feeds a matrix product.
pub(super) fn kept_apart(mut model: TypedModel) -> TractResult<TypedModel> {
    let broadcasts = model.nodes().iter().filter(|node| {
        node.op_is::<MultiBroadcastTo>() && feeds_a_product(&model, OutletId::new(node.id, 0))
    });
    let outlets: Vec<_> = broadcasts.map(|node| OutletId::new(node.id, 0)).collect();
    for outlet in outlets {
        let readers = model.outlet_successors(outlet).to_vec();
        let fact = model.outlet_fact(outlet)?.clone();
        let name = format!("barrier {}", outlet.node);
        let barrier = model.add_node(name, Barrier, tvec!(fact))?;
        for reader in readers {
            model.add_edge(OutletId::new(barrier, 0), reader)?;
        }
        model.add_edge(outlet, InletId::new(barrier, 0))?;
    }
    Ok(model)
}

fn feeds_a_product(model: &TypedModel, outlet: OutletId) -> bool {
    let mut open = vec![outlet];
    while let Some(outlet) = open.pop() {
        for reader in model.outlet_successors(outlet) {
            let node = model.node(reader.node);
            let name = node.op.name();
            if PRODUCTS.contains(&&*name) {
                return true;
            }
            if MOVABLE.contains(&&*name) {
                open.push(OutletId::new(node.id, 0));
            }
        }
    }
    false
}

/// Hands its input on. tract knows nothing of it, so it moves nothing through.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Barrier;

impl Op for Barrier {
    fn name(&self) -> StaticName {
        "Barrier".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Barrier {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(inputs)
    }
}

impl TypedOp for Barrier {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
