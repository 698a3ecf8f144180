//! A small constant that thousands of nodes read, as the zero of every `Relu`'s gradient: tract compares each pair of readers of a
//! value, which is the square of their number, and makes one of constants that are equal. Copies are shared by a few readers each.

use std::collections::HashSet;

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
    let names: HashSet<String> = model.nodes.iter().map(|node| node.name.clone()).collect();
    for outlet in shared {
        let readers = model.outlet_successors(outlet).to_vec();
        let original = model.node(outlet.node).name.clone();
        let fact = model.outlet_fact(outlet)?.clone();
        // An earlier round may have left copies of the same constant.
        let mut free = (1..)
            .map(|number| format!("{original} copy {number}"))
            .filter(|name| !names.contains(name));
        for (few, name) in readers.chunks(READERS).skip(1).zip(&mut free) {
            let op = model.node(outlet.node).op.clone();
            let copy = model.add_node(name, op, tvec!(fact.clone()))?;
            for &reader in few {
                model.add_edge(OutletId::new(copy, 0), reader)?;
            }
        }
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_that_is_shared_again_gets_further_copies() {
        let mut model = TypedModel::default();
        let zero = model.add_const("zero", rctensor1(&[0f32])).unwrap();
        let image = model.add_source("image", f32::fact([1])).unwrap();
        let read_by = |model: &mut TypedModel, count: usize, round: usize| {
            for reader in 0..count {
                let name = format!("add {round} {reader}");
                let add = tract_onnx::tract_core::ops::math::add();
                model.wire_node(name, add, &[image, zero]).unwrap();
            }
        };
        for round in 0..2 {
            read_by(&mut model, 3 * READERS, round);
            model = spread(model).unwrap();
            assert!(model.outlet_successors(zero).len() <= READERS);
            model.check_names().unwrap();
        }
        let copies = model
            .nodes
            .iter()
            .filter(|node| node.name.starts_with("zero copy "));
        assert_eq!(copies.count(), 2 + 3);
    }
}
