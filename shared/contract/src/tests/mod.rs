//! Networks whose scores and gradients are known by hand.

use super::*;
use ndarray::{Array1, Array3, Array4, arr1, arr2};
use onnx_edit::{AttributeValue, GraphBuilder};
use onnx_explain::attribution::{Explainer, Job, Method, PixelSpace, Target};
use onnx_explain::engine::{Engine, TractEngine, take};
use pellucid_images::Preprocessing;
use pellucid_zoo::{Architecture, Blueprint, IMAGENET_MEAN, build};

mod adapted;
mod feeds;
mod heads;
mod shapes;

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
