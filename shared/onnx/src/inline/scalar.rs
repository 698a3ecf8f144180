//! Scalars that exporters write as vectors of one element.

use super::super::pb::{GraphProto, NodeProto};
use super::super::scope::Names;
use super::super::shape::infer_graph;
use super::super::{Dim, OnnxError, node_name};

/// Makes scalars of the inputs of every `Range` that are vectors of one element. The specification asks for scalars; PyTorch
/// writes vectors within loops and functions, where runtimes do not notice, and written out they would.
pub(super) fn range_of_scalars(
    graph: &mut GraphProto,
    opset: i64,
    names: &mut Names,
) -> Result<(), OnnxError> {
    if !graph.node.iter().any(|node| node.op_type == "Range") {
        return Ok(());
    }
    let shapes = infer_graph(graph, opset)?;
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        if node.op_type == "Range" && node.domain.is_empty() {
            let prefix = node_name(&node);
            for input in &mut node.input {
                if shapes
                    .get(input)
                    .is_some_and(|shape| shape[..] == [Dim::Known(1)])
                {
                    let scalar = names.fresh(&prefix, "Squeeze");
                    nodes.push(NodeProto {
                        name: scalar.clone(),
                        op_type: "Squeeze".into(),
                        input: vec![std::mem::replace(input, scalar.clone())],
                        output: vec![scalar],
                        ..NodeProto::default()
                    });
                }
            }
        }
        nodes.push(node);
    }
    graph.node = nodes;
    Ok(())
}
