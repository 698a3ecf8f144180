//! What goes wrong by accident: files cut off or damaged, graphs that break the specification, models that have no gradient.

use pellucid_shared::autodiff::{AutodiffError, Options, differentiate};
use pellucid_shared::onnx::pb::{TensorProto, tensor_proto::DataType, type_proto};
use pellucid_shared::onnx::{
    AttributeValue, GraphBuilder, Model, OnnxError, declared_shape, float_value, int_tensor,
};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use proptest::prelude::*;

use super::{gradient, known, model, node, says, weight, with};

fn network() -> Model {
    build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap()
}

#[test]
fn truncated_files_are_refused_wherever_they_end() {
    let bytes = network().to_bytes();
    for end in (0..bytes.len()).step_by(bytes.len() / 500) {
        let error = Model::parse(&bytes[..end]).unwrap_err();
        assert!(
            matches!(
                error,
                OnnxError::NotOnnx(_) | OnnxError::Invalid(_) | OnnxError::Foreign(_)
            ),
            "{end}: {error}"
        );
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_model(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Model::parse(&bytes).is_err());
    }

    /// Bytes of a real file changed at random: whatever comes of it, it is an error or a model that can be read again.
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((0usize..20_000, any::<u8>()), 1..8)) {
        let mut bytes = skeleton();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(model) = Model::parse(&bytes)
            && let Ok(gradient) = differentiate(model, &Options::default())
        {
            prop_assert!(Model::parse(&gradient.to_bytes()).is_ok());
        }
    }
}

/// A file with much structure and few weights, so that most changes hit the structure.
fn skeleton() -> Vec<u8> {
    let mut graph = GraphBuilder::new("skeleton");
    let x = graph.input("x", &known(&[2, 4, 6, 6]));
    let kernel = ndarray::ArrayD::ones(vec![4, 4, 3, 3]);
    let w = graph.floats("w", &kernel);
    let pads = [("pads", AttributeValue::from([1, 1, 1, 1]))];
    let y = graph.node("Conv", "conv", &[&x, &w], pads);
    let y = graph.node("Relu", "relu", &[&y], []);
    let window = [
        ("kernel_shape", AttributeValue::from([2, 2])),
        ("strides", [2, 2].into()),
    ];
    let y = graph.node("MaxPool", "pool", &[&y], window);
    let shape = graph.ints("shape", &[2, -1]);
    let y = graph.node("Reshape", "flat", &[&y, &shape], []);
    let y = graph.node("Softmax", "y", &[&y], [("axis", 1.into())]);
    graph.output(&y, None);
    graph.finish().unwrap().to_bytes()
}

#[test]
fn a_cycle_or_a_missing_weight_is_named_with_the_node_that_reads_it() {
    let cycle = vec![
        node("", "Add", "first", &["x", "b"], &["a"]),
        node("", "Relu", "second", &["a"], &["b"]),
        node("", "Identity", "last", &["b"], &["y"]),
    ];
    let error = Model::from_proto(model(&[1, 2], cycle, vec![])).unwrap_err();
    says(&error, &["`first` (Add) reads `b`", "cycle"]);

    let lost = vec![node("", "MatMul", "head", &["x", "weights"], &["y"])];
    let error = Model::from_proto(model(&[1, 2], lost, vec![])).unwrap_err();
    says(
        &error,
        &["`head` (MatMul) reads `weights`", "missing initializer"],
    );
}

#[test]
fn shapes_that_do_not_fit_are_named_with_the_node() {
    let conv = vec![node("", "Conv", "conv1", &["x", "w"], &["y"])];
    let proto = model(&[1, 3, 8, 8], conv, vec![weight("w", &[2, 4, 3, 3])]);
    let error = gradient(proto).unwrap_err();
    says(
        &error,
        &[
            "`conv1` (Conv)",
            "[1, 3, 8, 8] and [2, 4, 3, 3] do not fit together",
        ],
    );

    let short = TensorProto {
        float_data: vec![0.0; 5],
        ..weight("w", &[2, 3])
    };
    let product = vec![node("", "MatMul", "head", &["x", "w"], &["y"])];
    let error = Model::from_proto(model(&[1, 2], product, vec![short])).unwrap_err();
    says(&error, &["tensor `w`", "6 elements, its data 5"]);
}

#[test]
fn of_two_outputs_one_must_be_named() {
    let two = vec![
        node("", "Relu", "", &["x"], &["y"]),
        node("", "Exp", "", &["x"], &["z"]),
    ];
    let mut proto = model(&[1, 2], two, vec![]);
    proto
        .graph
        .as_mut()
        .unwrap()
        .output
        .push(float_value("z", None));
    let error = gradient(proto.clone()).unwrap_err();
    says(&error, &["2 outputs (y, z): name one"]);
    let options = Options {
        output: Some("z".into()),
        ..Options::default()
    };
    differentiate(Model::from_proto(proto.clone()).unwrap(), &options).unwrap();
    let unknown = Options {
        output: Some("w".into()),
        ..Options::default()
    };
    let error = differentiate(Model::from_proto(proto).unwrap(), &unknown).unwrap_err();
    says(&error, &["no output named `w`", "y, z"]);
}

#[test]
fn an_integer_input_has_no_gradient() {
    let cast = with(node("", "Cast", "", &["x"], &["y"]), "to", 1);
    let mut proto = model(&[1, 2], vec![cast], vec![]);
    let input = &mut proto.graph.as_mut().unwrap().input[0];
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_mut().unwrap().value.as_mut()
    else {
        panic!("not a tensor")
    };
    tensor.elem_type = DataType::Int64 as i32;
    let error = gradient(proto).unwrap_err();
    says(
        &error,
        &[
            "`x`",
            "only inputs and outputs of floating-point numbers",
            "export the model",
        ],
    );
}

#[test]
fn a_batch_fixed_to_three_stays_three() {
    let flat = vec![node("", "Flatten", "", &["x"], &["y"])];
    let differentiated = gradient(model(&[3, 2, 4], flat, vec![])).unwrap();
    let shape = |value| declared_shape(value).unwrap();
    let cotangent = differentiated.input(Some("cotangent")).unwrap();
    assert_eq!(shape(cotangent), known(&[3, 8]));
    let grad = differentiated.output(Some("grad")).unwrap();
    assert_eq!(shape(grad), known(&[3, 2, 4]));
}

#[test]
fn without_a_way_from_input_to_output_there_is_no_gradient() {
    let constant = vec![
        node("", "Shape", "", &["x"], &["s"]),
        with(node("", "Cast", "", &["s"], &["y"]), "to", 1),
    ];
    let error = gradient(model(&[1, 2], constant, vec![])).unwrap_err();
    assert!(matches!(error, AutodiffError::NoPath { .. }));
    says(
        &error,
        &["`y` does not depend on the input `x`", "name another"],
    );
}

#[test]
fn every_operator_without_a_rule_is_named_at_once() {
    let unknown = vec![
        node("", "Det", "one", &["x"], &["a"]),
        node("mine", "Magic", "two", &["a"], &["b"]),
        node("", "Relu", "three", &["b"], &["y"]),
    ];
    let error = gradient(model(&[1, 2, 2], unknown, vec![])).unwrap_err();
    says(&error, &["Det (node `one`)", "Magic (node `two`)"]);
    assert!(!error.to_string().contains("three"));
}

#[test]
fn the_way_must_not_lead_through_a_second_output() {
    let largest = vec![
        node("", "TopK", "best", &["x", "k"], &["values", "places"]),
        with(node("", "Cast", "", &["places"], &["y"]), "to", 1),
    ];
    let error = gradient(model(&[1, 4], largest, vec![int_tensor("k", &[2])])).unwrap_err();
    says(&error, &["`best`", "only the first output of TopK"]);
}
