//! Gradients of whole networks, compared exactly although two engines may put a tiny pre-activation on different sides
//! of zero.
//!
//! The engine's own `Relu` masks are read out and frozen into the graph (`Relu(x)` becomes `x · mask`), which libtorch
//! then differentiates in float64. What is left between the two gradients is rounding. That the masks differ from
//! libtorch's only where it does not matter is checked by the logits: in float64 they must stay what they were.

use anyhow::{Context, Result};
use ndarray::ArrayD;
use pellucid_shared::engine::Engine;
use pellucid_shared::onnx::pb::{TypeProto, ValueInfoProto, tensor_proto::DataType, type_proto};
use pellucid_shared::onnx::{Model, float_tensor};

/// The model with the output of every `Relu` as a graph output.
fn probe(model: &Model) -> Result<(Model, Vec<String>)> {
    let mut proto = model.clone().into_proto();
    let graph = proto.graph.as_mut().context("no graph")?;
    let masks: Vec<String> = graph
        .node
        .iter()
        .filter(|n| n.op_type == "Relu")
        .filter_map(|n| n.output.first().cloned())
        .collect();
    for name in masks
        .iter()
        .filter(|name| graph.output.iter().all(|o| o.name != **name))
        .cloned()
        .collect::<Vec<_>>()
    {
        let tensor = type_proto::Tensor {
            elem_type: DataType::Float as i32,
            shape: None,
        };
        let value = Some(type_proto::Value::TensorType(tensor));
        let kind = Some(TypeProto {
            value,
            ..TypeProto::default()
        });
        graph.output.push(ValueInfoProto {
            name,
            r#type: kind,
            ..ValueInfoProto::default()
        });
    }
    Ok((Model::from_proto(proto)?, masks))
}

/// The model with every `Relu` replaced by a product with the mask that the engine used for this input.
///
/// # Errors
/// Where the engine cannot run the model.
pub fn with_masks_of(
    model: &Model,
    input: &ArrayD<f32>,
    open: impl Fn(&Model) -> Result<Box<dyn Engine>>,
) -> Result<Model> {
    let (probe, names) = probe(model)?;
    let image = model.input(None)?.name.clone();
    let activations = open(&probe)?.run(&[(&image, input.view())])?;
    let mut proto = model.clone().into_proto();
    let graph = proto.graph.as_mut().context("no graph")?;
    for name in names {
        let mask = activations
            .get(&name)
            .with_context(|| format!("no activation `{name}`"))?;
        let mask = mask.mapv(|v| if v > 0.0 { 1.0 } else { 0.0 });
        let stored = format!("{name}/mask");
        graph.initializer.push(float_tensor(&stored, &mask));
        let node = graph
            .node
            .iter_mut()
            .find(|n| n.output.first() == Some(&name))
            .context("no node")?;
        node.op_type = "Mul".into();
        node.input.push(stored);
    }
    Ok(Model::from_proto(proto)?)
}
