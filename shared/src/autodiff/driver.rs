use std::collections::{HashMap, HashSet};

use super::context::Context;
use super::{AutodiffError, table};
use crate::onnx::pb::{NodeProto, tensor_proto::DataType, type_proto};
use crate::onnx::{GraphBuilder, Model, Shapes, infer_shapes};

/// The graph input that holds the direction: what multiplies the Jacobian from the left.
pub const COTANGENT: &str = "cotangent";
/// The graph output that holds the gradient.
pub const GRAD: &str = "grad";

/// What to differentiate with respect to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The input's name; may be left out where the model has one.
    pub input: Option<String>,
    /// The output's name; may be left out where the model has one.
    pub output: Option<String>,
}

/// Appends the gradient of an output with respect to an input: a graph input [`COTANGENT`] of the output's shape and a
/// graph output [`GRAD`] of the input's shape.
///
/// # Errors
/// Where an operator on the way has no rule (all such nodes are named at once), where no path leads from input to
/// output, or where a shape that a rule needs is open.
pub fn differentiate(model: Model, options: &Options) -> Result<Model, AutodiffError> {
    let input = model.input(options.input.as_deref())?.clone();
    let output = model.output(options.output.as_deref())?.clone();
    for value in [&input, &output] {
        require_float(value)?;
    }
    let shapes = infer_shapes(&model)?;
    let opset = model.opset();
    let mut builder = GraphBuilder::edit(model);
    for name in [COTANGENT, GRAD] {
        if builder.fresh(name) != name {
            return Err(AutodiffError::Taken(name.to_owned()));
        }
    }
    let nodes = builder.graph().node.clone();
    let active = active_values(&nodes, &input.name, &output.name)?;

    let mut cotangent_input = output.clone();
    COTANGENT.clone_into(&mut cotangent_input.name);
    builder.graph_mut().input.push(cotangent_input);
    let start = HashMap::from([(output.name.clone(), vec![COTANGENT.to_owned()])]);
    let grad = sweep(
        &mut builder,
        &shapes,
        &nodes,
        &active,
        start,
        opset,
        &input.name,
    )?
    .ok_or_else(|| AutodiffError::NoPath {
        input: input.name.clone(),
        output: output.name.clone(),
    })?;

    builder.graph_mut().node.push(NodeProto {
        name: GRAD.to_owned(),
        op_type: "Identity".to_owned(),
        input: vec![grad],
        output: vec![GRAD.to_owned()],
        ..NodeProto::default()
    });
    let mut grad_output = input;
    GRAD.clone_into(&mut grad_output.name);
    builder.graph_mut().output.push(grad_output);
    Ok(builder.finish()?)
}

fn require_float(value: &crate::onnx::pb::ValueInfoProto) -> Result<(), AutodiffError> {
    let kind = value
        .r#type
        .as_ref()
        .and_then(|t| t.value.as_ref())
        .map(|type_proto::Value::TensorType(t)| t.elem_type);
    if kind == Some(DataType::Float as i32) {
        return Ok(());
    }
    let why = "only float32 inputs and outputs are differentiated".to_owned();
    Err(AutodiffError::Unsupported {
        what: value.name.clone(),
        why,
    })
}

/// The values on a way from input to output. An error if the way leads through an operator without a rule.
fn active_values(
    nodes: &[NodeProto],
    input: &str,
    output: &str,
) -> Result<HashSet<String>, AutodiffError> {
    let mut downstream: HashSet<&str> = HashSet::from([input]);
    for node in nodes.iter().filter(|node| !table::is_constant(node)) {
        if node.input.iter().any(|name| downstream.contains(&name[..])) {
            downstream.extend(node.output.iter().map(|name| &name[..]));
        }
    }
    let mut active: HashSet<&str> = HashSet::from([output]);
    let mut without_rule = vec![];
    for node in nodes.iter().rev().filter(|node| !table::is_constant(node)) {
        let through = |names: &[String], set: &HashSet<&str>| {
            names.iter().any(|name| set.contains(&name[..]))
        };
        if through(&node.output, &active) && through(&node.input, &downstream) {
            active.extend(
                node.input
                    .iter()
                    .map(|name| &name[..])
                    .filter(|name| downstream.contains(name)),
            );
            if table::rule(node).is_none() {
                without_rule.push((node.op_type.clone(), crate::onnx::node_name(node)));
            }
        }
    }
    if !active.contains(input) {
        return Err(AutodiffError::NoPath {
            input: input.to_owned(),
            output: output.to_owned(),
        });
    }
    if !without_rule.is_empty() {
        without_rule.reverse();
        return Err(AutodiffError::NoRule {
            nodes: without_rule,
        });
    }
    Ok(active.into_iter().map(str::to_owned).collect())
}

/// Walks the nodes from last to first; each rule turns its outputs' cotangents into its inputs'. Returns the
/// cotangent of `input`.
fn sweep(
    builder: &mut GraphBuilder,
    shapes: &Shapes,
    nodes: &[NodeProto],
    active: &HashSet<String>,
    mut cotangents: HashMap<String, Vec<String>>,
    opset: i64,
    input: &str,
) -> Result<Option<String>, AutodiffError> {
    for (index, node) in nodes.iter().enumerate().rev() {
        let wanted: Vec<bool> = node
            .input
            .iter()
            .map(|name| active.contains(name))
            .collect();
        let arriving: Vec<Option<String>> = node
            .output
            .iter()
            .map(|name| total(builder, cotangents.remove(name)))
            .collect();
        if arriving.iter().all(Option::is_none) || !wanted.contains(&true) {
            continue;
        }
        let Some(rule) = table::rule(node) else {
            continue;
        };
        let mut context = Context {
            builder,
            shapes,
            node,
            index,
            active: wanted.clone(),
            opset,
        };
        let leaving = rule(&mut context, &arriving)?;
        for ((name, cotangent), wanted) in node.input.iter().zip(leaving).zip(wanted) {
            if let (Some(cotangent), true) = (cotangent, wanted) {
                cotangents.entry(name.clone()).or_default().push(cotangent);
            }
        }
    }
    Ok(total(builder, cotangents.remove(input)))
}

/// The sum of the cotangents that arrive at one value from its several uses.
fn total(builder: &mut GraphBuilder, parts: Option<Vec<String>>) -> Option<String> {
    parts?
        .into_iter()
        .reduce(|sum, part| builder.node("Add", "grad/sum", &[&sum, &part], []))
}
