//! Operators that tract 0.23.9 runs and answers wrongly: no answer is better.

use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::{Attributes, Model, OnnxError, Shapes};

/// Whether a graph has nodes of these operators.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    let suspects = ["OneHot", "GlobalLpPool"];
    graph
        .node
        .iter()
        .any(|node| suspects.contains(&&node.op_type[..]))
}

/// # Errors
/// [`OnnxError::Node`] with the first such node.
pub(super) fn check(graph: &GraphProto, shapes: &Shapes) -> Result<(), OnnxError> {
    for node in &graph.node {
        let why = match &node.op_type[..] {
            "OneHot" if !along_the_last_axis(node, shapes)? => {
                "tract puts the classes along the last axis, whatever the node says"
            }
            "GlobalLpPool" => "tract computes another norm than ONNX means",
            _ => continue,
        };
        return Err(Model::node_error(node, why));
    }
    Ok(())
}

fn along_the_last_axis(node: &NodeProto, shapes: &Shapes) -> Result<bool, OnnxError> {
    let axis = Attributes(node).int("axis", -1)?;
    let rank = node
        .input
        .first()
        .and_then(|name| shapes.get(name))
        .map(Vec::len);
    Ok(axis == -1 || rank.is_some_and(|rank| axis == rank as i64))
}
