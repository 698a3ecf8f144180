//! What is asked of protobuf messages everywhere.

use super::pb::{ModelProto, NodeProto};

/// The node's name, or that of its first output where it has none.
pub fn node_name(node: &NodeProto) -> String {
    if node.name.is_empty() {
        node.output.first().cloned().unwrap_or_default()
    } else {
        node.name.clone()
    }
}

/// The version under which a model imports the default operator set.
pub(super) fn default_opset(proto: &ModelProto) -> Option<i64> {
    proto
        .opset_import
        .iter()
        .find(|o| o.domain.is_empty() || o.domain == "ai.onnx")
        .map(|o| o.version)
}
