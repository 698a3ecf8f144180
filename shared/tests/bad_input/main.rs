//! Files that are broken, hostile or not meant for us: a typed error that says which node and why, never a panic, never
//! memory without bound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod copies;
mod crowds;
mod hostile;
mod wrong;

use pellucid_shared::autodiff::{AutodiffError, Options, differentiate};
use pellucid_shared::onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, tensor_proto::DataType,
};
use pellucid_shared::onnx::{AttributeValue, Dim, Model, float_value};

fn known(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|&size| Dim::Known(size)).collect()
}

fn node(domain: &str, op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    NodeProto {
        domain: domain.into(),
        op_type: op.into(),
        name: name.into(),
        input: names(inputs),
        output: names(outputs),
        ..NodeProto::default()
    }
}

/// A model from `x` of that shape to `y`.
fn model(shape: &[usize], nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(GraphProto {
            name: "test".into(),
            input: vec![float_value("x", Some(&known(shape)))],
            output: vec![float_value("y", None)],
            node: nodes,
            initializer: weights,
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn weight(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: vec![0.5; dims.iter().product::<i64>() as usize],
        ..TensorProto::default()
    }
}

fn with(mut node: NodeProto, name: &str, value: impl Into<AttributeValue>) -> NodeProto {
    node.attribute.push(value.into().named(name));
    node
}

fn gradient(proto: ModelProto) -> Result<Model, AutodiffError> {
    differentiate(Model::from_proto(proto)?, &Options::default())
}

/// The error's text holds all of these.
#[track_caller]
fn says(error: &dyn std::error::Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{text}` does not say `{part}`");
    }
    assert!(text.len() < 2_000, "{} characters", text.len());
}
