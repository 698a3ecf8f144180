//! `BatchNormalization` in the forms that tract does not know: in training mode, by the statistics of what it is given, and with
//! parameters that the graph computes. Normalizer-free networks standardise their weights with it.

use std::collections::HashSet;

use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::{AttributeValue, Attributes, GraphBuilder, Shapes, reads};

/// Whether a graph has such nodes.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    let unknown = Unknown::of(graph);
    graph.node.iter().any(|node| unknown.contains(node))
}

/// Writes such nodes out by their definition, where nothing reads their running statistics.
pub(super) fn write_out(builder: &mut GraphBuilder, shapes: &Shapes, opset: i64) {
    let unknown = Unknown::of(builder.graph());
    for node in std::mem::take(&mut builder.graph_mut().node) {
        let rank = node.input.first().and_then(|x| shapes.get(x)).map(Vec::len);
        match rank.filter(|&rank| rank >= 2 && unknown.contains(&node)) {
            Some(rank) => define(builder, &node, rank, opset),
            None => builder.graph_mut().node.push(node),
        }
    }
}

/// What tells the nodes that tract does not know.
struct Unknown {
    /// Initializers and constants.
    held: HashSet<String>,
    read: HashSet<String>,
}

impl Unknown {
    fn of(graph: &GraphProto) -> Self {
        let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
        let made = constants.flat_map(|node| &node.output);
        let held = graph.initializer.iter().map(|tensor| &tensor.name);
        let inner = graph.node.iter().flat_map(reads).map(str::to_owned);
        let outer = graph.output.iter().map(|output| output.name.clone());
        Self {
            held: held.chain(made).cloned().collect(),
            read: inner.chain(outer).collect(),
        }
    }

    fn contains(&self, node: &NodeProto) -> bool {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let further = node
            .output
            .iter()
            .skip(1)
            .any(|name| self.read.contains(name));
        let computed = node
            .input
            .iter()
            .skip(1)
            .any(|name| !self.held.contains(name));
        standard && node.op_type == "BatchNormalization" && !further && (computed || trains(node))
    }
}

fn trains(node: &NodeProto) -> bool {
    Attributes(node).int("training_mode", 0).unwrap_or(0) != 0
}

/// `y = (x − mean) / √(variance + ε) · scale + bias`. In training mode mean and variance are those over all axes but that of the
/// channels.
fn define(builder: &mut GraphBuilder, node: &NodeProto, rank: usize, opset: i64) {
    let epsilon = Attributes(node).float("epsilon", 1e-5).unwrap_or(1e-5);
    let input = |index: usize| node.input.get(index).cloned().unwrap_or_default();
    let x = input(0);
    let wish = |what: &str| format!("{}/{what}", onnx_edit::node_name(node));
    let axes: Vec<i64> = (0..rank as i64).filter(|&axis| axis != 1).collect();
    let mean_of = |builder: &mut GraphBuilder, value: &str, what: &str| {
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
    let standing = |builder: &mut GraphBuilder, index: usize, what: &str| {
        builder.node("Reshape", &wish(what), &[&input(index), &column], [])
    };
    let mean = match trains(node) {
        true => mean_of(builder, &x, "mean"),
        false => standing(builder, 3, "mean"),
    };
    let centred = builder.node("Sub", &wish("centred"), &[&x, &mean], []);
    let variance = match trains(node) {
        true => {
            let square = builder.node("Mul", &wish("square"), &[&centred, &centred], []);
            mean_of(builder, &square, "variance")
        }
        false => standing(builder, 4, "variance"),
    };
    let epsilon = builder.scalar(&wish("epsilon"), epsilon);
    let guarded = builder.node("Add", &wish("guarded"), &[&variance, &epsilon], []);
    let deviation = builder.node("Sqrt", &wish("deviation"), &[&guarded], []);
    let normal = builder.node("Div", &wish("normal"), &[&centred, &deviation], []);
    let scale = standing(builder, 1, "scale");
    let scaled = builder.node("Mul", &wish("scaled"), &[&normal, &scale], []);
    let bias = standing(builder, 2, "bias");
    let shifted = builder.node("Add", &wish("shifted"), &[&scaled, &bias], []);
    // The last node makes what others read.
    if let Some(made) = builder.graph_mut().node.last_mut() {
        made.name = shifted;
        made.output = node.output.iter().take(1).cloned().collect();
    }
}
