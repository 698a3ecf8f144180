//! What a rule is, and of which operators there are rules.

use onnx_edit::pb::NodeProto;

use super::context::{Context, Cotangents};

/// Turns the cotangents of a node's outputs (`None` where none arrives) into those of its inputs.
pub(super) type Rule = fn(&mut Context<'_>, &[Option<String>]) -> Cotangents;

/// Whether a node's operator is one of the standard domain.
pub(super) fn standard(node: &NodeProto) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}
