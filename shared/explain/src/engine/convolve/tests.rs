use ndarray::{ArrayD, IxDyn};
use onnx_autodiff::{COTANGENT, GRAD, Options, differentiate};
use onnx_edit::{AttributeValue, Dim, GraphBuilder, Model};
use pellucid_zoo::{self as zoo, Architecture, Blueprint, IMAGE, LOGITS};

use super::super::{Convolutions, Engine, EngineError, Outputs, TractEngine};

/// Numbers that have no pattern, in [−1, 1].
fn numbers(shape: &[usize], seed: u32) -> ArrayD<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2_147_483_648.0 - 1.0
    })
}

/// What the plan of one's choice gives for a model, its image and its cotangent.
fn outputs(
    convolutions: Convolutions,
    model: &Model,
    feeds: &[(&str, &ArrayD<f32>)],
) -> Result<Outputs, EngineError> {
    convolutions.choose();
    let mut engine = TractEngine::new(model)?;
    let feeds: Vec<_> = feeds
        .iter()
        .map(|(name, value)| (*name, value.view()))
        .collect();
    engine.run(&feeds)
}

/// Relative, of all numbers together.
fn apart(one: &ArrayD<f32>, other: &ArrayD<f32>) -> f32 {
    let norm = |of: &ArrayD<f32>| of.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert_eq!(one.shape(), other.shape());
    norm(&(one - other)) / norm(other)
}

/// A network's logits and gradient by both.
fn held_to_tracts(model: Model, image: &[usize], classes: usize) {
    let model = differentiate(model, &Options::default()).unwrap();
    let image = numbers(image, 3);
    let cotangent = numbers(&[image.shape()[0], classes], 5);
    let feeds = [(IMAGE, &image), (COTANGENT, &cotangent)];
    let own = outputs(Convolutions::Own, &model, &feeds).unwrap();
    let stock = outputs(Convolutions::Tract, &model, &feeds).unwrap();
    let (logits, grad) = (
        apart(&own[LOGITS], &stock[LOGITS]),
        apart(&own[GRAD], &stock[GRAD]),
    );
    assert!(logits < 1e-5, "{logits:e}");
    assert!(grad < 1e-4, "{grad:e}");
    // Two ways of computing, so not the same to the last bit.
    assert!(own[LOGITS] != stock[LOGITS]);
}

#[test]
fn networks_agree_with_tracts_own_convolutions() {
    for (architecture, side) in [
        (Architecture::ResnetSmall, 32),
        (Architecture::Resnet18, 64),
    ] {
        let model = zoo::build(&Blueprint::new(architecture, 3, side, 7)).unwrap();
        held_to_tracts(model, &[2, 3, side, side], 3);
    }
}

/// Groups, strides, dilations, a window of one pixel, depthwise, ReLU6 and a residual, as mobile networks have them.
fn mobile() -> Model {
    let mut graph = GraphBuilder::new("mobile");
    graph.input(IMAGE, &[1, 3, 31, 29].map(Dim::Known));
    let mut layer = |x: &str,
                     y: &str,
                     weights: [usize; 4],
                     attributes: Vec<(&'static str, AttributeValue)>,
                     seed| {
        let weights = numbers(&weights, seed);
        let bias = numbers(&weights.shape()[..1], seed + 100);
        let (w, b) = (format!("{y}/w"), format!("{y}/b"));
        graph.floats(&w, &weights);
        graph.floats(&b, &bias);
        graph.node("Conv", y, &[x, &w, &b], attributes);
    };
    let ints = |values: &[i64]| AttributeValue::Ints(values.to_vec());
    let pads = |by: i64| ("pads", ints(&[by; 4]));
    let strides = |by: i64| ("strides", ints(&[by; 2]));
    let group = |by: i64| ("group", AttributeValue::Int(by));
    layer(IMAGE, "stem", [16, 3, 3, 3], vec![pads(1), strides(2)], 1);
    layer("stem", "deep", [16, 1, 5, 5], vec![pads(2), group(16)], 2);
    layer("deep", "wide", [24, 16, 1, 1], vec![], 3);
    layer(
        "wide",
        "down",
        [24, 1, 3, 3],
        vec![pads(1), strides(2), group(24)],
        4,
    );
    layer(
        "down",
        "grouped",
        [24, 12, 3, 3],
        vec![pads(2), ("dilations", ints(&[2, 2])), group(2)],
        5,
    );
    layer("grouped", "same", [24, 24, 3, 3], vec![pads(1)], 6);
    graph.node("Add", "sum", &["same", "down"], []);
    graph.node("Relu", "positive", &["sum"], []);
    layer_last(&mut graph);
    graph.finish().unwrap()
}

fn layer_last(graph: &mut GraphBuilder) {
    let weights = numbers(&[24, 3], 9);
    graph.floats("last/w", &weights);
    graph.node("GlobalAveragePool", "mean", &["positive"], []);
    graph.node("Flatten", "flat", &["mean"], []);
    graph.node("MatMul", LOGITS, &["flat", "last/w"], []);
    graph.output(LOGITS, None);
}

#[test]
fn every_kind_of_convolution_agrees_with_tracts() {
    held_to_tracts(mobile(), &[1, 3, 31, 29], 3);
}

/// A convolution, perhaps with something added, whose negative results become zero.
fn rectified(weight: f32, residual: bool) -> Model {
    let mut graph = GraphBuilder::new("rectified");
    graph.input(IMAGE, &[1, 8, 6, 6].map(Dim::Known));
    graph.input("other", &[1, 8, 6, 6].map(Dim::Known));
    graph.floats("w", &ArrayD::from_elem(vec![8, 8, 3, 3], weight));
    let pads = ("pads", AttributeValue::Ints(vec![1; 4]));
    graph.node("Conv", "sums", &[IMAGE, "w"], [pads]);
    graph.node("Div", "ratio", &["other", "other"], []);
    match residual {
        true => graph.node("Add", "all", &["sums", "ratio"], []),
        false => graph.node("Add", "all", &["sums", "w0"], []),
    };
    if !residual {
        graph.floats("w0", &ArrayD::zeros(vec![1, 8, 1, 1]));
    }
    graph.node("Relu", "positive", &["all"], []);
    graph.output("positive", None);
    graph.finish().unwrap()
}

/// What the watch promises holds where the rectifier is part of a convolution.
#[test]
fn what_is_no_number_ends_the_run_there_too() {
    let image = numbers(&[1, 8, 6, 6], 1);
    let ones = ArrayD::ones(vec![1, 8, 6, 6]);
    let mut with_zero = ones.clone();
    with_zero[[0, 5, 5, 5]] = 0.0;
    for convolutions in [Convolutions::Own, Convolutions::Tract] {
        let run = |weight: f32, residual: bool, image: &ArrayD<f32>, other: &ArrayD<f32>| {
            let feeds = [(IMAGE, image), ("other", other)];
            outputs(convolutions, &rectified(weight, residual), &feeds)
        };
        let is_refused = |answer: Result<Outputs, EngineError>| match answer {
            Err(EngineError::NotANumber { node }) => assert_eq!(node, "positive"),
            other => panic!("{convolutions:?}: {other:?}"),
        };
        assert!(run(0.5, true, &image, &ones).is_ok());
        assert!(run(0.5, false, &image, &ones).is_ok());
        // 0 / 0 beside the convolution, then sums beyond all bounds.
        is_refused(run(0.5, true, &image, &with_zero));
        is_refused(run(3e38, false, &(&ones * 2.0), &ones));
    }
}
