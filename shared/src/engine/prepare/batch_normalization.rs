//! `BatchNormalization` in training mode, by the statistics of what it is given. Normalizer-free networks standardise their
//! weights with it; tract knows it only with statistics that are given.

use crate::onnx::pb::{GraphProto, NodeProto};
use crate::onnx::{AttributeValue, Attributes, GraphBuilder, Shapes};

/// Whether a graph has such nodes.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    graph.node.iter().any(is_training)
}

/// Writes such nodes out by their definition, where nothing reads their running statistics.
pub(super) fn write_out_training(builder: &mut GraphBuilder, shapes: &Shapes, opset: i64) {
    if !concerns(builder.graph()) {
        return;
    }
    let nodes = std::mem::take(&mut builder.graph_mut().node);
    for node in nodes {
        let rank = node.input.first().and_then(|x| shapes.get(x)).map(Vec::len);
        match rank.filter(|&rank| rank >= 2 && is_training(&node)) {
            Some(rank) => write_out(builder, &node, rank, opset),
            None => builder.graph_mut().node.push(node),
        }
    }
}

fn is_training(node: &NodeProto) -> bool {
    let further = node.output.iter().skip(1).any(|name| !name.is_empty());
    let training = Attributes(node).int("training_mode", 0).unwrap_or(0) != 0;
    node.op_type == "BatchNormalization" && node.domain.is_empty() && training && !further
}

/// `y = (x − mean) / √(variance + ε) · scale + bias`, both over all axes but that of the channels.
fn write_out(builder: &mut GraphBuilder, node: &NodeProto, rank: usize, opset: i64) {
    let epsilon = Attributes(node).float("epsilon", 1e-5).unwrap_or(1e-5);
    let [x, scale, bias] =
        [0, 1, 2].map(|index| node.input.get(index).cloned().unwrap_or_default());
    let wish = |what: &str| format!("{}/{what}", crate::onnx::node_name(node));
    let axes: Vec<i64> = (0..rank as i64).filter(|&axis| axis != 1).collect();
    let mean = |builder: &mut GraphBuilder, value: &str, what: &str| {
        let keep = ("keepdims", AttributeValue::Int(1));
        if opset < 18 {
            let axes = ("axes", AttributeValue::Ints(axes.clone()));
            return builder.node("ReduceMean", &wish(what), &[value], [axes, keep]);
        }
        let axes = builder.ints(&wish("axes"), &axes);
        builder.node("ReduceMean", &wish(what), &[value, &axes], [keep])
    };
    let mut column = vec![1; rank - 1];
    column[0] = -1;
    let column = builder.ints(&wish("column"), &column);
    let epsilon = builder.scalar(&wish("epsilon"), epsilon);
    let centre = mean(builder, &x, "mean");
    let centred = builder.node("Sub", &wish("centred"), &[&x, &centre], []);
    let square = builder.node("Mul", &wish("square"), &[&centred, &centred], []);
    let variance = mean(builder, &square, "variance");
    let guarded = builder.node("Add", &wish("guarded"), &[&variance, &epsilon], []);
    let deviation = builder.node("Sqrt", &wish("deviation"), &[&guarded], []);
    let normal = builder.node("Div", &wish("normal"), &[&centred, &deviation], []);
    let scale = builder.node("Reshape", &wish("scale"), &[&scale, &column], []);
    let bias = builder.node("Reshape", &wish("bias"), &[&bias, &column], []);
    let scaled = builder.node("Mul", &wish("scaled"), &[&normal, &scale], []);
    let last = builder.node("Add", &wish("shifted"), &[&scaled, &bias], []);
    // The last node makes what others read.
    if let Some(made) = builder.graph_mut().node.last_mut() {
        made.name = last;
        made.output = node.output.iter().take(1).cloned().collect();
    }
}
