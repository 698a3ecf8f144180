//! What the copies cost that inlining makes, and the copies themselves.

use std::collections::HashMap;

use prost::Message;

use super::super::pb::{AttributeProto, GraphProto, NodeProto};
use super::super::scope::{resolve, shortened, values_made};
use super::super::{Budget, Cost};

/// The bytes of so many new names under `prefix`: each stands in the node, in the map of names and among those that are taken.
fn names(values: usize, prefix: &str) -> Option<usize> {
    values.checked_mul(3 * shortened(prefix).len())
}

/// The bytes of a copy of a node whose values will be renamed under `prefix`.
fn bytes(node: &NodeProto, prefix: &str) -> Option<usize> {
    node.encoded_len()
        .checked_add(names(values_made(node), prefix)?)
}

/// A copy of a node for a call that gives these attributes, whose values will be renamed under `prefix`; `None` where the budget does not
/// suffice.
pub(super) fn copy_for_call(
    node: &NodeProto,
    prefix: &str,
    given: &HashMap<&str, &AttributeProto>,
    budget: &mut Budget,
) -> Option<NodeProto> {
    budget.take(Cost {
        nodes: 1,
        bytes: bytes(node, prefix)?,
        ..Cost::default()
    })?;
    let mut copy = node.clone();
    resolve(&mut copy, given, budget)?;
    Some(copy)
}

/// What so many copies of a loop's body cost; `None` where that is beyond all numbers.
pub(super) fn cost_of_rounds(body: &GraphProto, rounds: usize, prefix: &str) -> Option<Cost> {
    let copies = body
        .node
        .iter()
        .try_fold(0_usize, |all, node| all.checked_add(bytes(node, prefix)?))?;
    // Each round brings its number, and a row for each of the values that the loop collects.
    let along = body.output.len();
    let bytes = copies
        .checked_add(names(along, prefix)?)?
        .checked_add(along.checked_mul(size_of::<NodeProto>())?)?;
    Some(Cost {
        nodes: (body.node.len() + along).checked_mul(rounds)?,
        bytes: bytes.checked_mul(rounds)?,
        ..Cost::default()
    })
}
