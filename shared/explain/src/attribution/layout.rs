//! Which axis of a feature map holds its channels.
//!
//! Networks from TensorFlow, and blocks such as ConvNeXt's, keep channels last for a while. Operators that by their definition
//! read `[N, C, H, W]` say which axis is which; transpositions and operators that act on each element carry it on, in both
//! directions.

use std::collections::HashMap;

use ndarray::Array3;

use onnx_edit::pb::NodeProto;
use onnx_edit::{Attributes, Dim, Model, Shapes};

/// Operators that by their definition read axes 2 and 3 as height and width.
pub(super) const SPATIAL: &[&str] = &[
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "GroupNormalization",
    "InstanceNormalization",
    "LRN",
    "LpPool",
    "MaxPool",
    "Resize",
    "SpaceToDepth",
    "Upsample",
];

/// Per axis of a value, which axis of `[N, C, H, W]` it is.
type Axes = [usize; 4];

const CHANNELS_FIRST: Axes = [0, 1, 2, 3];
const CHANNELS_LAST: Axes = [0, 2, 3, 1];

/// The order of a feature map's axes behind the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[N, C, h, w]`
    ChannelsFirst,
    /// `[N, h, w, C]`
    ChannelsLast,
}

impl Layout {
    /// The layout of a value of rank 4. Where the graph does not tell, the one axis that differs from two equal ones is that of
    /// the channels, and else the first.
    pub(super) fn of(model: &Model, shapes: &Shapes, value: &str) -> Self {
        let known = follow(&model.graph().node, shapes);
        match known.get(value) {
            Some(&CHANNELS_LAST) => Self::ChannelsLast,
            Some(_) => Self::ChannelsFirst,
            None => Self::by_sizes(shapes.get(value).map_or(&[], |shape| &shape[..])),
        }
    }

    fn by_sizes(shape: &[Dim]) -> Self {
        match shape {
            [_, a, b, c] if a.known().is_some() && a == b && b != c => Self::ChannelsLast,
            _ => Self::ChannelsFirst,
        }
    }

    /// The map of one image as `[C, h, w]`.
    pub(super) fn channels_first(self, map: Array3<f32>) -> Array3<f32> {
        match self {
            Self::ChannelsFirst => map,
            Self::ChannelsLast => map
                .permuted_axes([2, 0, 1])
                .as_standard_layout()
                .into_owned(),
        }
    }
}

/// The axes of every value of rank 4 that the graph tells of.
fn follow<'a>(nodes: &'a [NodeProto], shapes: &Shapes) -> HashMap<&'a str, Axes> {
    let mut known = HashMap::new();
    for node in nodes {
        let op = &node.op_type[..];
        if SPATIAL.contains(&op) || op.starts_with("Global") {
            let ends = node.input.iter().take(1).chain(node.output.iter().take(1));
            known.extend(ends.map(|name| (&name[..], CHANNELS_FIRST)));
        }
    }
    // What is told at one end of the graph reaches the other: once there, once back, and on from where the two meet.
    for _ in 0..2 {
        nodes
            .iter()
            .for_each(|node| carry(node, shapes, &mut known));
        nodes
            .iter()
            .rev()
            .for_each(|node| carry(node, shapes, &mut known));
    }
    known
}

/// Carries what is known of a node's values to its others.
fn carry<'a>(node: &'a NodeProto, shapes: &Shapes, known: &mut HashMap<&'a str, Axes>) {
    let of_rank_four = |name: &&'a String| shapes.get(name).is_some_and(|shape| shape.len() == 4);
    let Some(output) = node.output.first().filter(of_rank_four) else {
        return;
    };
    if node.op_type == "Transpose" {
        let (Some(input), Some(order)) = (node.input.first(), order(node)) else {
            return;
        };
        if let Some(axes) = known.get(&input[..]).copied() {
            known.entry(output).or_insert(order.map(|from| axes[from]));
        } else if let Some(axes) = known.get(&output[..]).copied() {
            let mut before = axes;
            for (to, from) in order.into_iter().enumerate() {
                before[from] = axes[to];
            }
            known.insert(input, before);
        }
        return;
    }
    // A matrix that is multiplied with from the right mixes the last axis only.
    let mixing = node.op_type == "MatMul"
        && node
            .input
            .get(1)
            .and_then(|w| shapes.get(w))
            .is_some_and(|shape| shape.len() == 2);
    if !mixing && !KEEPING.contains(&&node.op_type[..]) {
        return;
    }
    let values: Vec<&String> = node
        .input
        .iter()
        .filter(of_rank_four)
        .chain([output])
        .collect();
    let found = values.iter().find_map(|name| known.get(&name[..]).copied());
    if let Some(axes) = found {
        for name in values {
            known.entry(name).or_insert(axes);
        }
    }
}

/// The order of a transposition of four axes.
fn order(node: &NodeProto) -> Option<[usize; 4]> {
    let axes = Attributes(node).ints("perm").ok().flatten()?;
    let axes: Vec<usize> = axes
        .iter()
        .filter_map(|&a| usize::try_from(a).ok())
        .collect();
    let order: [usize; 4] = axes.try_into().ok()?;
    order.iter().all(|&axis| axis < 4).then_some(order)
}

/// Operators whose values of rank 4 all have their axes in one order.
const KEEPING: &[&str] = &[
    "Abs",
    "Add",
    "Cast",
    "Celu",
    "Clip",
    "Concat",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Max",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "RMSNormalization",
    "ReduceMax",
    "ReduceMean",
    "Relu",
    "Selu",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "Where",
];

#[cfg(test)]
mod tests {
    use super::*;
    use onnx_edit::{GraphBuilder, infer_shapes};

    fn layouts(graph: GraphBuilder, values: &[&str]) -> Vec<Layout> {
        let model = graph.finish().unwrap();
        let shapes = infer_shapes(&model).unwrap();
        values
            .iter()
            .map(|v| Layout::of(&model, &shapes, v))
            .collect()
    }

    /// A convolution, a block with channels last as in ConvNeXt, and back.
    #[test]
    fn transpositions_between_operators_that_tell_are_followed() {
        use Layout::{ChannelsFirst, ChannelsLast};
        let mut graph = GraphBuilder::new("block");
        graph.input("image", &[1, 3, 8, 8].map(Dim::Known));
        let w = graph.floats("w", &ndarray::ArrayD::ones(vec![8, 3, 1, 1]));
        let m = graph.floats("m", &ndarray::ArrayD::ones(vec![8, 8]));
        graph.node("Conv", "conv", &["image", &w], []);
        let to_last = [("perm", vec![0, 2, 3, 1].into())];
        graph.node("Transpose", "last", &["conv"], to_last);
        graph.node("MatMul", "mixed", &["last", &m], []);
        graph.node("Relu", "relu", &["mixed"], []);
        let to_first = [("perm", vec![0, 3, 1, 2].into())];
        graph.node("Transpose", "first", &["relu"], to_first);
        graph.node("GlobalAveragePool", "pool", &["first"], []);
        graph.output("pool", None);
        let found = layouts(graph, &["conv", "last", "mixed", "relu", "first"]);
        let last = [ChannelsLast; 3];
        assert_eq!(
            found,
            [&[ChannelsFirst][..], &last, &[ChannelsFirst]].concat()
        );
    }

    /// What comes before the first operator that tells is told from behind; what none tells, by its sizes.
    #[test]
    fn an_input_with_channels_last_is_told_by_what_reads_it() {
        let mut graph = GraphBuilder::new("tf");
        graph.input("image", &[1, 8, 8, 8].map(Dim::Known));
        graph.node("Relu", "relu", &["image"], []);
        let to_first = [("perm", vec![0, 3, 1, 2].into())];
        graph.node("Transpose", "first", &["relu"], to_first);
        graph.node("GlobalAveragePool", "pool", &["first"], []);
        graph.output("pool", None);
        assert_eq!(
            layouts(graph, &["image", "relu"]),
            [Layout::ChannelsLast; 2]
        );
        let sizes = |dims: [usize; 4]| Layout::by_sizes(&dims.map(Dim::Known));
        assert_eq!(sizes([1, 7, 7, 512]), Layout::ChannelsLast);
        assert_eq!(sizes([1, 512, 7, 7]), Layout::ChannelsFirst);
    }

    #[test]
    fn maps_come_out_with_channels_first() {
        let map = Array3::from_shape_fn((2, 3, 4), |(y, x, c)| (c * 100 + y * 10 + x) as f32);
        let first = Layout::ChannelsLast.channels_first(map);
        assert_eq!(first.dim(), (4, 2, 3));
        assert_eq!(first[[3, 1, 2]], 312.0);
    }
}
