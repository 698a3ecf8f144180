//! `Col2Im`, which tract does not have.

use onnx_edit::pb::{GraphProto, tensor_proto::DataType};
use onnx_edit::{Blocks, GraphBuilder, OnnxError, Shapes, node_name};

/// Whether a graph has such nodes.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| node.op_type == "Col2Im")
}

/// Writes such nodes out by their definition, where sizes are known.
pub(super) fn write_out(builder: &mut GraphBuilder, shapes: &Shapes) -> Result<(), OnnxError> {
    for node in std::mem::take(&mut builder.graph_mut().node) {
        let blocks = match &node.op_type[..] {
            "Col2Im" => Blocks::of(&node, shapes)?,
            _ => None,
        };
        let x = node.input.first().cloned().unwrap_or_default();
        let defined = blocks
            .and_then(|blocks| blocks.define(builder, &x, DataType::Float, &node_name(&node)));
        match (defined, builder.graph_mut().node.last_mut()) {
            // The last node makes what others read.
            (Some(_), Some(last)) => last.output.clone_from(&node.output),
            _ => builder.graph_mut().node.push(node),
        }
    }
    Ok(())
}
