use std::collections::{HashMap, HashSet};

use super::activity::{active_values, nothing_found};
use super::names::{COTANGENT, FEATURES, FEATURES_GRAD, GRAD, PREFIX};
use super::order::beside_their_values;
use super::rule::standard;
use super::steps::decomposed;
use super::sweep::Sweep;
use super::{
    AutodiffError, Options, QUANTIZED, Quantized, RELU_COUNT, RELU_RULE, ReluRule, quantization,
};
use onnx_edit::pb::{NodeProto, ValueInfoProto, tensor_proto::DataType};
use onnx_edit::{
    Budget, GraphBuilder, Model, OPSET, OnnxError, Types, declared_shape, declared_type,
    infer_shapes, inline, is_floating, least_opset, output_names, raise_opset, remove_unread,
    require_true_declarations, typed_value,
};

/// Appends the gradient of an output with respect to an input: a graph input [`COTANGENT`] of the output's shape and a
/// graph output [`GRAD`] of the input's shape; with [`Options::features`] also the graph outputs [`FEATURES`] and
/// [`FEATURES_GRAD`]. With another rule than the exact one for `Relu` the metadata property [`RELU_RULE`] names it.
///
/// The model's own functions and constant control flow are inlined first ([`inline`]), and an operator set older than
/// [`OPSET`] is raised to it ([`raise_opset`]).
///
/// # Errors
/// Where an operator on the way has no rule (all such nodes are named at once), where no path leads from input to
/// output, or where a shape that a rule needs is open.
pub fn differentiate(model: Model, options: &Options) -> Result<Model, AutodiffError> {
    let model = inline(model)?;
    let opset = least_opset(model.graph()).unwrap_or(OPSET);
    let model = raise_opset(model, opset.max(OPSET))?;
    let input = model.input(options.input.as_deref())?.clone();
    let output = model.output(options.output.as_deref())?.clone();
    for value in [&input, &output] {
        require_float(value)?;
    }
    let features = match &options.features {
        Some(name) => Some(resolve(&model, name)?),
        None => None,
    };
    let active = active_values(
        &model.graph().node,
        &input.name,
        &output.name,
        options.quantized,
    )?;
    if let Some(name) = features.iter().find(|name| !active.contains(*name)) {
        return Err(AutodiffError::Unsupported {
            what: name.clone(),
            why: format!(
                "it does not lie on a way from the input `{}` to the output `{}`",
                input.name, output.name
            ),
        });
    }

    let own = model.graph().node.len();
    let (model, steps) = decomposed(model, &active)?;
    let nodes: Vec<NodeProto> = steps.iter().map(|step| step.node.clone()).collect();
    let mut sweep = Sweep {
        active: active_values(&nodes, &input.name, &output.name, options.quantized)?,
        shapes: infer_shapes(&model)?,
        types: Types::of(&model),
        opset: model.opset(),
        relu: options.relu,
        quantized: options.quantized,
        activations: 0,
        features: features.clone(),
        features_grad: None,
        budget: Budget::GRADIENT,
        declared: HashSet::new(),
        cotangents: HashMap::from([(output.name.clone(), vec![COTANGENT.to_owned()])]),
        builder: GraphBuilder::edit(model),
    };
    reserve(&mut sweep.builder, features.is_some())?;
    let mut cotangent_input = output.clone();
    COTANGENT.clone_into(&mut cotangent_input.name);
    if declared_shape(&output).is_none()
        && let Some(shape) = sweep.shapes.get(&output.name)
    {
        let kind = declared_type(&output).unwrap_or(DataType::Float);
        cotangent_input = typed_value(COTANGENT, kind, Some(shape));
    }
    sweep.builder.graph_mut().input.push(cotangent_input);
    sweep.run(&steps)?;
    let no_path = || AutodiffError::NoPath {
        input: input.name.clone(),
        output: output.name.clone(),
    };
    let grad = sweep.total(&input.name).ok_or_else(no_path)?;

    let activations = sweep.activations;
    if options.relu != ReluRule::Exact && activations == 0 {
        let nodes = &sweep.builder.graph().node;
        let error = nothing_found(options.relu, &output.name, nodes, &sweep.active);
        return Err(error);
    }

    let mut grad_output = input.clone();
    GRAD.clone_into(&mut grad_output.name);
    let mut results = vec![(grad, grad_output)];
    if let Some(features) = features {
        let features_grad = sweep.features_grad.take().ok_or_else(no_path)?;
        let shape = sweep.shapes.get(&features).map(|shape| &shape[..]);
        let kind = sweep.types.floating(&features).unwrap_or(DataType::Float);
        let declared = [FEATURES, FEATURES_GRAD].map(|name| typed_value(name, kind, shape));
        results.extend([features, features_grad].into_iter().zip(declared));
    }
    for (value, declared) in results {
        hand_out(&mut sweep.builder, value, declared);
    }
    prune(&mut sweep.builder);
    beside_their_values(sweep.builder.graph_mut(), own);
    let own = |name: &str| [GRAD, FEATURES_GRAD].contains(&name) || name.starts_with(PREFIX);
    let mut model = require_true_declarations(sweep.builder.finish()?, own)?;
    let rounds = |node: &NodeProto| {
        quantization::OPERATORS
            .iter()
            .any(|operator| standard(node) && operator.name == node.op_type)
    };
    if options.quantized != Quantized::Refused && nodes.iter().any(rounds) {
        model.set_metadata(QUANTIZED, "straight-through".to_owned());
    }
    if options.relu != ReluRule::Exact {
        model.set_metadata(RELU_RULE, options.relu.name().to_owned());
        model.set_metadata(RELU_COUNT, activations.to_string());
    }
    Ok(model)
}

/// The value of that name, or the first output of the node of that name.
fn resolve(model: &Model, name: &str) -> Result<String, AutodiffError> {
    let nodes = &model.graph().node;
    if nodes
        .iter()
        .any(|node| node.output.iter().any(|o| o == name))
    {
        return Ok(name.to_owned());
    }
    let node = nodes.iter().find(|node| node.name == name);
    node.and_then(|node| node.output.first().cloned())
        .ok_or_else(|| {
            // Deep layers, the ones that are asked for, stand at the end; a large model has thousands.
            let known = nodes.iter().rev().map(onnx_edit::node_name).collect();
            OnnxError::NoSuch {
                kind: "node or value",
                name: name.to_owned(),
                known,
            }
            .into()
        })
}

/// Takes the names that the result needs.
fn reserve(builder: &mut GraphBuilder, features: bool) -> Result<(), AutodiffError> {
    let names = [COTANGENT, GRAD, FEATURES, FEATURES_GRAD];
    for name in &names[..if features { 4 } else { 2 }] {
        if builder.fresh(name) != *name {
            return Err(AutodiffError::Taken((*name).to_owned()));
        }
    }
    Ok(())
}

fn require_float(value: &ValueInfoProto) -> Result<(), AutodiffError> {
    if declared_type(value).is_some_and(is_floating) {
        return Ok(());
    }
    let why = "only inputs and outputs of floating-point numbers are differentiated: name another, or export the model with this one as float32".to_owned();
    Err(AutodiffError::Unsupported {
        what: value.name.clone(),
        why,
    })
}

/// Declares a value as a graph output under a name of its own.
fn hand_out(builder: &mut GraphBuilder, value: String, declared: ValueInfoProto) {
    builder.graph_mut().node.push(NodeProto {
        name: declared.name.clone(),
        op_type: "Identity".to_owned(),
        input: vec![value],
        output: vec![declared.name.clone()],
        ..NodeProto::default()
    });
    builder.graph_mut().output.push(declared);
}

/// Removes what was appended and is read by nothing, such as the parts of a decomposition that no gradient needs.
fn prune(builder: &mut GraphBuilder) {
    let graph = builder.graph_mut();
    let outputs = output_names(graph);
    let read = remove_unread(graph, outputs, |node| node.name.starts_with(PREFIX));
    graph
        .initializer
        .retain(|tensor| !tensor.name.starts_with(PREFIX) || read.contains(&tensor.name));
    graph
        .value_info
        .retain(|value| !value.name.starts_with(PREFIX) || read.contains(&value.name));
}
