//! How often the nodes in a loop's body run: loops in loops multiply.

use std::collections::HashMap;

use super::ints;
use super::pb::{NodeProto, TensorProto};

/// A number of rounds from here on means "until the condition ends it".
const UNTIL: i64 = 1 << 48;

/// How many nodes a `Loop` runs in all its rounds, as far as the file says how many these are; `constant` gives the integers that
/// are known around it.
pub(super) fn nodes_run(node: &NodeProto, constant: &dyn Fn(&str) -> Option<i64>) -> usize {
    let trips = match node.input.first().and_then(|name| constant(name)) {
        Some(trips) if (0..UNTIL).contains(&trips) => usize::try_from(trips).unwrap_or(1),
        _ => 1,
    };
    let body = node
        .attribute
        .iter()
        .find_map(|attribute| attribute.g.as_ref());
    let Some(body) = body else { return trips };
    let weights = body.initializer.iter().map(|tensor| (&tensor.name, tensor));
    let constants = body.node.iter().filter(|node| node.op_type == "Constant");
    let constants = constants.filter_map(|node| {
        let tensor = node.attribute.iter().find_map(|a| a.t.as_ref());
        node.output.first().zip(tensor)
    });
    let own: HashMap<&str, i64> = weights
        .chain(constants)
        .filter_map(|(name, tensor)| Some((&name[..], single(tensor)?)))
        .collect();
    let within = |name: &str| own.get(name).copied().or_else(|| constant(name));
    let inner = body.node.iter().map(|node| match &node.op_type[..] {
        "Loop" => nodes_run(node, &within),
        _ => 1,
    });
    trips.saturating_mul(inner.fold(0, usize::saturating_add).max(1))
}

/// The one integer that a tensor holds.
fn single(tensor: &TensorProto) -> Option<i64> {
    let count = tensor
        .dims
        .iter()
        .try_fold(1_i64, |count, &d| count.checked_mul(d));
    (count == Some(1))
        .then(|| ints(tensor).ok()?.first().copied())
        .flatten()
}
