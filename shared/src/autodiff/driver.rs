use std::collections::{HashMap, HashSet};

use super::activity::active_values;
use super::context::Context;
use super::{AutodiffError, Options, ReluRule, decompose, table};
use crate::onnx::pb::{NodeProto, ValueInfoProto, tensor_proto::DataType, type_proto};
use crate::onnx::{
    GraphBuilder, Model, OPSET, OnnxError, Shapes, declared_shape, infer_shapes, inline,
    raise_opset, reads,
};

/// The graph input that holds the direction: what multiplies the Jacobian from the left.
pub const COTANGENT: &str = "cotangent";
/// The graph output that holds the gradient.
pub const GRAD: &str = "grad";
/// The graph output that holds the feature map asked for with [`Options::features`].
pub const FEATURES: &str = "features";
/// The graph output that holds that feature map's cotangent.
pub const FEATURES_GRAD: &str = "features_grad";

/// Appends the gradient of an output with respect to an input: a graph input [`COTANGENT`] of the output's shape and a
/// graph output [`GRAD`] of the input's shape; with [`Options::features`] also the graph outputs [`FEATURES`] and
/// [`FEATURES_GRAD`].
///
/// The model's own functions and constant control flow are inlined first ([`inline`]), and an operator set older than
/// [`OPSET`] is raised to it ([`raise_opset`]).
///
/// # Errors
/// Where an operator on the way has no rule (all such nodes are named at once), where no path leads from input to
/// output, or where a shape that a rule needs is open.
pub fn differentiate(model: Model, options: &Options) -> Result<Model, AutodiffError> {
    let model = raise_opset(inline(model)?, OPSET)?;
    let input = model.input(options.input.as_deref())?.clone();
    let output = model.output(options.output.as_deref())?.clone();
    for value in [&input, &output] {
        require_float(value)?;
    }
    let features = match &options.features {
        Some(name) => Some(resolve(&model, name)?),
        None => None,
    };
    let active = active_values(&model.graph().node, &input.name, &output.name)?;
    if let Some(name) = features.iter().find(|name| !active.contains(*name)) {
        return Err(AutodiffError::Unsupported {
            what: name.clone(),
            why: format!(
                "it does not lie on a way from the input `{}` to the output `{}`",
                input.name, output.name
            ),
        });
    }

    let (model, steps) = decomposed(model, &active)?;
    let nodes: Vec<NodeProto> = steps.iter().map(|step| step.node.clone()).collect();
    let mut sweep = Sweep {
        active: active_values(&nodes, &input.name, &output.name)?,
        shapes: infer_shapes(&model)?,
        opset: model.opset(),
        relu: options.relu,
        features: features.clone(),
        features_grad: None,
        cotangents: HashMap::from([(output.name.clone(), vec![COTANGENT.to_owned()])]),
        builder: GraphBuilder::edit(model),
    };
    reserve(&mut sweep.builder, features.is_some())?;
    let mut cotangent_input = output.clone();
    COTANGENT.clone_into(&mut cotangent_input.name);
    if declared_shape(&output).is_none()
        && let Some(shape) = sweep.shapes.get(&output.name)
    {
        cotangent_input = crate::onnx::float_value(COTANGENT, Some(shape));
    }
    sweep.builder.graph_mut().input.push(cotangent_input);
    sweep.run(&steps)?;
    let no_path = || AutodiffError::NoPath {
        input: input.name.clone(),
        output: output.name.clone(),
    };
    let grad = sweep.total(&input.name).ok_or_else(no_path)?;

    let mut grad_output = input.clone();
    GRAD.clone_into(&mut grad_output.name);
    let mut results = vec![(grad, grad_output)];
    if let Some(features) = features {
        let features_grad = sweep.features_grad.take().ok_or_else(no_path)?;
        let shape = sweep.shapes.get(&features).map(|shape| &shape[..]);
        let declared = [FEATURES, FEATURES_GRAD].map(|name| crate::onnx::float_value(name, shape));
        results.extend([features, features_grad].into_iter().zip(declared));
    }
    for (value, declared) in results {
        hand_out(&mut sweep.builder, value, declared);
    }
    prune(&mut sweep.builder);
    Ok(sweep.builder.finish()?)
}

/// How many nodes an error lists.
const NAMES_TOLD: usize = 30;

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
            let known = nodes.iter().rev().take(NAMES_TOLD).rev();
            let known = known.map(crate::onnx::node_name).collect::<Vec<_>>();
            OnnxError::NoSuch {
                kind: "node or value",
                name: name.to_owned(),
                known: format!("… {}", known.join(", ")),
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

/// A node that the gradient flows through.
struct Step {
    node: NodeProto,
    /// Where it stands in the graph; `None` for the last node of a decomposition, whose value the decomposed node
    /// itself computes.
    index: Option<usize>,
}

/// The graph's nodes in order, those on the way without a rule replaced by their definition, whose nodes are appended to
/// the graph.
fn decomposed(model: Model, active: &HashSet<String>) -> Result<(Model, Vec<Step>), AutodiffError> {
    let nodes = model.graph().node.clone();
    let on_the_way = |node: &NodeProto| {
        node.output.iter().any(|name| active.contains(name))
            && node.input.iter().any(|name| active.contains(name))
    };
    let (shapes, opset) = (infer_shapes(&model)?, model.opset());
    let mut builder = GraphBuilder::edit(model);
    let mut steps = vec![];
    for (index, node) in nodes.into_iter().enumerate() {
        let definition = decompose::decomposition(&node).filter(|_| on_the_way(&node));
        let Some(definition) = definition else {
            let index = Some(index);
            steps.push(Step { node, index });
            continue;
        };
        if let Some(name) = node.output.iter().skip(1).find(|o| active.contains(*o)) {
            return Err(AutodiffError::Unsupported {
                what: crate::onnx::node_name(&node),
                why: format!(
                    "only the first output of {} is differentiated, and the gradient flows through `{name}`",
                    node.op_type
                ),
            });
        }
        let appended = builder.graph().node.len();
        let mut context = Context {
            builder: &mut builder,
            shapes: &shapes,
            node: &node,
            index: None,
            active: vec![],
            opset,
            relu: ReluRule::Exact,
        };
        definition(&mut context)?;
        // The decomposed node computes the last one's value already.
        let last = builder.graph_mut().node.pop();
        let inner = builder.graph().node[appended..].iter().cloned();
        steps.extend(inner.enumerate().map(|(offset, node)| Step {
            node,
            index: Some(appended + offset),
        }));
        steps.extend(last.map(|last| Step {
            node: NodeProto {
                output: node.output.iter().take(1).cloned().collect(),
                ..last
            },
            index: None,
        }));
    }
    Ok((builder.finish()?, steps))
}

/// The walk over the nodes from last to first.
struct Sweep {
    builder: GraphBuilder,
    shapes: Shapes,
    active: HashSet<String>,
    opset: i64,
    relu: ReluRule,
    /// The value whose cotangent is handed out, and that cotangent once it is known.
    features: Option<String>,
    features_grad: Option<String>,
    /// What has arrived at each value so far, one entry per use.
    cotangents: HashMap<String, Vec<String>>,
}

impl Sweep {
    /// Each rule turns its outputs' cotangents into its inputs'.
    fn run(&mut self, steps: &[Step]) -> Result<(), AutodiffError> {
        for step in steps.iter().rev() {
            self.step(step)?;
        }
        Ok(())
    }

    fn step(&mut self, Step { node, index }: &Step) -> Result<(), AutodiffError> {
        let wanted: Vec<bool> = node
            .input
            .iter()
            .map(|name| self.active.contains(name))
            .collect();
        let arriving: Vec<Option<String>> =
            node.output.iter().map(|name| self.total(name)).collect();
        if arriving.iter().all(Option::is_none) || !wanted.contains(&true) {
            return Ok(());
        }
        let Some(rule) = table::rule(node) else {
            return Ok(());
        };
        for (name, cotangent) in node.output.iter().zip(&arriving) {
            if self.features.as_ref() == Some(name) {
                self.features_grad.clone_from(cotangent);
            }
        }
        let mut context = Context {
            builder: &mut self.builder,
            shapes: &self.shapes,
            node,
            index: *index,
            active: wanted.clone(),
            opset: self.opset,
            relu: self.relu,
        };
        let mut leaving = rule(&mut context, &arriving)?.into_iter();
        for (position, (name, wanted)) in node.input.iter().zip(wanted).enumerate() {
            let cotangent = leaving.next().flatten();
            if !wanted {
                continue;
            }
            // Silence would be a wrong gradient: the value does depend on the model's input this way.
            let cotangent = cotangent.ok_or_else(|| AutodiffError::Unsupported {
                what: crate::onnx::node_name(node),
                why: format!(
                    "{} is not differentiated with respect to its input number {position}, `{name}`",
                    node.op_type
                ),
            })?;
            self.cotangents
                .entry(name.clone())
                .or_default()
                .push(cotangent);
        }
        Ok(())
    }

    /// The sum of the cotangents that have arrived at a value from its several uses.
    fn total(&mut self, value: &str) -> Option<String> {
        let parts = self.cotangents.remove(value)?.into_iter();
        parts.reduce(|sum, part| self.builder.node("Add", "grad/sum", &[&sum, &part], []))
    }
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
    let mut read: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let mut nodes = std::mem::take(&mut graph.node);
    nodes.reverse();
    nodes.retain(|node| {
        let appended = node.name.starts_with(PREFIX);
        let kept = !appended || node.output.iter().any(|name| read.contains(name));
        if kept {
            read.extend(reads(node).into_iter().map(str::to_owned));
        }
        kept
    });
    nodes.reverse();
    graph.node = nodes;
    graph
        .initializer
        .retain(|tensor| !tensor.name.starts_with(PREFIX) || read.contains(&tensor.name));
}

/// How the names of everything that belongs to the gradient begin.
const PREFIX: &str = "grad/";
