//! The rules of the ONNX specification that everything else here relies on.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/IR.md> ("Graphs", "Names Within a Graph", "Nodes").

use std::collections::HashSet;

use super::OnnxError;
use super::model::{default_opset, node_name};
use super::pb::{GraphProto, ModelProto, attribute_proto::AttributeType};
use super::tensor::check_tensor;

/// Operator sets that the rules here were written for.
const OLDEST: i64 = 7;
const NEWEST: i64 = 24;

pub(super) fn check(proto: &ModelProto) -> Result<(), OnnxError> {
    let graph = proto
        .graph
        .as_ref()
        .filter(|g| !g.output.is_empty())
        .ok_or_else(|| OnnxError::NotOnnx("it holds no graph with an output".into()))?;
    let found = default_opset(proto).ok_or_else(|| {
        OnnxError::NotOnnx("it imports no version of the standard operators".into())
    })?;
    if !(OLDEST..=NEWEST).contains(&found) {
        return Err(OnnxError::Opset {
            found,
            oldest: OLDEST,
            newest: NEWEST,
        });
    }
    check_graph(graph)
}

fn invalid<T>(why: String) -> Result<T, OnnxError> {
    Err(OnnxError::Invalid(why))
}

/// Names are unique and known before they are used, which also rules out cycles; tensors are whole.
fn check_graph(graph: &GraphProto) -> Result<(), OnnxError> {
    if !graph.sparse_initializer.is_empty() {
        return invalid(
            "sparse initializers are not supported: save the model with dense weights".into(),
        );
    }
    let mut known: HashSet<&str> = HashSet::new();
    for input in &graph.input {
        if input.name.is_empty() || !known.insert(&input.name) {
            return invalid(format!(
                "the input name `{}` is empty or stands twice",
                input.name
            ));
        }
    }
    let mut held: HashSet<&str> = HashSet::new();
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        if tensor.name.is_empty() || !held.insert(&tensor.name) {
            return invalid(format!(
                "the initializer name `{}` is empty or stands twice",
                tensor.name
            ));
        }
        known.insert(&tensor.name);
    }
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !known.contains(&input[..]) {
                return invalid(format!(
                    "node `{}` ({}) reads `{input}`, which nothing before it makes (missing initializer, cycle or wrong order)",
                    node_name(node),
                    node.op_type
                ));
            }
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !known.insert(output) {
                return invalid(format!("two nodes or tensors are named `{output}`"));
            }
        }
        for attribute in &node.attribute {
            if let Some(tensor) = &attribute.t {
                check_tensor(tensor)?;
            }
            let subgraph = [AttributeType::Graph as i32, AttributeType::Graphs as i32]
                .contains(&attribute.r#type);
            if subgraph || attribute.g.is_some() || !attribute.graphs.is_empty() {
                return invalid(format!(
                    "node `{}` ({}) holds a graph of its own: control flow is not supported",
                    node_name(node),
                    node.op_type
                ));
            }
        }
    }
    match graph
        .output
        .iter()
        .find(|output| !known.contains(&output.name[..]))
    {
        Some(missing) => invalid(format!("nothing makes the output `{}`", missing.name)),
        None => Ok(()),
    }
}
