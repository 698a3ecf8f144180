//! How much memory and work a run takes, told from shapes before an engine allocates anything.
//!
//! A file of two kilobytes can ask for terabytes: a `Tile`, a `Pad`, a constant that is doubled forty times. Engines allocate what they
//! are asked for, and the process dies. What a run holds at a time is added up here along the graph's order; more than input and
//! weights have any use for is refused with the node's name.

use std::collections::{HashMap, HashSet};

use super::super::pb::{AttributeProto, GraphProto, NodeProto};
use super::super::rounds::nodes_run;
use super::super::scope::reads;
use super::super::{Model, OnnxError, node_name};
use super::equation::Equation;
use super::{Dim, Shapes, flags, given, infer_node, window};

/// What any run may hold at a time, in bytes: small inputs and weights do not make a network small.
const FREE: u64 = 1 << 30;
/// What a run may hold beyond that, as a multiple of its inputs: the values of EfficientNet-B7 and of its gradient together are about
/// two thousand times its image.
const PER_INPUT_BYTE: u64 = 4096;
/// The same for the weights, which may be unpacked from a byte to a float, and be transposed.
const PER_WEIGHT_BYTE: u64 = 16;
/// Multiplications and comparisons of one node: a convolution of 64 channels by as many takes 6e11 at 4096×4096 pixels.
const MOST_WORK: u64 = 1 << 41;
/// How often the nodes in the bodies of one loop may run, where the file says how often that is.
const MOST_ROUNDS: usize = 10_000_000;
/// `Trilu` counts diagonals from the main one; ONNX Runtime crashes where that number is near the end of its integers.
const FARTHEST_DIAGONAL: i64 = 1 << 31;
/// More elements than any tensor has, or will have, along one axis.
const LONGEST_SIDE: u64 = 1 << 40;
/// Bytes per element: values are float32 by far the most.
const ELEMENT: u64 = 4;

/// Operators that make a value whose size a file can choose: where it cannot be told although all inputs are known, it is beyond
/// what numbers count.
const SIZED: &[&str] = &[
    "AveragePool",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Expand",
    "LpPool",
    "MaxPool",
    "Pad",
    "Range",
    "Tile",
];

/// Operators without a rule of shapes that make as many elements as the numbers in their inputs say.
const COUNTED: &[&str] = &[
    "AffineGrid",
    "BlackmanWindow",
    "CenterCropPad",
    "Col2Im",
    "HammingWindow",
    "HannWindow",
    "MaxUnpool",
    "MelWeightMatrix",
];

/// A graph's nodes with what is known of them before it is fed.
#[derive(Clone, Debug)]
pub struct Footprint {
    nodes: Vec<NodeProto>,
    /// The values that nobody reads after each node.
    frees: Vec<Vec<String>>,
    opset: i64,
    given: Shapes,
    weights: u64,
    /// The shapes of inputs that were found to fit.
    admitted: Vec<Vec<Vec<usize>>>,
}

impl Footprint {
    /// Of a graph that will be run; judges what does not depend on its inputs, which engines compute when they load it.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`], and [`OnnxError::Node`] where a node makes no sense.
    pub fn of(model: &Model) -> Result<Self, OnnxError> {
        let graph = model.graph();
        let opset = model.opset();
        let mut given = given(graph)?;
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            match &node.op_type[..] {
                "Constant" => infer_node(node, &mut given, opset, &HashMap::new())?,
                _ => nodes.push(without_tensors(node)),
            }
        }
        let mut footprint = Self {
            frees: last_reads(&nodes, graph),
            nodes,
            opset,
            given,
            weights: graph.initializer.iter().map(bytes_of).sum(),
            admitted: vec![],
        };
        footprint.admit(&[])?;
        Ok(footprint)
    }

    /// Judges a run on inputs of these shapes.
    ///
    /// # Errors
    /// As [`Footprint::of`].
    pub fn admit(&mut self, inputs: &[(&str, &[usize])]) -> Result<(), OnnxError> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|(_, shape)| shape.to_vec()).collect();
        if self.admitted.contains(&shapes) {
            return Ok(());
        }
        let mut known = self.given.clone();
        let mut fed = 0_u64;
        for (name, shape) in inputs {
            fed = fed.saturating_add(volume(shape).saturating_mul(ELEMENT));
            known.learn_numbers(name, shape)?;
        }
        let most = FREE
            .saturating_add(fed.saturating_mul(PER_INPUT_BYTE))
            .saturating_add(self.weights.saturating_mul(PER_WEIGHT_BYTE))
            // WebAssembly can address no more than 4 GiB.
            .min(usize::MAX as u64);
        self.walk(&mut known, most)?;
        if self.admitted.len() >= 64 {
            self.admitted.clear();
        }
        self.admitted.push(shapes);
        Ok(())
    }

    fn walk(&self, known: &mut Shapes, most: u64) -> Result<(), OnnxError> {
        let declared = HashMap::new();
        let mut held = 0_u64;
        for (node, frees) in self.nodes.iter().zip(&self.frees) {
            infer_node(node, known, self.opset, &declared)?;
            let made = node.output.iter().map(|name| size(known, name));
            held = made.fold(held, u64::saturating_add);
            let mut needed = held;
            if matches!(&node.domain[..], "" | "ai.onnx") {
                judge_operands(node, known)?;
                needed = needed.saturating_add(aside(node, known)?);
            }
            if needed > most {
                return Err(OnnxError::TooLarge {
                    node: node_name(node),
                    op: node.op_type.clone(),
                    bytes: needed,
                });
            }
            let freed = frees.iter().map(|name| size(known, name));
            held = freed.fold(held, u64::saturating_sub);
        }
        Ok(())
    }
}

/// Operands that engines come to grief on.
fn judge_operands(node: &NodeProto, known: &Shapes) -> Result<(), OnnxError> {
    flags::judge(node)?;
    let constant = |index: usize| known.constant(node.input.get(index)?);
    match &node.op_type[..] {
        "Trilu" => match constant(1) {
            Some(&[k]) if k.checked_abs().is_none_or(|k| k > FARTHEST_DIAGONAL) => {
                Err(Model::node_error(node, format!("it has no diagonal {k}")))
            }
            _ => Ok(()),
        },
        "Loop" if nodes_run(node, &|name| constant_of(known, name)) > MOST_ROUNDS => {
            let why = "its rounds, with those of loops within it, would not come to an end";
            Err(Model::node_error(node, why))
        }
        op if SIZED.contains(&op) && (is_boundless(node, known) || is_endless(node, known)) => {
            let why = "the sizes that it is given are negative or beyond all bounds";
            Err(Model::node_error(node, why))
        }
        _ => Ok(()),
    }
}

fn constant_of(known: &Shapes, name: &str) -> Option<i64> {
    match known.constant(name) {
        Some(&[value]) => Some(value),
        _ => None,
    }
}

/// Whether the size of what a node makes follows from numbers that are known, and is none.
fn is_boundless(node: &NodeProto, known: &Shapes) -> bool {
    // From which input on it is values that count: sizes, repeats, pads.
    let from = match &node.op_type[..] {
        "ConstantOfShape" | "Range" => 0,
        "Expand" | "Pad" | "Tile" => 1,
        _ => usize::MAX,
    };
    let is_told = |(index, name): (usize, &String)| {
        let shape = known.numbers(name).is_some();
        let value = known.constant(name).is_some() || known.floats(name).is_some();
        name.is_empty() || (shape && (index < from || value))
    };
    let made = node.output.first().and_then(|name| known.numbers(name));
    made.is_none() && node.input.iter().enumerate().all(is_told)
}

/// Whether one side of what a node makes is longer than any tensor's, whatever its other sides are: ONNX Runtime crashes on that when
/// it loads the graph, before the batch is known.
fn is_endless(node: &NodeProto, known: &Shapes) -> bool {
    let made = node.output.first().and_then(|name| known.get(name));
    let mut sides = made.into_iter().flatten().filter_map(Dim::known);
    let pads = node.attribute.iter().filter(|a| a.name == "pads");
    let mut pads = pads.flat_map(|a| &a.ints).map(|pad| pad.unsigned_abs());
    sides.any(|side| side as u64 > LONGEST_SIDE) || pads.any(|pad| pad > LONGEST_SIDE)
}

/// What a node needs beside its result, in bytes: the padded input of a window, the intermediate of a contraction of several.
fn aside(node: &NodeProto, known: &Shapes) -> Result<u64, OnnxError> {
    let input = |index: usize| known.numbers(node.input.get(index)?);
    let (work, bytes) = match &node.op_type[..] {
        "Conv" | "MaxPool" | "AveragePool" | "LpPool" => {
            let (Some(shape), Some(out)) = (input(0), made(node, known)) else {
                return Ok(0);
            };
            let weight = input(1).filter(|_| node.op_type == "Conv");
            let kernel = weight.as_ref().and_then(|w| w.get(2..));
            let spatial: Vec<Option<usize>> = shape.iter().skip(2).copied().map(Some).collect();
            let window = window(node, &spatial, kernel)?;
            let padded = (0..spatial.len()).map(|axis| {
                let pads = window.before[axis].saturating_add(window.after[axis]);
                shape[axis + 2].saturating_add(pads)
            });
            let channels = shape.iter().take(2).copied();
            let padded = volume(&channels.chain(padded).collect::<Vec<_>>());
            let per_position = weight.map_or(volume(&window.kernel), |w| {
                volume(w.get(1..).unwrap_or_default())
            });
            let work = volume(&out).saturating_mul(per_position);
            let columns = match node.op_type == "Conv" {
                true => columns(
                    &out,
                    volume(&window.kernel),
                    shape.get(1).copied().unwrap_or(1),
                ),
                false => 0,
            };
            (work, padded.saturating_add(columns).saturating_mul(ELEMENT))
        }
        "ConvTranspose" => match (input(0), input(1)) {
            (Some(shape), Some(weight)) => {
                let made = weight.get(1..).unwrap_or_default();
                let kernel = volume(made.get(1..).unwrap_or_default());
                let columns = columns(&shape, kernel, made.first().copied().unwrap_or(1));
                let work = volume(&shape).saturating_mul(volume(made));
                (work, columns.saturating_mul(ELEMENT))
            }
            _ => (0, 0),
        },
        op if COUNTED.contains(&op) => {
            let numbers = node.input.iter().filter_map(|name| known.constant(name));
            let sizes: Vec<usize> = numbers
                .flatten()
                .map(|&size| usize::try_from(size).unwrap_or(1).max(1))
                .collect();
            (0, volume(&sizes).saturating_mul(ELEMENT))
        }
        "Einsum" if node.input.len() > 2 => {
            let all = contracted(node, known)?;
            (all, all.saturating_mul(ELEMENT))
        }
        "Einsum" => (contracted(node, known)?, 0),
        _ => (0, 0),
    };
    match work > MOST_WORK {
        true => Err(Model::node_error(
            node,
            "its window or contraction asks for more work than a network can need",
        )),
        false => Ok(bytes),
    }
}

/// The elements of the matrix that a convolution is made a product with: a column of `channels` windows for each place of the
/// shape `[N, C, ...]`. A window of one element needs none.
fn columns(places: &[usize], window: u64, channels: usize) -> u64 {
    if window < 2 {
        return 0;
    }
    let spatial = places.iter().skip(2).chain(places.first()).copied();
    volume(&spatial.chain([channels]).collect::<Vec<_>>()).saturating_mul(window)
}

/// The elements of everything that an `Einsum` runs over, as far as the sizes of its letters are known.
fn contracted(node: &NodeProto, known: &Shapes) -> Result<u64, OnnxError> {
    let shapes = node.input.iter().map(|name| known.get(name));
    let Some(shapes) = shapes.collect::<Option<Vec<_>>>() else {
        return Ok(0);
    };
    let ranks: Vec<usize> = shapes.iter().map(|shape| shape.len()).collect();
    let Some(equation) = Equation::of(node, &ranks)? else {
        return Ok(0);
    };
    let mut sizes: HashMap<char, usize> = HashMap::new();
    for (&label, dim) in equation
        .inputs
        .iter()
        .flatten()
        .zip(shapes.into_iter().flatten())
    {
        let size = sizes.entry(label).or_insert(1);
        *size = dim.known().map_or(*size, |dim| dim.max(*size));
    }
    Ok(volume(&sizes.into_values().collect::<Vec<_>>()))
}

fn made(node: &NodeProto, known: &Shapes) -> Option<Vec<usize>> {
    known.numbers(node.output.first()?)
}

/// About how many bytes a value takes; 0 where its shape is not known.
fn size(known: &Shapes, name: &str) -> u64 {
    let shape = known.numbers(name);
    shape.map_or(0, |shape| volume(&shape).saturating_mul(ELEMENT))
}

/// The product of sizes. In 64 bits everywhere: what is judged may be beyond what a process can address.
fn volume(shape: &[usize]) -> u64 {
    if shape.contains(&0) {
        return 0;
    }
    shape
        .iter()
        .fold(1, |product, &d| product.saturating_mul(d as u64))
}

fn bytes_of(tensor: &super::TensorProto) -> u64 {
    let lists = (tensor.float_data.len() + tensor.int32_data.len()) * 4
        + (tensor.int64_data.len() + tensor.double_data.len() + tensor.uint64_data.len()) * 8;
    (tensor.raw_data.len() + lists) as u64
}

/// A node without what it holds of weights: shapes do not hang on them.
fn without_tensors(node: &NodeProto) -> NodeProto {
    let small = |attribute: &&AttributeProto| {
        attribute
            .t
            .as_ref()
            .is_none_or(|tensor| bytes_of(tensor) <= 64)
    };
    NodeProto {
        input: node.input.clone(),
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: node.op_type.clone(),
        domain: node.domain.clone(),
        attribute: node.attribute.iter().filter(small).cloned().collect(),
        ..NodeProto::default()
    }
}

/// For each node the values that it or an earlier node makes and that are read for the last time by it.
fn last_reads(nodes: &[NodeProto], graph: &GraphProto) -> Vec<Vec<String>> {
    let made: HashSet<&str> = nodes
        .iter()
        .flat_map(|n| &n.output)
        .map(|n| &n[..])
        .collect();
    let mut later: HashSet<&str> = graph.output.iter().map(|output| &output.name[..]).collect();
    let mut frees = vec![vec![]; nodes.len()];
    for (node, frees) in nodes.iter().zip(&mut frees).rev() {
        for name in reads(node)
            .into_iter()
            .chain(node.output.iter().map(|n| &n[..]))
        {
            if made.contains(name) && later.insert(name) {
                frees.push(name.to_owned());
            }
        }
    }
    frees
}

#[cfg(test)]
mod tests {
    use super::super::super::{AttributeValue, GraphBuilder};
    use super::*;

    fn model(edit: impl FnOnce(&mut GraphBuilder) -> String) -> Model {
        let mut graph = GraphBuilder::new("large");
        let shape = [
            Dim::Named("N".into()),
            Dim::Known(3),
            Dim::Known(16),
            Dim::Known(16),
        ];
        graph.input("image", &shape);
        let last = edit(&mut graph);
        graph.output(&last, None);
        graph.finish().unwrap()
    }

    fn judged(model: &Model) -> Result<(), OnnxError> {
        Footprint::of(model)?.admit(&[("image", &[1, 3, 16, 16])])
    }

    /// Sizes from all kinds of operators that choose them.
    #[test]
    fn what_input_and_weights_have_no_use_for_is_refused_by_name() {
        type Edit = fn(&mut GraphBuilder) -> String;
        let cases: [(&str, Edit); 15] = [
            ("HannWindow", |g| {
                let size = super::super::super::int_tensor("", &[1 << 40]);
                let size = g.shared("size", size);
                g.node("HannWindow", "big", &[&size], [])
            }),
            ("Tile", |g| {
                let times = g.ints("times", &[1, 1, 10_000, 1_000]);
                g.node("Tile", "big", &["image", &times], [])
            }),
            ("Pad", |g| {
                let pads = g.ints("pads", &[0, 0, 20_000, 20_000, 0, 0, 20_000, 20_000]);
                g.node("Pad", "big", &["image", &pads], [])
            }),
            ("Resize", |g| {
                let scales = g.floats("scales", &ndarray::arr1(&[1.0, 1.0, 3e3, 3e3]).into_dyn());
                g.node("Resize", "big", &["image", "", &scales], [])
            }),
            ("Resize", |g| {
                let scales = g.floats("scales", &ndarray::arr1(&[1.0, 1.0, 3e30, 1.0]).into_dyn());
                g.node("Resize", "big", &["image", "", &scales], [])
            }),
            ("Expand", |g| {
                let shape = g.ints("shape", &[1 << 20, 3, 16, 16]);
                g.node("Expand", "big", &["image", &shape], [])
            }),
            ("ConstantOfShape", |g| {
                let shape = g.ints("shape", &[1 << 20, 1 << 20]);
                g.node("ConstantOfShape", "big", &[&shape], [])
            }),
            ("ConstantOfShape", |g| {
                let shape = g.ints("shape", &[-5]);
                g.node("ConstantOfShape", "big", &[&shape], [])
            }),
            ("Range", |g| {
                let [start, limit, step] =
                    [("a", 0.0), ("b", 1e12), ("c", 1e-3)].map(|(name, v)| g.scalar(name, v));
                g.node("Range", "big", &[&start, &limit, &step], [])
            }),
            ("ConvTranspose", |g| {
                let w = g.floats("w", &ndarray::ArrayD::ones(vec![3, 2, 3, 3]));
                let strides = ("strides", AttributeValue::from([1 << 40, 1 << 40]));
                g.node("ConvTranspose", "big", &["image", &w], [strides])
            }),
            ("MaxPool", |g| {
                let kernel = ("kernel_shape", AttributeValue::from([2, 2]));
                let pads = (
                    "pads",
                    AttributeValue::from([1 << 40, 1 << 40, 1 << 40, 1 << 40]),
                );
                let strides = ("strides", AttributeValue::from([1 << 40, 1 << 40]));
                g.node("MaxPool", "big", &["image"], [kernel, pads, strides])
            }),
            ("MaxPool", |g| {
                let kernel = ("kernel_shape", AttributeValue::from([4_000, 4_000]));
                let pads = ("pads", AttributeValue::from([3_999, 3_999, 3_999, 3_999]));
                g.node("MaxPool", "big", &["image"], [kernel, pads])
            }),
            ("Conv", |g| {
                let w = g.floats("w", &ndarray::ArrayD::ones(vec![4, 3, 3, 3]));
                let pads = ("pads", AttributeValue::from([1, 1, 1 << 20, 1]));
                g.node("Conv", "big", &["image", &w], [pads])
            }),
            ("ConvTranspose", |g| {
                let times = g.ints("times", &[1, 1, 1 << 16, 1]);
                let tall = g.node("Tile", "tall", &["image", &times], []);
                let w = g.floats("w", &ndarray::ArrayD::ones(vec![3, 3, 3, 3]));
                g.node("ConvTranspose", "big", &[&tall, &w], [])
            }),
            ("Trilu", |g| {
                let mut k = super::super::super::int_tensor("", &[i64::MIN]);
                k.dims.clear();
                let k = g.shared("k", k);
                g.node("Trilu", "big", &["image", &k], [])
            }),
        ];
        for (op, edit) in cases {
            let error = judged(&model(edit)).expect_err(op);
            let (node, of) = match &error {
                OnnxError::TooLarge { node, op, .. } | OnnxError::Node { node, op, .. } => {
                    (node, op)
                }
                other => panic!("{op}: {other}"),
            };
            assert_eq!((&node[..], &of[..]), ("big", op), "{error}");
        }
    }

    /// Engines fold shapes when they load a graph, of which the batch is not known yet.
    #[test]
    fn a_side_beyond_all_bounds_is_refused_before_the_graph_is_fed() {
        for last in [i64::MAX, i64::MAX - 1, 1 << 41] {
            for first in [1, i64::MAX] {
                let model = model(|g| {
                    let w = g.floats("w", &ndarray::ArrayD::ones(vec![4, 3, 3, 3]));
                    let pads = ("pads", AttributeValue::from([1, first, 1, last]));
                    g.node("Conv", "big", &["image", &w], [pads])
                });
                let said = Footprint::of(&model).unwrap_err().to_string();
                assert!(said.contains("`big`"), "{said}");
            }
        }
    }

    /// Constants are computed when an engine loads the graph, before anything is fed.
    #[test]
    fn a_constant_that_is_doubled_forty_times_is_refused_before_the_graph_is_fed() {
        let model = model(|g| {
            let mut value = g.floats("one", &ndarray::arr1(&[1.0]).into_dyn());
            for _ in 0..40 {
                let axis = ("axis", AttributeValue::from(0));
                value = g.node("Concat", "twice", &[&value, &value], [axis]);
            }
            let sum = g.node("ReduceSum", "sum", &[&value], []);
            g.node("Mul", "scaled", &["image", &sum], [])
        });
        assert!(matches!(
            Footprint::of(&model),
            Err(OnnxError::TooLarge { .. })
        ));
    }

    /// Many values of moderate size that are all needed at the end.
    #[test]
    fn it_is_the_sum_of_what_is_held_at_a_time_that_counts() {
        let many = |kept: bool| {
            model(|g| {
                let times = g.ints("times", &[1, 1, 1_000, 100]);
                let mut last = g.node("Tile", "tile", &["image", &times], []);
                let mut all = vec![last.clone()];
                for _ in 0..8 {
                    last = g.node("Relu", "relu", &[&last], []);
                    all.push(last.clone());
                }
                if !kept {
                    return last;
                }
                let all: Vec<&str> = all.iter().map(|name| &name[..]).collect();
                g.node("Sum", "sum", &all, [])
            })
        };
        judged(&many(false)).unwrap();
        assert!(matches!(
            judged(&many(true)),
            Err(OnnxError::TooLarge { .. })
        ));
    }
}
