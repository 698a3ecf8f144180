#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ndarray::{Array1, Array3, Array4, arr1, arr2};

use super::*;
use crate::attribution::{Explainer, Job, Method, PixelSpace, Target};
use crate::engine::{Engine, TractEngine, take};
use crate::image::Preprocessing;
use crate::onnx::{AttributeValue, GraphBuilder};
use crate::zoo::{Architecture, Blueprint, IMAGENET_MEAN, build};

/// Weights `[K, 3]` on the mean of each channel: score k of a picture is known by hand.
type Weights = Vec<[f32; 3]>;

const SIDE: usize = 4;

/// How a network takes its input.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nchw,
    Nhwc,
}

/// score k = Σ_c w[k, c] · mean of channel c, with nodes appended by `end`, which names the outputs.
fn network(
    takes: Takes,
    weights: &Weights,
    end: impl FnOnce(&mut GraphBuilder, String) -> Vec<String>,
) -> Model {
    let mut graph = GraphBuilder::new("linear");
    let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(SIDE)];
    let mut image = "image".to_owned();
    match takes {
        Takes::Nchw => graph.input("image", &[n, c, s.clone(), s]),
        Takes::Nhwc => {
            graph.input("image", &[n, s.clone(), s, c]);
            let perm = [("perm", [0, 3, 1, 2].into())];
            image = graph.node("Transpose", "first", &["image"], perm);
            image.clone()
        }
    };
    let pooled = graph.node("GlobalAveragePool", "pool", &[&image], []);
    let flat = graph.node("Flatten", "flat", &[&pooled], []);
    let values = weights.iter().flatten().copied().collect();
    let matrix = ndarray::Array2::from_shape_vec((weights.len(), 3), values).unwrap();
    let w = graph.floats("w", &matrix.into_dyn());
    let scores = graph.node("Gemm", "raw", &[&flat, &w], [("transB", 1.into())]);
    for output in end(&mut graph, scores) {
        graph.output(&output, None);
    }
    graph.finish().unwrap()
}

fn three() -> Weights {
    vec![[1.0, -2.0, 0.5], [0.0, 3.0, 4.0], [2.0, 0.0, -1.0]]
}

fn append(
    op: &'static str,
    attributes: Vec<(&'static str, AttributeValue)>,
) -> impl FnOnce(&mut GraphBuilder, String) -> Vec<String> {
    move |graph, scores| vec![graph.node(op, "answer", &[&scores], attributes)]
}

fn picture() -> Array4<f32> {
    Array4::from_shape_fn((1, 3, SIDE, SIDE), |(_, c, y, x)| {
        ((c * 5 + y * 3 + x) % 7) as f32 / 7.0
    })
}

fn by_hand(weights: &Weights) -> Vec<f32> {
    let means: Array1<f32> = (0..3)
        .map(|c| picture().index_axis(ndarray::Axis(1), c).mean().unwrap())
        .collect();
    weights.iter().map(|row| arr1(row).dot(&means)).collect()
}

fn explainer(model: Model, wishes: &Wishes) -> (Contract, Explainer) {
    let contract = Contract::resolve(&model, wishes).unwrap();
    let (model, signature) = contract.adapt(model).unwrap();
    let tract = |graph: &Model| Ok(Box::new(TractEngine::new(graph)?) as Box<dyn Engine>);
    (contract, Explainer::with_signature(model, signature, tract))
}

fn gradient(explainer: &mut Explainer, class: usize) -> (Vec<f32>, Array3<f32>) {
    let (target, space) = (Target::class(class), PixelSpace::default());
    let found = explainer
        .explain(
            &Method::Gradient,
            picture().view(),
            target,
            space,
            Job::default(),
        )
        .unwrap();
    (found.logits, found.map.channels())
}

fn close(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len(), "{found:?} for {wanted:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
    }
}

/// The gradient of Σ_c w_c · mean of channel c is w_c over the number of pixels.
fn is_of(grad: &Array3<f32>, row: [f32; 3]) {
    assert_eq!(grad.dim(), (3, SIDE, SIDE));
    for ((channel, _, _), value) in grad.indexed_iter() {
        let wanted = row[channel] / (SIDE * SIDE) as f32;
        assert!((value - wanted).abs() < 1e-6, "{value} for {wanted}");
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn about(contract: &Contract, what: About) -> Option<&Assumption> {
    contract
        .assumed
        .iter()
        .find(|assumed| assumed.about == what)
}

#[test]
fn a_softmax_at_the_end_is_not_taken_twice_and_explained_before() {
    let softmax = crate::card::softmax(&by_hand(&three()));
    let forms: Vec<(&str, Model)> = vec![
        (
            "Softmax",
            network(Takes::Nchw, &three(), append("Softmax", vec![])),
        ),
        (
            "axis 1",
            network(
                Takes::Nchw,
                &three(),
                append("Softmax", vec![("axis", 1.into())]),
            ),
        ),
        (
            "LogSoftmax",
            network(Takes::Nchw, &three(), append("LogSoftmax", vec![])),
        ),
        (
            "flattened after",
            network(Takes::Nchw, &three(), |g, s| {
                let p = g.node("Softmax", "p", &[&s], []);
                vec![g.node("Flatten", "answer", &[&p], [])]
            }),
        ),
        (
            "NHWC",
            network(Takes::Nhwc, &three(), append("Softmax", vec![])),
        ),
    ];
    for (name, model) in forms {
        let (contract, mut explainer) = explainer(model, &Wishes::default());
        assert_eq!(
            (contract.value(), contract.scores()),
            ("raw", Scores::Softmax),
            "{name}"
        );
        let said = about(&contract, About::Output).unwrap();
        assert!(said.text.contains("Softmax"), "{said}");
        for (class, row) in three().into_iter().enumerate() {
            let (scores, grad) = gradient(&mut explainer, class);
            close(&contract.answer(scores).probabilities.unwrap(), &softmax);
            is_of(&grad, row);
        }
    }
}

#[test]
fn the_output_that_is_named_is_explained_as_it_is() {
    let model = || network(Takes::Nchw, &three(), append("Softmax", vec![]));
    let probabilities = crate::card::softmax(&by_hand(&three()));
    let wish = |name: &str| Wishes {
        output: Some(name.to_owned()),
        ..Wishes::default()
    };
    let (contract, mut explained) = explainer(model(), &wish("answer"));
    let (scores, grad) = gradient(&mut explained, 1);
    assert_eq!(contract.scores(), Scores::Probabilities);
    close(
        &contract.answer(scores).probabilities.unwrap(),
        &probabilities,
    );
    // ∂p₁/∂s = p₁ (δ − p).
    let slope = |c: usize| -> f32 {
        let row = three().into_iter().enumerate().map(|(k, row)| {
            let delta = if k == 1 { 1.0 } else { 0.0 };
            row[c] * probabilities[1] * (delta - probabilities[k])
        });
        row.sum()
    };
    is_of(&grad, [slope(0), slope(1), slope(2)]);

    let (contract, mut explained) = explainer(model(), &wish("raw"));
    assert_eq!(contract.scores(), Scores::Softmax);
    let (scores, _) = gradient(&mut explained, 0);
    close(
        &contract.answer(scores).probabilities.unwrap(),
        &probabilities,
    );

    let refused = Contract::resolve(&model(), &wish("nothing")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the model has no output or value `nothing`: its outputs are answer"
    );
}

#[test]
fn one_number_tells_two_classes_apart() {
    let weights: Weights = vec![[1.0, -2.0, 0.5]];
    let z = by_hand(&weights)[0];
    let squeezed = |graph: &mut GraphBuilder, scores: String| {
        let axes = graph.ints("axes", &[1]);
        vec![graph.node("Squeeze", "answer", &[&scores, &axes], [])]
    };
    let models = [
        network(Takes::Nchw, &weights, append("Identity", vec![])),
        network(Takes::Nchw, &weights, append("Sigmoid", vec![])),
        network(Takes::Nhwc, &weights, append("Sigmoid", vec![])),
        network(Takes::Nchw, &weights, squeezed),
    ];
    for model in models {
        let (contract, mut explainer) = explainer(model, &Wishes::default());
        assert!(contract.binary && contract.classes.len() == 2);
        for (class, sign) in [(0, -1.0), (1, 1.0)] {
            let (scores, grad) = gradient(&mut explainer, class);
            close(&scores, &[-z, z]);
            let answer = contract.answer(scores);
            close(
                &answer.probabilities.unwrap(),
                &[1.0 - sigmoid(z), sigmoid(z)],
            );
            assert_eq!(answer.predicted, Some(usize::from(z > 0.0)));
            is_of(&grad, weights[0].map(|w| sign * w));
        }
    }
}

#[test]
fn one_probability_that_is_named_has_a_rest() {
    let weights: Weights = vec![[1.0, -2.0, 0.5]];
    let p = sigmoid(by_hand(&weights)[0]);
    let wishes = Wishes {
        output: Some("answer".to_owned()),
        ..Wishes::default()
    };
    let model = network(Takes::Nchw, &weights, append("Sigmoid", vec![]));
    let (contract, mut explainer) = explainer(model, &wishes);
    for (class, sign) in [(0, -1.0), (1, 1.0)] {
        let (scores, grad) = gradient(&mut explainer, class);
        close(
            &contract.answer(scores).probabilities.unwrap(),
            &[1.0 - p, p],
        );
        is_of(&grad, weights[0].map(|w| sign * w * p * (1.0 - p)));
    }
}

#[test]
fn a_card_names_one_or_both_of_two_classes() {
    let model = || network(Takes::Nchw, &vec![[1.0; 3]], append("Sigmoid", vec![]));
    let named = |codes: &[&str]| {
        let class = |code: &&str| Class {
            code: (*code).to_owned(),
            name: String::new(),
        };
        let classes = Some(codes.iter().map(class).collect());
        let wishes = Wishes {
            classes,
            ..Wishes::default()
        };
        Contract::resolve(&model(), &wishes).map(|contract| {
            contract
                .classes
                .into_iter()
                .map(|class| class.code)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(named(&["mel"]).unwrap(), ["not mel", "mel"]);
    assert_eq!(named(&["nv", "mel"]).unwrap(), ["nv", "mel"]);
    assert_eq!(
        named(&["a", "b", "c"]).unwrap_err().to_string(),
        "3 classes are named, but the model tells 2 apart: name them all, in the model's order"
    );
}

#[test]
fn independent_classes_keep_their_own_probabilities() {
    let model = network(Takes::Nchw, &three(), append("Sigmoid", vec![]));
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    let wanted: Vec<f32> = by_hand(&three()).into_iter().map(sigmoid).collect();
    let (scores, grad) = gradient(&mut explainer, 2);
    close(&contract.answer(scores).probabilities.unwrap(), &wanted);
    is_of(&grad, three()[2]);
    assert!(
        about(&contract, About::Scores)
            .unwrap()
            .text
            .contains("need not add up")
    );
}

#[test]
fn scores_lie_in_whatever_shape() {
    let shaped = |shape: &'static [i64], softmax: Option<i64>| {
        network(Takes::Nchw, &three(), move |graph, mut value| {
            let shape = graph.ints("shape", shape);
            value = graph.node("Reshape", "shaped", &[&value, &shape], []);
            if let Some(axis) = softmax {
                value = graph.node("Softmax", "answer", &[&value], [("axis", axis.into())]);
            }
            vec![value]
        })
    };
    let wanted = by_hand(&three());
    for (shape, softmax) in [
        (&[-1, 3, 1, 1][..], None),
        (&[-1, 3, 1, 1], Some(1)),
        (&[-1, 1, 1, 3], Some(3)),
        (&[-1, 1, 1, 3], Some(-1)),
        (&[3], None),
        (&[3], Some(0)),
        (&[-1, 3, 1], Some(-2)),
    ] {
        let (contract, mut explainer) = explainer(shaped(shape, softmax), &Wishes::default());
        let (scores, grad) = gradient(&mut explainer, 1);
        close(&scores, &wanted);
        let softmax = crate::card::softmax(&wanted);
        close(&contract.answer(scores).probabilities.unwrap(), &softmax);
        is_of(&grad, three()[1]);
    }
    let refused = Contract::resolve(&shaped(&[-1, 3, 1, 1], None), &Wishes::default());
    assert!(refused.is_ok());
    let maps = network(Takes::Nchw, &three(), |graph, value| {
        let shape = graph.ints("shape", &[-1, 3, 1, 1]);
        let value = graph.node("Reshape", "shaped", &[&value, &shape], []);
        let sizes = graph.ints("sizes", &[1, 1, 2, 2]);
        vec![graph.node("Tile", "maps", &[&value, &sizes], [])]
    });
    let refused = Contract::resolve(&maps, &Wishes::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("`maps` has the shape [N, 3, 2, 2]"),
        "{refused}"
    );
}

#[test]
fn of_several_outputs_the_scores_are_found_or_their_names_told() {
    let beside = |graph: &mut GraphBuilder, scores: String| {
        vec![
            graph.node("Softmax", "probabilities", &[&scores], []),
            scores,
        ]
    };
    let (contract, mut explained) =
        explainer(network(Takes::Nchw, &three(), beside), &Wishes::default());
    assert_eq!(
        (contract.value(), contract.scores()),
        ("raw", Scores::Softmax)
    );
    let (scores, _) = gradient(&mut explained, 0);
    close(&scores, &by_hand(&three()));

    let with_map = network(Takes::Nchw, &three(), |_, scores| {
        vec!["pool".to_owned(), scores]
    });
    // Three pooled features [N, 3, 1, 1] could be scores as well.
    let refused = Contract::resolve(&with_map, &Wishes::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("the model has 2 outputs (pool, raw): name the one"),
        "{refused}"
    );

    let auxiliary = network(Takes::Nchw, &three(), |graph, scores| {
        let logits = graph.node("Identity", "logits", &[&scores], []);
        vec![graph.node("Neg", "auxiliary", &[&scores], []), logits]
    });
    let (contract, _) = explainer(auxiliary, &Wishes::default());
    assert_eq!(contract.value(), "logits");
    assert!(
        about(&contract, About::Output)
            .unwrap()
            .text
            .contains("auxiliary, logits")
    );
}

#[test]
fn a_number_of_a_class_is_no_score() {
    let typed = |graph: GraphBuilder| {
        let mut proto = graph.finish().unwrap().into_proto();
        for output in &mut proto.graph.as_mut().unwrap().output {
            let tensor = output.r#type.as_mut().and_then(|kind| kind.value.as_mut());
            if let Some(crate::onnx::pb::type_proto::Value::TensorType(tensor)) = tensor
                && output.name == "label"
            {
                tensor.elem_type = crate::onnx::pb::tensor_proto::DataType::Int64 as i32;
            }
        }
        Model::from_proto(proto).unwrap()
    };
    let labelled = |outputs: &'static [&'static str]| {
        let mut graph =
            GraphBuilder::edit(network(Takes::Nchw, &three(), append("Softmax", vec![])));
        graph.graph_mut().output.clear();
        graph.node(
            "ArgMax",
            "label",
            &["answer"],
            [("axis", 1.into()), ("keepdims", 0.into())],
        );
        for output in outputs {
            graph.output(output, None);
        }
        typed(graph)
    };
    let refused = Contract::resolve(&labelled(&["label"]), &Wishes::default()).unwrap_err();
    assert!(
        refused.to_string().contains("`label` is of type int64"),
        "{refused}"
    );
    let (contract, mut explainer) = explainer(labelled(&["label", "answer"]), &Wishes::default());
    assert_eq!(contract.value(), "raw");
    close(&gradient(&mut explainer, 0).0, &by_hand(&three()));
}

#[test]
fn what_adds_up_to_one_is_no_row_of_logits() {
    let model = network(Takes::Nchw, &three(), |graph, scores| {
        let exp = graph.node("Exp", "exp", &[&scores], []);
        let axes = graph.ints("axes", &[1]);
        let sum = graph.node("ReduceSum", "sum", &[&exp, &axes], []);
        vec![graph.node("Div", "answer", &[&exp, &sum], [])]
    });
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    let (scores, _) = gradient(&mut explainer, 0);
    let answer = contract.answer(scores);
    assert_eq!(answer.kind, Scores::Probabilities);
    close(
        &answer.probabilities.unwrap(),
        &crate::card::softmax(&by_hand(&three())),
    );
    assert_eq!(answer.assumed.unwrap().basis, Basis::Answer);
    // Who says that these are logits is believed.
    let told = Contract {
        assumed: vec![],
        ..contract
    };
    assert_eq!(told.answer(vec![0.5, 0.25, 0.25]).kind, Scores::Softmax);
}

#[test]
fn values_that_are_no_probabilities_get_no_percentage() {
    let wishes = Wishes {
        scores: Some(Scores::Values),
        ..Wishes::default()
    };
    let weights: Weights = vec![[1.0, 2.0, 3.0]];
    let model = network(Takes::Nchw, &weights, append("Identity", vec![]));
    let (contract, mut explainer) = explainer(model, &wishes);
    let (scores, _) = gradient(&mut explainer, 0);
    close(&scores, &by_hand(&weights));
    assert_eq!(contract.answer(scores).probabilities, None);
    let softmax = Wishes {
        scores: Some(Scores::Softmax),
        ..Wishes::default()
    };
    let model = network(Takes::Nchw, &weights, append("Identity", vec![]));
    let refused = Contract::resolve(&model, &softmax).unwrap_err().to_string();
    assert!(refused.contains("always 100 %"), "{refused}");
}

/// A convolution after nodes that `before` adds, for an input of this shape.
fn convolutional(shape: &[Dim], before: impl FnOnce(&mut GraphBuilder) -> String) -> Model {
    let mut graph = GraphBuilder::new("stem");
    graph.input("image", shape);
    let value = before(&mut graph);
    let w = graph.floats("w", &ndarray::ArrayD::from_elem(vec![2, 3, 1, 1], 0.3));
    let conv = graph.node("Conv", "conv", &[&value, &w], []);
    let pooled = graph.node("GlobalAveragePool", "pool", &[&conv], []);
    let logits = graph.node("Flatten", "logits", &[&pooled], []);
    graph.output(&logits, None);
    graph.finish().unwrap()
}

fn rgb() -> [Dim; 4] {
    [
        Dim::Named("N".into()),
        Dim::Known(3),
        Dim::Known(8),
        Dim::Known(8),
    ]
}

fn channels(values: [f32; 3]) -> ndarray::ArrayD<f32> {
    Array3::from_shape_fn((3, 1, 1), |(c, _, _)| values[c]).into_dyn()
}

/// A normalization's operations in order, each with its constant.
fn normalised(operations: &'static [(&'static str, [f32; 3])]) -> Model {
    convolutional(&rgb(), move |graph| {
        let mut value = "image".to_owned();
        for (index, (op, constant)) in operations.iter().enumerate() {
            let constant = graph.floats(&format!("c{index}"), &channels(*constant));
            value = graph.node(op, &format!("n{index}"), &[&value, &constant], []);
        }
        value
    })
}

#[test]
fn the_graphs_own_normalization_tells_what_it_is_fed() {
    const MEAN: [f32; 3] = IMAGENET_MEAN;
    const STD: [f32; 3] = crate::zoo::IMAGENET_STD;
    for (operations, range) in [
        (&[("Sub", MEAN), ("Div", STD)][..], Range::Unit),
        (&[("Mul", [1.0 / 255.0; 3])], Range::Bytes),
        (&[("Div", [255.0; 3])], Range::Bytes),
        (
            &[("Div", [255.0; 3]), ("Sub", MEAN), ("Div", STD)],
            Range::Bytes,
        ),
        (
            &[
                ("Sub", [123.675, 116.28, 103.53]),
                ("Div", [58.4, 57.1, 57.4]),
            ],
            Range::Bytes,
        ),
        (&[("Sub", [123.68, 116.78, 103.94])], Range::Bytes),
        (&[("Div", [127.5; 3]), ("Sub", [1.0; 3])], Range::Bytes),
        (&[("Mul", [2.0; 3]), ("Sub", [1.0; 3])], Range::Unit),
        (
            &[("Mul", [255.0; 3]), ("Sub", [123.675, 116.28, 103.53])],
            Range::Unit,
        ),
        (
            &[
                ("Add", [1.0; 3]),
                ("Mul", [0.5; 3]),
                ("Sub", MEAN),
                ("Div", STD),
            ],
            Range::Signed,
        ),
        (&[("Sub", [0.1307; 3]), ("Div", [0.3081; 3])], Range::Unit),
    ] {
        let contract = Contract::resolve(&normalised(operations), &Wishes::default()).unwrap();
        let Input {
            range: found, mean, ..
        } = contract.input;
        assert_eq!((found, mean), (Some(range), None), "{operations:?}");
        let said = about(&contract, About::Range).unwrap();
        assert_eq!(said.basis, Basis::Graph);
        assert!(said.text.contains(range.text()), "{said}");
    }
    let turned = convolutional(&rgb(), |graph| {
        let order = graph.ints("order", &[2, 1, 0]);
        let blue = graph.node("Gather", "blue", &["image", &order], [("axis", 1.into())]);
        let mean = graph.floats("mean", &channels([103.94, 116.78, 123.68]));
        graph.node("Sub", "centred", &[&blue, &mean], [])
    });
    let input = Contract::resolve(&turned, &Wishes::default())
        .unwrap()
        .input;
    assert_eq!((input.range, input.mean), (Some(Range::Bytes), None));
    let nothing = Contract::resolve(&normalised(&[]), &Wishes::default()).unwrap();
    assert_eq!(nothing.input.mean, Some(IMAGENET_MEAN));
    assert_eq!(
        about(&nothing, About::Mean).unwrap().basis,
        Basis::Convention
    );
}

#[test]
fn a_first_batch_normalization_and_one_of_each_image_are_seen() {
    let batch = |mean: [f32; 3], variance: f32| {
        let model = convolutional(&rgb(), |graph| {
            let one = graph.floats("one", &arr1(&[1.0; 3]).into_dyn());
            let mean = graph.floats("mean", &arr1(&mean).into_dyn());
            let variance = graph.floats("variance", &arr1(&[variance; 3]).into_dyn());
            graph.node(
                "BatchNormalization",
                "bn",
                &["image", &one, &mean, &mean, &variance],
                [],
            )
        });
        let input = Contract::resolve(&model, &Wishes::default()).unwrap().input;
        (input.range, input.mean)
    };
    assert_eq!(
        batch([110.0, 105.0, 100.0], 3600.0),
        (Some(Range::Bytes), None)
    );
    assert_eq!(batch([0.45, 0.44, 0.4], 0.06), (Some(Range::Unit), None));
    assert_eq!(
        batch([-0.1, -0.12, -0.2], 0.25),
        (Some(Range::Signed), None)
    );
    assert_eq!(
        batch([0.01, -0.02, 0.0], 1.1),
        (Some(Range::Unit), Some(IMAGENET_MEAN))
    );

    let by_itself = convolutional(&rgb(), |graph| {
        let mean = graph.node(
            "ReduceMean",
            "mean",
            &["image"],
            [("axes", [1, 2, 3].into())],
        );
        graph.node("Sub", "centred", &["image", &mean], [])
    });
    let contract = Contract::resolve(&by_itself, &Wishes::default()).unwrap();
    assert_eq!(
        (contract.input.range, contract.input.mean),
        (Some(Range::Unit), None)
    );
}

#[test]
fn layout_and_channels_follow_from_dimensions_and_layers() {
    let open = || {
        [
            Dim::Named("N".into()),
            Dim::Unknown,
            Dim::Unknown,
            Dim::Unknown,
        ]
    };
    let first = |graph: &mut GraphBuilder| {
        graph.node(
            "Transpose",
            "t",
            &["image"],
            [("perm", [0, 3, 1, 2].into())],
        )
    };
    let as_it_is = |_: &mut GraphBuilder| "image".to_owned();
    let resolved = |model: Model| {
        let contract = Contract::resolve(&model, &Wishes::default()).unwrap();
        let assumed = about(&contract, About::Layout).is_some();
        (
            contract.layout(),
            contract.input.channels.unwrap(),
            contract.input.preprocessing.size,
            assumed,
        )
    };
    let known = |sizes: [usize; 4]| sizes.map(Dim::Known);
    let (nchw, nhwc, colours) = (Layout::Nchw, Layout::Nhwc, Channels::Rgb);
    assert_eq!(
        resolved(convolutional(&known([1, 3, 8, 8]), as_it_is)),
        (nchw, colours, 8, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 8, 8, 3]), first)),
        (nhwc, colours, 8, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 3, 3, 3]), as_it_is)),
        (nchw, colours, 3, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 3, 3, 3]), first)),
        (nhwc, colours, 3, false)
    );
    assert_eq!(
        resolved(convolutional(&open(), first)),
        (nhwc, colours, USUAL_SIZE, false)
    );
    assert_eq!(
        resolved(convolutional(&open(), as_it_is)),
        (nchw, colours, USUAL_SIZE, false)
    );
    let told = Wishes {
        layout: Some(Layout::Nhwc),
        ..Wishes::default()
    };
    let refused = Contract::resolve(&convolutional(&known([1, 3, 8, 8]), as_it_is), &told);
    assert!(refused.unwrap_err().to_string().contains("[1, 3, 8, 8]"));
    let four = convolutional(&known([1, 4, 8, 8]), as_it_is);
    assert!(
        Contract::resolve(&four, &Wishes::default())
            .unwrap_err()
            .to_string()
            .contains("1 or 3 channels")
    );
}

#[test]
fn a_grey_network_is_explained_by_its_one_channel() {
    let mut graph = GraphBuilder::new("grey");
    graph.input("image", &[1, 1, 4, 4].map(Dim::Known));
    let flat = graph.node("Flatten", "flat", &["image"], []);
    let weights =
        ndarray::Array2::from_shape_fn((16, 2), |(i, k)| (i as f32 - 3.0) * (k as f32 + 0.5));
    let w = graph.floats("w", &weights.clone().into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let (contract, mut explainer) = explainer(graph.finish().unwrap(), &Wishes::default());
    assert_eq!(contract.input.channels, Some(Channels::Grey));
    let image = Array4::from_elem((1, 1, 4, 4), 0.5);
    let grad = explainer.gradient(image.view(), 1).unwrap().grad;
    close(
        &grad.into_iter().collect::<Vec<_>>(),
        &weights.column(1).to_vec(),
    );
}

#[test]
fn nothing_is_assumed_where_a_card_tells_everything() {
    let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap();
    let card = Card::new("told", vec![], Input::plain(Preprocessing::square(32)));
    card.write_into(&mut model).unwrap();
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .assumed,
        []
    );
    let first = r#"{"version": 1, "input": {"preprocessing": {"size": 32}}}"#;
    model.set_metadata(crate::card::KEY, first.to_owned());
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .assumed,
        []
    );
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .adapt(model.clone())
            .unwrap()
            .0,
        model
    );
}

/// What `of_pixels` puts into the graph is what `Input` does to an image before it is fed.
#[test]
fn pixels_in_the_graph_and_before_it_give_the_same_scores() {
    let logits = |model: &Model, image: ndarray::ArrayViewD<'_, f32>| {
        let mut engine = TractEngine::new(model).unwrap();
        let output = model.outputs()[0].name.clone();
        let mut outputs = engine.run(&[("image", image)]).unwrap();
        take(&mut outputs, &output)
            .unwrap()
            .into_iter()
            .collect::<Vec<f32>>()
    };
    let pixels = picture();
    for (takes, range) in [
        (Takes::Nchw, Range::Bytes),
        (Takes::Nhwc, Range::Signed),
        (Takes::Nhwc, Range::Unit),
    ] {
        for weights in [three(), vec![[1.0, -2.0, 0.5]]] {
            let wishes = Wishes {
                range: Some(range),
                normalization: Some(([0.5, 0.25, 0.1], [0.5, 2.0, 0.7])),
                ..Wishes::default()
            };
            let model = network(takes, &weights, append("Identity", vec![]));
            let contract = Contract::resolve(&model, &wishes).unwrap();
            let fed = contract
                .input
                .normalise(pixels.index_axis(ndarray::Axis(0), 0).to_owned());
            let (adapted, signature) = contract.adapt(model.clone()).unwrap();
            let outside = logits(
                &adapted,
                fed.insert_axis(ndarray::Axis(0)).view().into_dyn(),
            );
            let (inside, of_pixels) = contract.of_pixels(model).unwrap();
            let inside = logits(&inside, pixels.view().into_dyn());
            assert_eq!(
                (signature.classes, of_pixels.scores),
                (inside.len(), Scores::Softmax)
            );
            let wanted = contract.scores().probabilities(&outside).unwrap();
            close(&crate::card::softmax(&inside), &wanted);
        }
    }
}

#[test]
fn a_grey_network_of_pixels_takes_colours() {
    let mut graph = GraphBuilder::new("grey");
    graph.input("image", &[1, 1, 4, 4].map(Dim::Known));
    let flat = graph.node("Flatten", "flat", &["image"], []);
    let w = graph.floats("w", &ndarray::Array2::from_elem((16, 2), 1.0).into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let model = graph.finish().unwrap();
    let wishes = Wishes {
        normalization: Some(([0.5; 3], [0.25; 3])),
        ..Wishes::default()
    };
    let contract = Contract::resolve(&model, &wishes).unwrap();
    let (model, signature) = contract.of_pixels(model).unwrap();
    assert_eq!(signature.shape[1], Dim::Known(3));
    let image = Array4::from_shape_fn((1, 3, 4, 4), |(_, c, _, _)| [0.2, 0.4, 0.6][c]);
    let mut engine = TractEngine::new(&model).unwrap();
    let mut outputs = engine.run(&[("image", image.view().into_dyn())]).unwrap();
    let luma = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6;
    let found: Vec<f32> = take(&mut outputs, "logits").unwrap().into_iter().collect();
    let wanted = 16.0 * (luma - 0.5) / 0.25;
    assert!((found[0] - wanted).abs() < 1e-4, "{found:?} for {wanted}");
    assert_eq!(arr2(&[[found[0]]]).len(), 1);
}

#[test]
fn bytes_become_floating_point_where_they_are_cast_anyway() {
    let mut graph = GraphBuilder::new("bytes");
    graph.input("image", &[1, 4, 4, 3].map(Dim::Known));
    let cast = graph.node("Cast", "cast", &["image"], [("to", 1.into())]);
    let flat = graph.node("Flatten", "flat", &[&cast], []);
    let w = graph.floats("w", &ndarray::Array2::from_elem((48, 2), 0.01).into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let mut proto = graph.finish().unwrap().into_proto();
    let input = &mut proto.graph.as_mut().unwrap().input[0];
    if let Some(crate::onnx::pb::type_proto::Value::TensorType(tensor)) =
        input.r#type.as_mut().unwrap().value.as_mut()
    {
        tensor.elem_type = crate::onnx::pb::tensor_proto::DataType::Uint8 as i32;
    }
    let model = Model::from_proto(proto).unwrap();
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    assert_eq!(contract.input.range, Some(Range::Bytes));
    let image = Array4::from_elem((1, 3, 4, 4), 100.0);
    let found = explainer.gradient(image.view(), 0).unwrap();
    close(&found.logits, &[48.0, 48.0]);
    assert!(found.grad.iter().all(|slope| (slope - 0.01).abs() < 1e-7));
}
