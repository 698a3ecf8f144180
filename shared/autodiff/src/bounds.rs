//! What a gradient may add to a model, within [`Budget::GRADIENT`].

use prost::Message;

use super::AutodiffError;
use onnx_edit::pb::{AttributeProto, NodeProto};
use onnx_edit::{Budget, Cost};

/// The longest axis whose positions are spelled out in the graph.
pub(super) const LONGEST_AXIS: usize = 1 << 20;
/// The most elements of a table that is made for one node, such as the matrix that resizes an axis of 2048 to as many.
pub(super) const LARGEST_TABLE: usize = 1 << 22;

/// Pays for the nodes that were appended for `node`.
///
/// # Errors
/// Where the budget does not suffice.
pub(super) fn pay(
    budget: &mut Budget,
    appended: &[NodeProto],
    node: &NodeProto,
) -> Result<(), AutodiffError> {
    let cost = Cost::of_bytes(appended.iter().map(memory).sum());
    budget.take(cost).ok_or_else(|| AutodiffError::Unsupported {
        what: onnx_edit::node_name(node),
        why: format!(
            "up to here the gradient takes more than {} MiB of memory",
            Budget::GRADIENT.left().bytes >> 20
        ),
    })
}

/// About how many bytes a node takes in memory.
fn memory(node: &NodeProto) -> usize {
    let structs = size_of::<NodeProto>() + node.attribute.len() * size_of::<AttributeProto>();
    structs + node.encoded_len()
}
