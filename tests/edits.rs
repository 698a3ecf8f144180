//! What is done to a model beside differentiating it (another batch, a newer operator set, weights in a second file), held
//! against ONNX Runtime on the model as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use ndarray::{ArrayD, Axis, Slice};
use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, differentiate};
use pellucid_shared::engine::{Engine, Outputs};
use pellucid_shared::onnx::{
    Batch, Dim, GraphBuilder, Model, NEWEST_OPSET, data_file, raise_opset, set_batch,
};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use pellucid_tests::forms::forms;
use pellucid_tests::{relative_distance, uniform};
use pellucid_trainer::engines::OrtEngine;

/// Rounding where one engine takes another kernel for another batch or version of an operator.
const ROUNDING: f64 = 1e-5;

fn gradient(model: Model) -> Model {
    differentiate(model, &Options::default()).unwrap()
}

fn run(model: &Model, inputs: &[(&str, &ArrayD<f32>)]) -> Outputs {
    run_in(&mut OrtEngine::new(model, Some(1)).unwrap(), inputs)
}

fn run_in(engine: &mut OrtEngine, inputs: &[(&str, &ArrayD<f32>)]) -> Outputs {
    let views: Vec<_> = inputs.iter().map(|(name, x)| (*name, x.view())).collect();
    engine.run(&views).unwrap()
}

fn same(what: &str, ours: &ArrayD<f32>, theirs: &ArrayD<f32>, tolerance: f64) {
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    let distance = relative_distance(&ours.mapv(f64::from), &theirs.mapv(f64::from));
    assert!(distance <= tolerance, "{what} is {distance:e} off");
}

#[test]
fn onnx_runtime_reads_a_model_whose_weights_lie_in_a_second_file() {
    let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 64, 1)).unwrap();
    let derived = gradient(model);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.onnx");
    derived.save_within(&path, 200_000).unwrap();
    let weights = std::fs::metadata(data_file(&path)).unwrap().len();
    assert!(weights > 1_000_000, "only {weights} bytes of weights");
    assert_eq!(Model::load(&path).unwrap(), derived);

    let (image, cotangent) = (
        uniform(&[2, 3, 64, 64], 0.0, 1.0, 2),
        uniform(&[2, 3], -1.0, 1.0, 3),
    );
    let inputs = [("image", &image), (COTANGENT, &cotangent)];
    let mut engine = OrtEngine::from_file(&path, Some(1)).unwrap();
    assert_eq!(run_in(&mut engine, &inputs), run(&derived, &inputs));
}

/// The model of any batch on three images, against the model of one on each.
fn takes_three(name: &str, one: &Model, any: &Model, image: &str, logits: &str, shape: &[usize]) {
    let batch: Vec<usize> = [3].iter().chain(shape).copied().collect();
    let images = uniform(&batch, 0.0, 1.0, 5);
    let outputs = run(one, &[(image, &slice(&images, 0))]);
    let classes = outputs[logits].shape()[1];
    let cotangents = uniform(&[3, classes], -1.0, 1.0, 6);
    let inputs = [(image, &images), (COTANGENT, &cotangents)];

    let mut single = OrtEngine::new(&gradient(one.clone()), Some(1)).unwrap();
    let views = [(image, images.view()), (COTANGENT, cotangents.view())];
    assert!(
        single.run(&views).is_err(),
        "{name} takes three images at once already"
    );
    let together = run(&gradient(any.clone()), &inputs);
    for index in 0..3 {
        let (image_of, cotangent) = (slice(&images, index), slice(&cotangents, index));
        let alone = run_in(&mut single, &[(image, &image_of), (COTANGENT, &cotangent)]);
        for output in [logits, GRAD] {
            let what = format!("{output} of {name}, image {index}");
            same(
                &what,
                &slice(&together[output], index),
                &alone[output],
                ROUNDING,
            );
        }
    }
}

fn slice(batch: &ArrayD<f32>, index: usize) -> ArrayD<f32> {
    batch
        .slice_axis(Axis(0), Slice::from(index..index + 1))
        .to_owned()
}

fn fixed(size: usize) -> Batch {
    Batch::Fixed(NonZeroUsize::new(size).unwrap())
}

#[test]
fn a_network_of_one_image_becomes_one_of_any_number_and_of_three() {
    for (architecture, size) in [
        (Architecture::ResnetSmall, 32),
        (Architecture::Resnet18, 64),
    ] {
        let any = build(&Blueprint::new(architecture, 4, size, 3)).unwrap();
        let one = set_batch(any, fixed(1)).unwrap();
        for batch in [Batch::Open, fixed(3)] {
            let more = set_batch(one.clone(), batch).unwrap();
            let name = format!("{} with {batch:?}", architecture.name());
            takes_three(&name, &one, &more, "image", "logits", &[3, size, size]);
        }
    }
}

/// Self-attention over six tokens by two heads, as exporters of a fixed batch write it: every `Reshape` has a constant
/// target, the heads are multiplied into the batch for the products, and the tokens come before the batch in between.
fn attention(batch: usize) -> Model {
    const TOKENS: usize = 6;
    let mut g = GraphBuilder::new("attention");
    g.input("tokens", &[batch, TOKENS, 8].map(Dim::Known));
    let first = g.node(
        "Transpose",
        "tokens_first",
        &["tokens"],
        [("perm", [1, 0, 2].into())],
    );
    let b = batch as i64;
    let mut parts = vec![];
    for (seed, part) in ["query", "key", "value"].into_iter().enumerate() {
        let weight = g.floats(
            &format!("{part}.weight"),
            &uniform(&[8, 8], -1.0, 1.0, seed as u64),
        );
        let x = g.node("MatMul", part, &[&first, &weight], []);
        let target = g.ints(&format!("{part}.heads"), &[6, 2 * b, 4]);
        let x = g.node("Reshape", &format!("{part}_heads"), &[&x, &target], []);
        parts.push(g.node(
            "Transpose",
            &format!("{part}_first"),
            &[&x],
            [("perm", [1, 0, 2].into())],
        ));
    }
    let keys = g.node(
        "Transpose",
        "keys",
        &[&parts[1]],
        [("perm", [0, 2, 1].into())],
    );
    let scores = g.node("MatMul", "scores", &[&parts[0], &keys], []);
    let scores = g.node("Softmax", "softmax", &[&scores], [("axis", 2.into())]);
    let mixed = g.node("MatMul", "mixed", &[&scores, &parts[2]], []);
    let split = g.ints("split", &[b, 2, 6, 4]);
    let mixed = g.node("Reshape", "split_heads", &[&mixed, &split], []);
    let mixed = g.node(
        "Transpose",
        "merge",
        &[&mixed],
        [("perm", [0, 2, 1, 3].into())],
    );
    let flat = g.ints("flat", &[b, -1]);
    let mixed = g.node("Reshape", "flatten", &[&mixed, &flat], []);
    let weight = g.floats("head.weight", &uniform(&[48, 5], -1.0, 1.0, 9));
    let logits = g.node("MatMul", "logits", &[&mixed, &weight], []);
    g.output(&logits, Some(&[batch, 5].map(Dim::Known)));
    g.finish().unwrap()
}

#[test]
fn constant_targets_that_hold_the_batch_follow_it() {
    let one = attention(1);
    for (exported, batch) in [
        (1, Batch::Open),
        (1, fixed(3)),
        (2, Batch::Open),
        (2, fixed(3)),
    ] {
        let more = set_batch(attention(exported), batch).unwrap();
        let name = format!("attention of {exported} with {batch:?}");
        takes_three(&name, &one, &more, "tokens", "logits", &[6, 8]);
    }
}

#[test]
fn every_form_of_an_operator_computes_the_same_in_newer_operator_sets() {
    let mut without_kernel = BTreeSet::new();
    for form in forms().unwrap() {
        let x = &form.input;
        let before = run(&form.model, &[("x", x)]);
        let finite = before.values().flatten().all(|v| v.is_finite());
        assert!(finite, "{}", form.name);
        for opset in form.model.opset() + 1..=NEWEST_OPSET {
            let raised = raise_opset(form.model.clone(), opset).unwrap();
            assert_eq!(raised.opset(), opset);
            let mut engine = match OrtEngine::new(&raised, Some(1)) {
                Ok(engine) => engine,
                Err(error)
                    if error
                        .to_string()
                        .contains("Could not find an implementation") =>
                {
                    let op = form.name.split(' ').next().unwrap().to_owned();
                    without_kernel.insert((op, opset));
                    continue;
                }
                Err(error) => panic!("{} in operator set {opset}: {error}", form.name),
            };
            let after = run_in(&mut engine, &[("x", x)]);
            assert_eq!(after.len(), before.len());
            for (output, value) in &after {
                let what = format!("{output} of {} in operator set {opset}", form.name);
                same(&what, value, &before[output], ROUNDING);
            }
        }
    }
    // What ONNX Runtime 1.28 itself does not run in a newer set, whoever wrote the model.
    let expected = [22, 23, 24].map(|set| ("GlobalLpPool".to_owned(), set));
    assert_eq!(without_kernel, BTreeSet::from(expected));
}

#[test]
fn the_gradient_is_the_same_in_every_operator_set() {
    let model = build(&Blueprint::new(Architecture::Resnet18, 3, 64, 4)).unwrap();
    let (image, cotangent) = (
        uniform(&[1, 3, 64, 64], 0.0, 1.0, 2),
        uniform(&[1, 3], -1.0, 1.0, 3),
    );
    let inputs = [("image", &image), (COTANGENT, &cotangent)];
    let before = run(&gradient(model.clone()), &inputs);
    for opset in [18, 20, 21, 23, NEWEST_OPSET] {
        let after = run(
            &gradient(raise_opset(model.clone(), opset).unwrap()),
            &inputs,
        );
        for (output, value) in &after {
            same(
                &format!("{output} in operator set {opset}"),
                value,
                &before[output],
                ROUNDING,
            );
        }
    }
}
