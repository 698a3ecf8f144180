//! The last layer of a network: what turns features into a number per class, and a new one for other classes.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::onnx::pb::{NodeProto, TensorProto};
use pellucid_shared::onnx::{
    Attributes, Dim, GraphBuilder, Model, declared_shape, float_tensor, float_value, infer_shapes,
    tensor_shape,
};
use pellucid_shared::said;
use pellucid_shared::zoo::fresh_linear;

use crate::torch::lift_constants;

/// Nodes behind the last layer that hand on a number per class, whatever the classes are.
const PASSED: [&str; 11] = [
    "AveragePool",
    "Cast",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "Identity",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
];
/// So many of them are passed over.
const LONGEST: usize = 16;

/// The last layer of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::train) struct LastLayer {
    /// The name of its weights, and which of their axes is the classes'.
    weight: (String, usize),
    /// The name of its bias, if it has one.
    bias: Option<String>,
}

impl LastLayer {
    /// The names of its weights and its bias.
    pub(in crate::train) fn weights(&self) -> Vec<String> {
        let names = std::iter::once(&self.weight.0).chain(&self.bias);
        names.cloned().collect()
    }
}

/// The layer whose weights make a number per class of the features: a `Gemm`, a `MatMul`, with the `Add` of its bias, or a `Conv` of
/// 1×1. `None` where the output comes from something else.
pub(in crate::train) fn last_layer(model: &Model) -> Option<LastLayer> {
    let graph = model.graph();
    let stored = |name: &String| graph.initializer.iter().find(|t| t.name == *name);
    let makers: HashMap<&str, &NodeProto> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(move |output| (&output[..], node)))
        .collect();
    let mut value = &model.output(None).ok()?.name;
    let mut bias = None;
    for _ in 0..LONGEST {
        let node = *makers.get(&value[..])?;
        let input = node.input.first()?;
        match &node.op_type[..] {
            "Add" if bias.is_none() => {
                let other = node.input.get(1)?;
                let (constant, rest) = match (stored(input), stored(other)) {
                    (None, Some(_)) => (other, input),
                    (Some(_), None) => (input, other),
                    _ => return None,
                };
                bias = Some(constant.clone());
                value = rest;
            }
            "Gemm" | "MatMul" | "Conv" => {
                let weight = node.input.get(1).and_then(stored)?;
                let axis = classes_axis(node, weight)?;
                let own = node.input.get(2).filter(|name| !name.is_empty());
                return Some(LastLayer {
                    weight: (weight.name.clone(), axis),
                    bias: own.cloned().or(bias),
                });
            }
            op if PASSED.contains(&op) => value = input,
            _ => return None,
        }
    }
    None
}

/// Which axis of a layer's weights counts the classes.
fn classes_axis(node: &NodeProto, weight: &TensorProto) -> Option<usize> {
    match (&node.op_type[..], &weight.dims[..]) {
        ("Gemm", [_, _]) => {
            let turned = Attributes(node).int("transB", 0).ok()?;
            Some(usize::from(turned == 0))
        }
        ("MatMul", [_, _]) => Some(1),
        ("Conv", [_, _, 1, 1]) => Some(0),
        _ => None,
    }
}

/// The network with a last layer for `classes` classes in place of its own, whose weights are drawn as PyTorch draws those of a new
/// layer (uniform in ±1/√features), and the names of what was replaced.
///
/// # Errors
/// Where the output does not come from such a layer, or something else in the graph depends on the number of classes.
pub(super) fn replace(model: Model, classes: usize, seed: u64) -> Result<(Model, Vec<String>)> {
    let mut builder = GraphBuilder::edit(model);
    lift_constants(builder.graph_mut());
    let mut model = builder.finish()?;
    let layer = last_layer(&model).context(
        "its output does not come from a last linear layer or 1×1 convolution, in whose place one for other classes could stand",
    )?;
    let replaced = layer.weights();
    for name in &replaced {
        let nodes = &model.graph().node;
        let uses = nodes.iter().flat_map(|n| &n.input).filter(|i| *i == name);
        ensure!(
            uses.count() == 1,
            "the weights `{}` of its last layer are used elsewhere too",
            said::name(name)
        );
    }
    let (name, axis) = &layer.weight;
    let mut shape = tensor_shape(model.initializer(name).context("the last layer is gone")?)?;
    let before = shape[*axis];
    shape[*axis] = classes;
    let features = shape.iter().product::<usize>() / classes.max(1);
    let mut fresh = vec![float_tensor(name, &fresh_linear(seed, 0, &shape, features))];
    if let Some(name) = &layer.bias {
        let mut shape = tensor_shape(model.initializer(name).context("the bias is gone")?)?;
        let Some(axis) = shape.iter().rposition(|&size| size == before) else {
            bail!(
                "the bias `{}` of its last layer is not one number per class",
                said::name(name)
            );
        };
        shape[axis] = classes;
        fresh.push(float_tensor(name, &fresh_linear(seed, 1, &shape, features)));
    }
    for tensor in fresh {
        let place = model
            .initializers_mut()
            .iter_mut()
            .find(|own| own.name == tensor.name);
        *place.context("the last layer is gone")? = tensor;
    }
    let model = redeclared(model, before, classes)?;
    Ok((model, replaced))
}

/// The model with its output declared for other classes; shape inference has to agree.
fn redeclared(model: Model, before: usize, classes: usize) -> Result<Model> {
    let mut builder = GraphBuilder::edit(model);
    let graph = builder.graph_mut();
    // What is declared of values inside may hold the former number.
    graph.value_info.clear();
    for output in &mut graph.output {
        let shape = declared_shape(output).map(|shape| {
            let mut shape = shape.to_vec();
            if let Some(last) = shape.iter_mut().rfind(|d| **d == Dim::Known(before)) {
                *last = Dim::Known(classes);
            }
            shape
        });
        *output = float_value(&output.name, shape.as_deref());
    }
    let model = builder.finish()?;
    let name = model.output(None)?.name.clone();
    let inferred =
        infer_shapes(&model).context("with another number of classes its graph is inconsistent")?;
    let last = inferred.get(&name).and_then(|shape| shape.last().cloned());
    ensure!(
        last == Some(Dim::Known(classes)),
        "what follows its last layer is made for {before} classes"
    );
    Ok(model)
}

#[cfg(test)]
mod tests {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};

    use super::*;

    fn network(architecture: Architecture) -> Model {
        build(&Blueprint::new(architecture, 5, 32, 0)).unwrap()
    }

    /// A body, and behind it what `end` adds to its `[N, 8, 4, 4]`.
    fn with_end(end: impl FnOnce(&mut GraphBuilder, String) -> String) -> Model {
        let mut graph = GraphBuilder::new("own");
        let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(4)];
        let x = graph.input("image", &[n, c, s.clone(), s]);
        let w = graph.floats("body", &fresh_linear(1, 0, &[8, 3, 1, 1], 3));
        let x = graph.node("Conv", "features", &[&x, &w], []);
        let output = end(&mut graph, x);
        graph.output(&output, None);
        graph.finish().unwrap()
    }

    fn pooled(graph: &mut GraphBuilder, x: &str) -> String {
        let x = graph.node("GlobalAveragePool", "pool", &[x], []);
        graph.node("Flatten", "flat", &[&x], [])
    }

    fn outputs(model: &Model) -> Option<Vec<Dim>> {
        let name = &model.outputs()[0].name;
        infer_shapes(model).unwrap().get(name).map(|s| s.to_vec())
    }

    #[test]
    fn the_head_of_each_architecture_is_its_last_layer() {
        for (architecture, name) in [
            (Architecture::ResnetSmall, "fc"),
            (Architecture::MobilenetV2, "classifier.1"),
            (Architecture::EfficientnetLite0, "_fc"),
        ] {
            let layer = last_layer(&network(architecture)).unwrap();
            assert_eq!(
                layer.weights(),
                [format!("{name}.weight"), format!("{name}.bias")]
            );
        }
    }

    #[test]
    fn every_form_of_a_last_layer_is_replaced() {
        let forms: [(&str, Model); 4] = [
            ("a Gemm", network(Architecture::ResnetSmall)),
            (
                "a MatMul and its bias",
                with_end(|graph, x| {
                    let x = pooled(graph, &x);
                    let w = graph.floats("w", &fresh_linear(1, 0, &[8, 5], 8));
                    let b = graph.floats("b", &fresh_linear(1, 1, &[5], 8));
                    let x = graph.node("MatMul", "scores", &[&x, &w], []);
                    graph.node("Add", "logits", &[&b, &x], [])
                }),
            ),
            (
                "a Gemm that is not turned",
                with_end(|graph, x| {
                    let x = pooled(graph, &x);
                    let w = graph.floats("w", &fresh_linear(1, 0, &[8, 5], 8));
                    graph.node("Gemm", "logits", &[&x, &w], [])
                }),
            ),
            (
                "a convolution before the pooling, as in SqueezeNet",
                with_end(|graph, x| {
                    let w = graph.floats("w", &fresh_linear(1, 0, &[5, 8, 1, 1], 8));
                    let b = graph.floats("b", &fresh_linear(1, 1, &[5], 8));
                    let x = graph.node("Conv", "scores", &[&x, &w, &b], []);
                    let x = graph.node("Relu", "relu", &[&x], []);
                    pooled(graph, &x)
                }),
            ),
        ];
        for (form, model) in forms {
            let before = model.clone();
            let (after, replaced) = replace(model, 3, 1).unwrap();
            assert_eq!(
                outputs(&after).unwrap().last(),
                Some(&Dim::Known(3)),
                "{form}"
            );
            for tensor in &before.graph().initializer {
                let now = after.initializer(&tensor.name).unwrap();
                assert_eq!(
                    now != tensor,
                    replaced.contains(&tensor.name),
                    "{form}: {}",
                    tensor.name
                );
            }
        }
    }

    #[test]
    fn what_has_no_last_layer_is_refused_with_the_reason() {
        let direct = with_end(|graph, x| {
            let x = pooled(graph, &x);
            graph.node("Sigmoid", "scores", &[&x], [])
        });
        let error = replace(direct, 3, 0).unwrap_err().to_string();
        assert!(
            error.contains("does not come from a last linear layer"),
            "{error}"
        );
        let tied = with_end(|graph, x| {
            let x = pooled(graph, &x);
            let w = graph.floats("w", &fresh_linear(1, 0, &[8, 8], 8));
            let x = graph.node("MatMul", "first", &[&x, &w], []);
            graph.node("MatMul", "logits", &[&x, &w], [])
        });
        let error = replace(tied, 3, 0).unwrap_err().to_string();
        assert!(error.contains("used elsewhere"), "{error}");
        let fixed = with_end(|graph, x| {
            let x = pooled(graph, &x);
            let w = graph.floats("w", &fresh_linear(1, 0, &[8, 5], 8));
            let x = graph.node("MatMul", "scores", &[&x, &w], []);
            let shape = graph.ints("shape", &[-1, 5]);
            graph.node("Reshape", "logits", &[&x, &shape], [])
        });
        let error = format!("{:#}", replace(fixed, 3, 0).unwrap_err());
        assert!(
            error.contains("made for 5 classes") || error.contains("inconsistent"),
            "{error}"
        );
    }
}
