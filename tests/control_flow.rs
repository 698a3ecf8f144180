//! Loops and sequences that are written out before a model is differentiated, held against ONNX Runtime on the model as it
//! was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, differentiate};
use pellucid_shared::engine::{Engine, Outputs, TractEngine};
use pellucid_shared::onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType, tensor_proto::DataType, type_proto,
};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model, inline};
use pellucid_tests::{relative_distance, uniform};
use pellucid_trainer::engines::OrtEngine;

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    NodeProto {
        name: outputs.join("+"),
        op_type: op.into(),
        input: names(inputs),
        output: names(outputs),
        ..NodeProto::default()
    }
}

fn with(mut node: NodeProto, name: &str, value: impl Into<AttributeValue>) -> NodeProto {
    node.attribute.push(value.into().named(name));
    node
}

fn graph(inputs: &[&str], nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    // What a loop counts and its condition need a type, ONNX Runtime infers the others.
    let values = |names: &[&str]| {
        let named = |name: &&str| ValueInfoProto {
            name: (*name).to_owned(),
            r#type: match *name {
                "i" => Some(scalar(DataType::Int64)),
                "go" | "on" => Some(scalar(DataType::Bool)),
                _ => None,
            },
            ..ValueInfoProto::default()
        };
        names.iter().map(named).collect()
    };
    GraphProto {
        name: "inner".into(),
        input: values(inputs),
        node: nodes,
        output: values(outputs),
        ..GraphProto::default()
    }
}

fn scalar(kind: DataType) -> TypeProto {
    TypeProto {
        value: Some(type_proto::Value::TensorType(type_proto::Tensor {
            elem_type: kind as i32,
            shape: Some(TensorShapeProto::default()),
        })),
        ..TypeProto::default()
    }
}

fn with_graph(mut node: NodeProto, name: &str, inner: GraphProto) -> NodeProto {
    node.attribute.push(AttributeProto {
        name: name.into(),
        r#type: AttributeType::Graph as i32,
        g: Some(inner),
        ..AttributeProto::default()
    });
    node
}

/// A model over `x` `[2, 5]` with the constants `three`, `zero` (int64) and `half` (float32).
fn model(nodes: Vec<NodeProto>, outputs: &[&str]) -> Model {
    let mut g = GraphBuilder::new("test");
    g.input("x", &[Dim::Known(2), Dim::Known(5)]);
    for (name, value) in [("three", 3), ("zero", 0), ("two", 2), ("last", -1)] {
        let name = g.ints(name, &[value]);
        let tensor = g
            .graph_mut()
            .initializer
            .iter_mut()
            .find(|t| t.name == name);
        tensor.unwrap().dims.clear();
    }
    g.floats("half", &ndarray::arr0(0.5).into_dyn());
    g.graph_mut().node = nodes;
    for output in outputs {
        g.output(output, None);
    }
    g.finish().unwrap()
}

/// Three rounds of `v ← v · x + i`, with the `v`s of all rounds beside the last one. In the first round `If` negates.
fn rounds() -> Model {
    let body = graph(
        &["i", "go", "v"],
        vec![
            with(node("Cast", &["i"], &["number"]), "to", 1),
            node("Equal", &["i", "zero"], &["first"]),
            with_graph(
                with_graph(
                    node("If", &["first"], &["factor"]),
                    "then_branch",
                    graph(&[], vec![node("Neg", &["x"], &["a"])], &["a"]),
                ),
                "else_branch",
                graph(&[], vec![node("Identity", &["x"], &["b"])], &["b"]),
            ),
            node("Mul", &["v", "factor"], &["product"]),
            node("Add", &["product", "number"], &["next"]),
            node("Identity", &["go"], &["on"]),
            node("Mul", &["next", "half"], &["shown"]),
        ],
        &["on", "next", "shown"],
    );
    let rounds = node("Loop", &["three", "", "x"], &["y", "all"]);
    model(vec![with_graph(rounds, "body", body)], &["y", "all"])
}

/// `x` cut into pieces of two columns (the last has one), two of them swapped and joined, and one picked.
fn pieces() -> Model {
    model(
        vec![
            with(
                node("SplitToSequence", &["x", "two"], &["parts"]),
                "axis",
                1,
            ),
            node("SequenceAt", &["parts", "last"], &["end"]),
            node("SequenceErase", &["parts", "last"], &["shorter"]),
            node("SequenceInsert", &["shorter", "end", "zero"], &["turned"]),
            with(
                node("ConcatFromSequence", &["turned"], &["joined"]),
                "axis",
                1,
            ),
            node("Mul", &["joined", "x"], &["y"]),
            node("SequenceInsert", &["parts", "end", "last"], &["longer"]),
            with(
                node("ConcatFromSequence", &["longer"], &["long"]),
                "axis",
                1,
            ),
            node("SequenceLength", &["turned"], &["count"]),
            with(node("Cast", &["count"], &["number"]), "to", 1),
            node("Mul", &["end", "number"], &["all"]),
        ],
        &["y", "all", "long"],
    )
}

/// A loop that gathers its rounds in a sequence, as PyTorch's exporter writes `as_strided`.
fn gathered() -> Model {
    let body = graph(
        &["i", "go", "rows"],
        vec![
            with(node("Cast", &["i"], &["number"]), "to", 1),
            node("Add", &["x", "number"], &["row"]),
            node("SequenceInsert", &["rows", "row"], &["more"]),
        ],
        &["go", "more"],
    );
    let rounds = node("Loop", &["three", "", "empty"], &["rows_3"]);
    model(
        vec![
            node("SequenceEmpty", &[], &["empty"]),
            with_graph(rounds, "body", body),
            with(node("ConcatFromSequence", &["rows_3"], &["all"]), "axis", 0),
            with(node("ReduceSum", &["all"], &["y"]), "keepdims", 0),
        ],
        &["y", "all"],
    )
}

fn run(engine: &mut dyn Engine, inputs: &[(&str, &ndarray::ArrayD<f32>)]) -> Outputs {
    let views: Vec<_> = inputs.iter().map(|(name, x)| (*name, x.view())).collect();
    engine.run(&views).unwrap()
}

#[test]
fn loops_and_sequences_compute_the_same_written_out() {
    let x = uniform(&[2, 5], -1.0, 1.0, 3);
    for (name, model) in [
        ("rounds", rounds()),
        ("pieces", pieces()),
        ("gathered", gathered()),
    ] {
        let flat = inline(model.clone()).unwrap();
        for op in ["Loop", "If", "Sequence"] {
            let left = flat
                .graph()
                .node
                .iter()
                .filter(|node| node.op_type.contains(op));
            assert_eq!(left.count(), 0, "{op} in {name}");
        }
        let before = run(&mut OrtEngine::new(&model, Some(1)).unwrap(), &[("x", &x)]);
        let engines: [Box<dyn Engine>; 2] = [
            Box::new(OrtEngine::new(&flat, Some(1)).unwrap()),
            Box::new(TractEngine::new(&flat).unwrap()),
        ];
        for mut engine in engines {
            for (output, value) in run(&mut *engine, &[("x", &x)]) {
                assert_eq!(
                    value,
                    before[&output],
                    "{output} of {name} in {}",
                    engine.name()
                );
            }
        }
    }
}

/// `y` of [`rounds`] is `((−x² + 0) · x + 1) · x + 2 = −x⁴ + x + 2`.
#[test]
fn the_gradient_flows_through_an_unrolled_loop() {
    let options = Options {
        output: Some("y".to_owned()),
        ..Options::default()
    };
    let gradient = differentiate(rounds(), &options).unwrap();
    let (x, dy) = (
        uniform(&[2, 5], -1.0, 1.0, 3),
        uniform(&[2, 5], -1.0, 1.0, 4),
    );
    let mut engine = OrtEngine::new(&gradient, Some(1)).unwrap();
    let found = &run(&mut engine, &[("x", &x), (COTANGENT, &dy)])[GRAD];
    let exact = (&x.mapv(|x| 1.0 - 4.0 * x.powi(3)) * &dy).mapv(f64::from);
    assert!(relative_distance(&found.mapv(f64::from), &exact) < 1e-6);
}
