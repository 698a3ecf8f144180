//! Activations that tract 0.23.9 computes otherwise than ONNX: `Celu` without the factor of its negative half, `Softplus`, whose exponential
//! overflows where the function is still the identity, and `Selu` with other constants, cut after five digits, where a node leaves them out.

use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::{AttributeValue, Attributes, GraphBuilder, node_name};

/// Whether a graph has such nodes.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    graph.node.iter().any(is_such)
}

fn is_such(node: &NodeProto) -> bool {
    matches!(&node.op_type[..], "Celu" | "Selu" | "Softplus") && !node.input.is_empty()
}

/// Writes such nodes out.
pub(super) fn write_out(builder: &mut GraphBuilder) {
    for mut node in std::mem::take(&mut builder.graph_mut().node) {
        let before = builder.graph().node.len();
        match &node.op_type[..] {
            _ if !is_such(&node) => {}
            "Celu" => celu(builder, &node),
            "Softplus" => softplus(builder, &node),
            _ => spell_out(&mut node),
        }
        let parts = &mut builder.graph_mut().node[before..];
        // Whatever fails in them is told of the node that they are.
        for part in parts.iter_mut() {
            part.name = node_name(&node);
        }
        match parts.last_mut() {
            Some(last) => last.output.clone_from(&node.output),
            None => builder.graph_mut().node.push(node),
        }
    }
}

/// The constants of `Selu` as the specification has them.
fn spell_out(node: &mut NodeProto) {
    for (name, value) in [("alpha", 1.673_263_2), ("gamma", 1.050_701)] {
        if !Attributes(node).has(name) {
            node.attribute
                .push(AttributeValue::Float(value).named(name));
        }
    }
}

/// `max(x, 0) + min(α (e^(x/α) − 1), 0)`.
fn celu(builder: &mut GraphBuilder, node: &NodeProto) {
    let alpha = Attributes(node).float("alpha", 1.0).unwrap_or(1.0);
    let wish = node_name(node);
    let x = &node.input[0];
    let [zero, one, alpha] = [0.0, 1.0, alpha].map(|value| builder.scalar(&wish, value));
    let mut op = |op: &str, inputs: [&str; 2]| builder.node(op, &wish, &inputs, []);
    let above = op("Max", [x, &zero]);
    let scaled = op("Div", [x, &alpha]);
    let exponential = builder.node("Exp", &wish, &[&scaled], []);
    let mut op = |op: &str, inputs: [&str; 2]| builder.node(op, &wish, &inputs, []);
    let less = op("Sub", [&exponential, &one]);
    let scaled = op("Mul", [&less, &alpha]);
    let below = op("Min", [&scaled, &zero]);
    op("Add", [&above, &below]);
}

/// `max(x, 0) + ln(1 + e^−|x|)`.
fn softplus(builder: &mut GraphBuilder, node: &NodeProto) {
    let wish = node_name(node);
    let x = &node.input[0];
    let [zero, one] = [0.0, 1.0].map(|value| builder.scalar(&wish, value));
    let above = builder.node("Max", &wish, &[x, &zero], []);
    let size = builder.node("Abs", &wish, &[x], []);
    let opposite = builder.node("Neg", &wish, &[&size], []);
    let small = builder.node("Exp", &wish, &[&opposite], []);
    let sum = builder.node("Add", &wish, &[&small, &one], []);
    let rest = builder.node("Log", &wish, &[&sum], []);
    builder.node("Add", &wish, &[&above, &rest], []);
}
