//! `Trilu` with a diagonal near the end of 64-bit integers, which ONNX Runtime crashes on. No tensor has so many: any beyond the
//! last means the same.

use std::collections::HashMap;

use super::super::pb::{GraphProto, TensorProto};
use super::super::scope::{Names, graphs_mut};
use super::super::{int_tensor, ints};

/// Beyond every tensor's size.
const FARTHEST: i64 = 1 << 31;

/// Brings the diagonals of every `Trilu` that are constants within reach.
pub(super) fn within_reach(graph: &mut GraphProto) {
    let mut names = Names::of(graph);
    bring(graph, &HashMap::new(), &mut names);
}

fn bring(graph: &mut GraphProto, outer: &HashMap<String, i64>, names: &mut Names) {
    let mut far = outer.clone();
    let weights = graph.initializer.iter().map(|t| (&t.name, Some(t)));
    let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
    let constants = constants.filter_map(|node| {
        let value = node.attribute.iter().find_map(|a| a.t.as_ref());
        Some((node.output.first()?, value))
    });
    far.extend(weights.chain(constants).filter_map(|(name, tensor)| {
        let k = beyond(tensor?)?;
        Some((name.clone(), k))
    }));
    let mut added = vec![];
    for node in &mut graph.node {
        if node.op_type == "Trilu"
            && let Some(input) = node.input.get_mut(1)
            && let Some(k) = far.get(&input[..])
        {
            let mut tensor = int_tensor(&names.unique("diagonal"), &[k.signum() * FARTHEST]);
            tensor.dims.clear();
            input.clone_from(&tensor.name);
            added.push(tensor);
        }
        for inner in graphs_mut(node) {
            bring(inner, &far, names);
        }
    }
    graph.initializer.extend(added);
}

/// The one integer of a tensor, if it is out of reach.
fn beyond(tensor: &TensorProto) -> Option<i64> {
    if !matches!(tensor.dims[..], [] | [1]) {
        return None;
    }
    let k = ints(tensor).ok()?.first().copied()?;
    k.checked_abs().is_none_or(|k| k > FARTHEST).then_some(k)
}
