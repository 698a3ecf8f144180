//! The rules of the ONNX specification that everything else here relies on.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/IR.md> ("Graphs", "Names Within a Graph", "Nodes").

use std::collections::HashSet;

use super::OnnxError;
use super::pb::{GraphProto, ModelProto, NodeProto};
use super::proto::{default_opset, node_name};
use super::tensor::check_tensor;

/// The oldest operator set that the rules here were written for.
pub(super) const OLDEST: i64 = 7;
/// The newest operator set that is understood.
pub const NEWEST: i64 = 24;

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
    check_graph(graph, &mut vec![])
}

fn invalid<T>(why: String) -> Result<T, OnnxError> {
    Err(OnnxError::Invalid(why))
}

/// Graphs within graphs may be so deep. prost reads 100 messages within one another, and a graph within a graph is three.
const DEEPEST: usize = 16;

/// Names are unique and known before they are used, which also rules out cycles; tensors are whole. `outer` holds the
/// names that the graphs around this one have made before it.
fn check_graph<'a>(
    graph: &'a GraphProto,
    outer: &mut Vec<HashSet<&'a str>>,
) -> Result<(), OnnxError> {
    if outer.len() >= DEEPEST {
        return invalid(format!("graphs are nested more than {DEEPEST} deep"));
    }
    if !graph.sparse_initializer.is_empty() {
        return invalid(
            "sparse initializers are not supported: save the model with dense weights".into(),
        );
    }
    let mut known: HashSet<&str> = HashSet::new();
    for input in &graph.input {
        if input.name.is_empty() || !known.insert(&input.name) {
            return invalid(format!(
                "the input name `{}` is empty or appears twice",
                input.name
            ));
        }
    }
    let mut held: HashSet<&str> = HashSet::new();
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        if tensor.name.is_empty() || !held.insert(&tensor.name) {
            return invalid(format!(
                "the initializer name `{}` is empty or appears twice",
                tensor.name
            ));
        }
        known.insert(&tensor.name);
    }
    outer.push(known);
    let checked = graph
        .node
        .iter()
        .try_for_each(|node| check_node(node, outer));
    let known = outer.pop().unwrap_or_default();
    checked?;
    let made = |name: &str| known.contains(name) || outer.iter().any(|names| names.contains(name));
    match graph.output.iter().find(|output| !made(&output.name)) {
        Some(missing) => invalid(format!("nothing makes the output `{}`", missing.name)),
        None => Ok(()),
    }
}

/// `scopes` holds the names known so far, the innermost graph's last.
fn check_node<'a>(
    node: &'a NodeProto,
    scopes: &mut Vec<HashSet<&'a str>>,
) -> Result<(), OnnxError> {
    for input in node.input.iter().filter(|name| !name.is_empty()) {
        if !scopes.iter().any(|names| names.contains(&input[..])) {
            return invalid(format!(
                "node `{}` ({}) reads `{input}`, which nothing before it makes (missing initializer, cycle or wrong order)",
                node_name(node),
                node.op_type
            ));
        }
    }
    for attribute in &node.attribute {
        for tensor in attribute.t.iter().chain(&attribute.tensors) {
            check_tensor(tensor)?;
        }
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            check_graph(graph, scopes)?;
        }
    }
    let own = scopes.last_mut();
    let Some(own) = own else { return Ok(()) };
    for output in node.output.iter().filter(|name| !name.is_empty()) {
        if !own.insert(output) {
            return invalid(format!("two nodes or tensors are named `{output}`"));
        }
    }
    Ok(())
}
