//! Setting the batch of a model that was exported for another.

mod concat;
mod culprit;
mod reshape;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use super::declare::{declared_shape, dimension};
use super::pb::{GraphProto, ValueInfoProto, type_proto};
use super::proto::node_name;
use super::scope::{Names, graphs_mut, reads};
use super::shape::{given, infer_node};
use super::{Dim, Model, OnnxError, Shapes, infer_shapes, int_tensor};
use culprit::culprit;

/// How many images a model takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// That many.
    Fixed(NonZeroUsize),
    /// Any number.
    Open,
}

/// Sets the first axis of the model's inputs, and of what follows from it. Constant targets of `Reshape` that hold the old
/// batch are replaced, what a `Concat` puts beside the one image of a batch of one is repeated, and shape inference then has to find the new batch in every output that had the old one. The
/// model's own functions must be inlined ([`super::inline()`]). Weights are not copied.
///
/// # Errors
/// [`OnnxError::NoBatch`] where the inputs do not say which axis it is; [`OnnxError::FixedBatch`] with the node that holds
/// to the old batch.
pub fn set_batch(model: Model, batch: Batch) -> Result<Model, OnnxError> {
    let opset = model.opset();
    let old = infer_shapes(&model)?;
    let inputs = batched_inputs(&model)?;
    let before = first_axis(&old, &inputs[0]);
    let after = match batch {
        Batch::Fixed(size) => Dim::Known(size.get()),
        Batch::Open => open_name(model.graph(), &inputs[0]),
    };
    if after == before {
        return Ok(model);
    }
    let mut proto = model.into_proto();
    let Some(mut graph) = proto.graph.take() else {
        return Err(OnnxError::NotOnnx("it holds no graph".into()));
    };
    for input in graph.input.iter_mut().filter(|i| inputs.contains(&i.name)) {
        declare(
            input,
            |axis, old| if axis == 0 { after.clone() } else { old },
        );
    }
    forget_inferred(&mut graph);
    let new = walk(&mut graph, opset, &old, before.known())?;
    let depends = dependents(&graph, &inputs);
    for index in 0..graph.output.len() {
        let output = &graph.output[index];
        let had = declared_shape(output).and_then(|shape| shape.into_iter().next());
        let had = [
            had,
            old.get(&output.name)
                .and_then(|shape| shape.first().cloned()),
        ];
        let found = new.get(&output.name).and_then(|shape| shape.first());
        let carries = had.contains(&Some(before.clone())) && depends.contains(&output.name);
        if carries && found != Some(&after) {
            return Err(culprit(&graph, &old, &new, &output.name));
        }
        let (was, is) = (
            old.get(&output.name).cloned(),
            new.get(&output.name).cloned(),
        );
        if let (Some(was), Some(is)) = (was, is)
            && was.len() == is.len()
        {
            declare(&mut graph.output[index], |axis, declared| {
                let changed = is.get(axis).filter(|&dim| was.get(axis) != Some(dim));
                changed.cloned().unwrap_or(declared)
            });
        }
    }
    proto.graph = Some(graph);
    Model::from_proto(proto)
}

/// The inputs that have a first axis; all must agree on it.
fn batched_inputs(model: &Model) -> Result<Vec<String>, OnnxError> {
    let mut sizes: Vec<(String, Dim)> = vec![];
    for input in model.inputs() {
        let Some(shape) = declared_shape(input) else {
            let why = format!(
                "the model does not declare the shape of its input `{}`",
                input.name
            );
            return Err(OnnxError::NoBatch(why));
        };
        if let Some(first) = shape.into_iter().next() {
            sizes.push((input.name.clone(), first));
        }
    }
    let known: Vec<_> = sizes
        .iter()
        .filter(|(_, dim)| *dim != Dim::Unknown)
        .collect();
    if let Some(((one, a), (other, b))) = known
        .windows(2)
        .find_map(|pair| (pair[0].1 != pair[1].1).then(|| (pair[0], pair[1])))
    {
        return Err(OnnxError::NoBatch(format!(
            "the first axis of its input `{one}` is {a}, of `{other}` {b}, so that they are not one batch"
        )));
    }
    if sizes.is_empty() {
        return Err(OnnxError::NoBatch("no input has an axis".into()));
    }
    Ok(sizes.into_iter().map(|(name, _)| name).collect())
}

fn first_axis(shapes: &Shapes, value: &str) -> Dim {
    let first = shapes.get(value).and_then(|shape| shape.first());
    first.cloned().unwrap_or(Dim::Unknown)
}

/// The name that the batch has, or one that no other axis of an input has.
fn open_name(graph: &GraphProto, input: &str) -> Dim {
    let mut taken = HashSet::new();
    for value in &graph.input {
        let shape = declared_shape(value).unwrap_or_default();
        if let (true, Some(named @ Dim::Named(_))) = (value.name == input, shape.first()) {
            return named.clone();
        }
        taken.extend(shape);
    }
    let names = ["N", "batch", "batch_size"].map(String::from).into_iter();
    let mut names = names
        .chain((2..).map(|number| format!("N{number}")))
        .map(|name| Dim::Named(name.into()));
    names
        .find(|name| !taken.contains(name))
        .unwrap_or(Dim::Unknown)
}

/// Changes the declared dimensions of a value whose shape is declared.
fn declare(value: &mut ValueInfoProto, change: impl Fn(usize, Dim) -> Dim) {
    let Some(shape) = declared_shape(value) else {
        return;
    };
    let declared = value.r#type.as_mut().and_then(|t| t.value.as_mut());
    if let Some(type_proto::Value::TensorType(tensor)) = declared
        && let Some(declared) = &mut tensor.shape
    {
        for (axis, (dim, old)) in declared.dim.iter_mut().zip(shape).enumerate() {
            let new = change(axis, old.clone());
            if new != old {
                *dim = dimension(&new);
            }
        }
    }
}

/// What exporters have written about inner values was true of the old batch.
fn forget_inferred(graph: &mut GraphProto) {
    graph.value_info.clear();
    for inner in graph.node.iter_mut().flat_map(graphs_mut) {
        forget_inferred(inner);
    }
}

/// Infers the shapes with the new batch, and gives each `Reshape` that needs it a target of its own: others may still need
/// the old one.
fn walk(
    graph: &mut GraphProto,
    opset: i64,
    old: &Shapes,
    batch: Option<usize>,
) -> Result<Shapes, OnnxError> {
    let mut names = Names::of(graph);
    let mut known = given(graph)?;
    let mut replaced = HashSet::new();
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        let node = &mut node;
        let repeats = concat::repeated(node, old, &known, &mut names)?;
        for tensor in repeats.constants {
            known.learn_tensor(&tensor.name, &tensor)?;
            graph.initializer.push(tensor);
        }
        for repeat in repeats.nodes {
            infer_node(&repeat, &mut known, opset, &HashMap::new())?;
            nodes.push(repeat);
        }
        let target = match batch {
            Some(batch) => reshape::retargeted(node, old, &known, batch)?,
            None => None,
        };
        if let Some(target) = target {
            let name = names.fresh(&node_name(node), "shape");
            let tensor = int_tensor(&name, &target);
            known.learn_tensor(&name, &tensor)?;
            graph.initializer.push(tensor);
            replaced.insert(std::mem::replace(&mut node.input[1], name));
        }
        infer_node(node, &mut known, opset, &HashMap::new()).map_err(|error| match error {
            OnnxError::Node { node, op, why } => OnnxError::FixedBatch { node, op, why },
            other => other,
        })?;
        nodes.push(std::mem::take(node));
    }
    graph.node = nodes;
    drop_unread(graph, &replaced);
    Ok(known)
}

/// Removes those of the named constants that nobody reads any more.
fn drop_unread(graph: &mut GraphProto, names: &HashSet<String>) {
    let nodes = graph.node.iter().flat_map(reads);
    let read: HashSet<String> = nodes
        .chain(graph.output.iter().map(|output| &output.name[..]))
        .filter(|&name| names.contains(name))
        .map(str::to_owned)
        .collect();
    let gone = |name: &String| names.contains(name) && !read.contains(name);
    graph.initializer.retain(|tensor| !gone(&tensor.name));
    graph.input.retain(|input| !gone(&input.name));
    graph
        .node
        .retain(|node| node.output.is_empty() || !node.output.iter().all(gone));
}

/// The values that are computed from the inputs.
fn dependents(graph: &GraphProto, inputs: &[String]) -> HashSet<String> {
    let mut found: HashSet<String> = inputs.iter().cloned().collect();
    for node in &graph.node {
        if reads(node).into_iter().any(|name| found.contains(name)) {
            found.extend(node.output.iter().cloned());
        }
    }
    found
}
