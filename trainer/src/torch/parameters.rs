//! Which stored numbers a training changes: what PyTorch would call parameters.
//!
//! ONNX does not say it of an initializer. An exporter leaves a layer's weights beside masks, tables of positions and the mean that an image is
//! normalized with, and what a layer was is spread over several nodes. What is learnt is therefore read off how a number is used.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use pellucid_shared::onnx::pb::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType};
use pellucid_shared::onnx::{Attributes, Model, booleans, floats, ints, is_floating};
use tch::{Device, Kind, Tensor};

use super::arrays::to_tensor;

/// Operators that hand a number on as it is, or each of its elements through a function: the number behind them is the same parameter.
const VIEWS: &[&str] = &[
    "Cast",
    "CastLike",
    "Clip",
    "Exp",
    "Expand",
    "Flatten",
    "Identity",
    "Neg",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softplus",
    "Split",
    "Squeeze",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Operators between an image and the first layer that leave it an image.
const PREPARATION: &[&str] = &[
    "Add",
    "Cast",
    "CastLike",
    "Clip",
    "Concat",
    "Div",
    "Gather",
    "Identity",
    "Mul",
    "Pad",
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];

/// Numbers at least so far below zero, beside zeros alone, say where attention must not look.
const MASKED: f32 = -10.0;

/// The names of the float initializers that are learnt.
pub(super) fn learnt(graph: &GraphProto) -> HashSet<String> {
    let statistics = running_statistics(graph);
    let stored: HashMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .filter(|tensor| is_float(tensor) && !statistics.contains(&tensor.name))
        .map(|tensor| (&tensor.name[..], tensor))
        .collect();
    let inputs = graph.input.iter().map(|input| &input.name[..]);
    let mut roles = Roles {
        stored: &stored,
        own_name: stored.keys().map(|&name| (name, name)).collect(),
        of_the_image: of_the_image(graph),
        unprepared: inputs.filter(|name| !stored.contains_key(name)).collect(),
    };
    let mut learnt = HashSet::new();
    for node in &graph.node {
        learnt.extend(roles.learnt_by(node));
        roles.follow(node);
    }
    learnt
}

/// What a training changes of a graph's numbers, and what it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// How many numbers are learnt.
    pub learnt: usize,
    /// In how many tensors.
    pub tensors: usize,
    /// The tensors of several floating-point numbers that are not learnt, running statistics aside, by name.
    pub fixed: Vec<String>,
}

/// Surveys a model whose functions are written out.
#[must_use]
pub fn survey(model: &Model) -> Survey {
    let mut graph = model.graph().clone();
    lift_constants(&mut graph);
    let (learnt, statistics) = (learnt(&graph), running_statistics(&graph));
    let is_learnt = |tensor: &&TensorProto| learnt.contains(&tensor.name);
    let fixed = |tensor: &&TensorProto| {
        is_float(tensor)
            && elements(tensor) > 1
            && !is_learnt(tensor)
            && !statistics.contains(&tensor.name)
    };
    let stored = graph.initializer.iter();
    Survey {
        learnt: stored
            .clone()
            .filter(is_learnt)
            .map(|tensor| elements(tensor) as usize)
            .sum(),
        tensors: stored.clone().filter(is_learnt).count(),
        fixed: stored
            .filter(fixed)
            .map(|tensor| tensor.name.clone())
            .collect(),
    }
}

/// What is known of the values in front of a node.
struct Roles<'a> {
    stored: &'a HashMap<&'a str, &'a TensorProto>,
    /// The initializer that a value is, possibly seen through [`VIEWS`].
    own_name: HashMap<&'a str, &'a str>,
    /// Values that depend on the image.
    of_the_image: HashSet<&'a str>,
    /// Those of them before the first layer.
    unprepared: HashSet<&'a str>,
}

impl<'a> Roles<'a> {
    /// The initializers that a node uses as a layer does its parameters.
    fn learnt_by(&self, node: &'a NodeProto) -> Vec<String> {
        let parameter = |index: usize| {
            let name = self.own_name.get(&node.input.get(index)?[..])?;
            Some((index, *self.stored.get(name)?))
        };
        let every = (0..node.input.len()).filter_map(parameter);
        let several = |(_, tensor): &(usize, &TensorProto)| elements(tensor) > 1;
        let used: Vec<(usize, &TensorProto)> = match &node.op_type[..] {
            // A weight that is standardised.
            "BatchNormalization" if !self.is_of_the_image(node.input.first()) => {
                parameter(0).into_iter().collect()
            }
            "Conv"
            | "ConvTranspose"
            | "Gemm"
            | "BatchNormalization"
            | "LayerNormalization"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "RMSNormalization" => every.filter(|(index, _)| *index > 0).collect(),
            "PRelu" => parameter(1).into_iter().collect(),
            // Of two stored factors the first is a table that the weights are applied to.
            "MatMul" if parameter(1).is_some() => parameter(1).into_iter().collect(),
            "MatMul" | "Einsum" | "Concat" => every.filter(several).collect(),
            "Gather" => parameter(0).into_iter().filter(several).collect(),
            "Add" | "Sub" | "Mul" | "Div" if !self.prepares(node) => every
                .filter(several)
                .filter(|(_, tensor)| !is_mask(tensor))
                .collect(),
            _ => vec![],
        };
        used.into_iter()
            .map(|(_, tensor)| tensor.name.clone())
            .collect()
    }

    fn is_of_the_image(&self, name: Option<&String>) -> bool {
        name.is_some_and(|name| self.of_the_image.contains(&name[..]))
    }

    /// Whether a node only prepares an image: what it is scaled and shifted by is no layer's.
    fn prepares(&self, node: &NodeProto) -> bool {
        let mut image = node
            .input
            .iter()
            .filter(|name| self.of_the_image.contains(&name[..]))
            .peekable();
        image.peek().is_some() && image.all(|name| self.unprepared.contains(&name[..]))
    }

    /// Learns what a node's outputs are.
    fn follow(&mut self, node: &'a NodeProto) {
        let prepares = PREPARATION.contains(&&node.op_type[..]) && self.prepares(node);
        let first = node.input.first().map_or("", |name| &name[..]);
        let seen = self.own_name.get(first).copied();
        for output in &node.output {
            if prepares {
                self.unprepared.insert(output);
            }
            if let Some(name) = seen.filter(|_| VIEWS.contains(&&node.op_type[..])) {
                self.own_name.insert(output, name);
            }
        }
    }
}

fn is_float(tensor: &TensorProto) -> bool {
    DataType::try_from(tensor.data_type).is_ok_and(is_floating)
}

fn elements(tensor: &TensorProto) -> i64 {
    tensor.dims.iter().product()
}

/// Whether a tensor holds nothing but zeros and one number far below.
fn is_mask(tensor: &TensorProto) -> bool {
    let Ok(values) = floats(tensor) else {
        return false;
    };
    let mut below = values.iter().filter(|&&value| value != 0.0);
    let lowest = below.next().copied().filter(|&value| value <= MASKED);
    lowest.is_some_and(|lowest| below.all(|&value| value == lowest))
}

/// The tensors of `Constant` nodes with several floating-point numbers become initializers of their outputs' names, so that they can be learnt.
pub(crate) fn lift_constants(graph: &mut GraphProto) {
    let mut lifted = vec![];
    graph.node.retain(|node| {
        let Some(tensor) = constant(node) else {
            return true;
        };
        lifted.push(tensor);
        false
    });
    graph.initializer.extend(lifted);
}

/// The tensor of a `Constant` node with several floating-point numbers, under the name of the node's output.
pub(super) fn constant(node: &NodeProto) -> Option<TensorProto> {
    let output = node.output.first().filter(|_| node.op_type == "Constant")?;
    let tensor = Attributes(node).tensor("value").ok().flatten()?;
    (is_float(tensor) && elements(tensor) > 1).then(|| TensorProto {
        name: output.clone(),
        ..tensor.clone()
    })
}

/// The running statistics, which training updates without a gradient.
pub(super) fn running_statistics(graph: &GraphProto) -> HashSet<String> {
    let image = of_the_image(graph);
    // A weight that is standardised so has statistics of its own.
    let normalizes = |node: &&NodeProto| {
        let first = node.input.first();
        node.op_type == "BatchNormalization" && first.is_some_and(|name| image.contains(&name[..]))
    };
    let normalizations = graph.node.iter().filter(normalizes);
    normalizations
        .flat_map(|node| node.input.iter().skip(3))
        .cloned()
        .collect()
}

/// The values that depend on what the graph is fed.
fn of_the_image(graph: &GraphProto) -> HashSet<&str> {
    let stored: HashSet<&str> = graph.initializer.iter().map(|t| &t.name[..]).collect();
    let inputs = graph.input.iter().map(|input| &input.name[..]);
    let mut image: HashSet<&str> = inputs.filter(|name| !stored.contains(name)).collect();
    for node in &graph.node {
        if node.input.iter().any(|name| image.contains(&name[..])) {
            image.extend(node.output.iter().map(|name| &name[..]));
        }
    }
    image
}

/// Every initializer as a tensor on the device; floating-point ones in `kind`.
pub(super) fn load(
    graph: &GraphProto,
    device: Device,
    kind: Kind,
) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    for proto in &graph.initializer {
        tensors.insert(proto.name.clone(), load_one(proto, kind)?.to_device(device));
    }
    Ok(tensors)
}

pub(super) fn load_one(
    proto: &pellucid_shared::onnx::pb::TensorProto,
    kind: Kind,
) -> Result<Tensor> {
    Ok(match DataType::try_from(proto.data_type) {
        Ok(DataType::Bool) => to_tensor(&booleans(proto)?)?.to_kind(Kind::Bool),
        Ok(known) if is_floating(known) => to_tensor(&floats(proto)?)?.to_kind(kind),
        _ => to_tensor(&ints(proto)?)?,
    })
}
