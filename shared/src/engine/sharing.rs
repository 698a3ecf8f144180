//! A small constant that thousands of nodes read, as the zero of every `Relu`'s gradient: tract compares each pair of readers of a
//! value, which is the square of their number, and makes one of constants that are equal. Copies are shared by a few readers each.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;

/// So many nodes may read the same copy.
const READERS: usize = 32;
/// Constants of more elements are weights: these are not copied.
const MOST_ELEMENTS: usize = 64;

/// Gives every further [`READERS`] readers of a small constant a copy of their own.
pub(super) fn spread(mut model: TypedModel) -> TractResult<TypedModel> {
    let is_small = |node: &&TypedNode| {
        let constant = node.op_as::<Const>();
        constant.is_some_and(|constant| constant.val().volume() <= MOST_ELEMENTS)
    };
    let shared: Vec<OutletId> = model
        .nodes
        .iter()
        .filter(is_small)
        .map(|node| OutletId::new(node.id, 0))
        .filter(|&outlet| model.outlet_successors(outlet).len() > READERS)
        .collect();
    for outlet in shared {
        let readers = model.outlet_successors(outlet).to_vec();
        let fact = model.outlet_fact(outlet)?.clone();
        for (number, few) in readers.chunks(READERS).enumerate().skip(1) {
            let original = model.node(outlet.node);
            let name = format!("{} copy {number}", original.name);
            let op = original.op.clone();
            let copy = model.add_node(name, op, tvec!(fact.clone()))?;
            for &reader in few {
                model.add_edge(OutletId::new(copy, 0), reader)?;
            }
        }
    }
    Ok(model)
}
