//! `Pad` with negative pads, which cut off. tract only adds.

use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::{Attributes, GraphBuilder, Shapes};

/// Whether a graph pads at all, so that pads are worth knowing.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| node.op_type == "Pad")
}

/// Cuts off with `Slice` what known pads would cut off, before the rest is added.
pub(super) fn cut_before(builder: &mut GraphBuilder, shapes: &Shapes) {
    for mut node in std::mem::take(&mut builder.graph_mut().node) {
        if let Some(pads) = negative(&node, shapes) {
            cut(builder, &mut node, &pads);
        }
        builder.graph_mut().node.push(node);
    }
}

/// The pads of a node that fills with a constant, where some are negative.
fn negative(node: &NodeProto, shapes: &Shapes) -> Option<Vec<i64>> {
    let constant = Attributes(node).string("mode", "constant").ok()? == "constant";
    if node.op_type != "Pad" || !constant {
        return None;
    }
    let pads = shapes.constant(node.input.get(1)?)?;
    pads.iter().any(|&pad| pad < 0).then(|| pads.to_vec())
}

fn cut(builder: &mut GraphBuilder, node: &mut NodeProto, pads: &[i64]) {
    let (before, after) = pads.split_at(pads.len() / 2);
    let wish = |what: &str| format!("{}/{what}", onnx_edit::node_name(node));
    let starts: Vec<i64> = before
        .iter()
        .map(|&pad| pad.saturating_neg().max(0))
        .collect();
    // Counted from the end; what is not cut goes to the end.
    let end = |&pad: &i64| if pad < 0 { pad } else { i64::MAX };
    let ends: Vec<i64> = after.iter().map(end).collect();
    let added: Vec<i64> = pads.iter().map(|&pad| pad.max(0)).collect();
    let (starts, ends) = (
        builder.ints(&wish("starts"), &starts),
        builder.ints(&wish("ends"), &ends),
    );
    let added = builder.ints(&wish("pads"), &added);
    let axes = node.input.get(3).cloned().unwrap_or_default();
    let mut inputs = vec![&node.input[0][..], &starts, &ends];
    if !axes.is_empty() {
        inputs.push(&axes);
    }
    let cut = builder.node("Slice", &wish("cut"), &inputs, []);
    node.input[0] = cut;
    node.input[1] = added;
}
