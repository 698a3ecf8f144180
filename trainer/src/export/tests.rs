use std::path::Path;

use ndarray::{Array4, ArrayD, Axis, IxDyn};
use pellucid_shared::attribution::Signature;
use pellucid_shared::onnx::{Dim, GraphBuilder, floats, set_floats};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind};

use super::pieces::{Pieces, watched};
use super::run::{Place, Question, Run, run_graph, run_torch};
use super::*;
use crate::torch::to_tensor;

fn uniform(shape: &[usize], low: f32, high: f32, seed: u64) -> ArrayD<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.random_range(low..high))
}

/// Smooth pictures, as photographs are: noise alone would meet few ties and few saturated regions.
fn images(count: usize, size: usize) -> Array4<f32> {
    Array4::from_shape_fn((count, 3, size, size), |(n, c, y, x)| {
        let wave = ((n + 1) * (x + c) + 2 * y) as f32 * 0.13;
        (0.5 + 0.6 * wave.sin()).clamp(0.0, 1.0)
    })
}

/// A network whose batch normalizations have something to do, as after a training.
fn trained(architecture: Architecture, size: usize) -> Model {
    let mut model = build(&Blueprint::new(architecture, 3, size, 5)).unwrap();
    for (seed, tensor) in model.initializers_mut().iter_mut().enumerate() {
        let (low, high) = match tensor.name.rsplit('.').next().unwrap() {
            "running_mean" => (-0.2, 0.2),
            "running_var" => (0.6, 1.5),
            "weight" if tensor.dims.len() == 1 => (0.6, 1.4),
            "bias" if tensor.dims.len() == 1 && tensor.dims[0] != 3 => (-0.3, 0.3),
            _ => continue,
        };
        let values = uniform(floats(tensor).unwrap().shape(), low, high, seed as u64);
        set_floats(tensor, values.as_slice().unwrap()).unwrap();
    }
    model
}

/// Adds `by` to the first number of a weight.
fn nudge(model: &mut Model, name: &str, by: f32) {
    let tensors = model.initializers_mut();
    let tensor = tensors.iter_mut().find(|t| t.name == name).unwrap();
    let mut values: Vec<f32> = floats(tensor).unwrap().into_iter().collect();
    values[0] += by;
    set_floats(tensor, &values).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_trained_network_is_written_and_every_engine_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let start = trained(Architecture::ResnetSmall, 32);
    let network = Network::new(&start, Device::Cpu).unwrap();
    // Train a little: the file must hold the network's weights and not those of the model it began with.
    for (_, tensor) in network.parameters() {
        let _ = tch::no_grad(|| tensor.shallow_clone().g_mul_scalar_(0.9));
    }
    let report = export(
        &start,
        &network,
        &to_tensor(&images(20, 32)).unwrap(),
        &path,
    )
    .unwrap();
    let engines: Vec<&str> = report.engines.iter().map(|e| e.engine).collect();
    assert_eq!(engines, ["torch", "onnxruntime", "tract"]);
    assert_eq!(report.images, IMAGES);
    assert_eq!(names(folder.path()), ["model.onnx"]);
    let written = Model::load(&path).unwrap();
    assert_ne!(written, start);
    assert!(
        serde_json::to_string(&report)
            .unwrap()
            .contains("\"gradient\":")
    );
    assert_eq!(report.text().lines().count(), 3);
}

#[test]
fn max_pooling_and_a_deep_network_agree_too() {
    let model = trained(Architecture::Resnet18, 64);
    let report = compare(&model, &model, &images(2, 64)).unwrap();
    // 17 ReLUs and the pool of a ResNet-18 at 64 pixels, by hand, for two images.
    let relus =
        64 * 32 * 32 + 4 * 64 * 16 * 16 + 4 * 128 * 8 * 8 + 4 * 256 * 4 * 4 + 4 * 512 * 2 * 2;
    assert_eq!(report.engines[0].decisions, 2 * (relus + 64 * 16 * 16));
}

#[test]
fn a_file_that_is_damaged_after_it_was_written_is_refused_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = trained(Architecture::ResnetSmall, 32);
    let network = Network::new(&model, Device::Cpu).unwrap();
    let batch = images(2, 32);
    let with = |damage: fn(&mut Model)| {
        write_checked(
            &path,
            |file| file.write_all(&model.to_bytes()),
            |written| {
                let mut damaged = Model::load(written)?;
                damage(&mut damaged);
                std::fs::write(written, damaged.to_bytes())?;
                verify(written, &model, &network, &batch)
            },
        )
    };
    for (damage, says) in [
        (
            (|m| nudge(m, "fc.bias", 1e-6)) as fn(&mut Model),
            "`fc.bias`",
        ),
        (
            |m| nudge(m, "bn1.running_mean", -1e-3),
            "`bn1.running_mean`",
        ),
        // Not a weight: no training changes it, but it changes what the network computes.
        (|m| nudge(m, "normalize.mean", 1e-3), "graph or metadata"),
        (
            |m| m.set_metadata("pellucid.card", "{}".into()),
            "graph or metadata",
        ),
    ] {
        let error = format!("{:#}", with(damage).unwrap_err());
        assert!(error.contains(says), "{error}");
        assert!(names(folder.path()).is_empty());
    }
    with(|_| {}).unwrap();
    assert_eq!(names(folder.path()), ["model.onnx"]);
}

#[test]
fn an_engine_that_computes_other_logits_is_refused() {
    let model = trained(Architecture::ResnetSmall, 32);
    let mut other = model.clone();
    nudge(&mut other, "fc.bias", 0.01);
    let error = compare(&model, &other, &images(2, 32))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("the logits of torch differ"), "{error}");
}

/// The other file has one more term, Σ w · (x − x₀): nothing at the very image x₀ that is compared, but a gradient.
#[test]
fn an_engine_with_the_right_logits_and_a_wrong_gradient_is_refused() {
    let model = trained(Architecture::ResnetSmall, 32);
    let batch = images(1, 32);
    let mut builder = GraphBuilder::edit(model.clone());
    let origin = builder.floats("origin", &batch.clone().into_dyn());
    let from = builder.node("Sub", "from", &["image", &origin], []);
    let mean = builder.node("GlobalAveragePool", "mean", &[&from], []);
    let flat = builder.node("Flatten", "flat", &[&mean], []);
    let logits = builder.node("Add", "moved", &["logits", &flat], []);
    builder.graph_mut().output.clear();
    builder.output(&logits, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
    let other = builder.finish().unwrap();
    let error = differing(&model, &other, &batch);
    assert!(
        error.starts_with("the gradients of torch differ"),
        "{error}"
    );
}

/// `compare` asks a file for the outputs of the model that was trained; here the file's output has another name.
fn differing(model: &Model, other: &Model, batch: &Array4<f32>) -> String {
    let mut proto = other.clone().into_proto();
    let graph = proto.graph.as_mut().unwrap();
    for node in &mut graph.node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            if name == "logits" {
                *name = "inner".into();
            } else if name == "moved" {
                *name = "logits".into();
            }
        }
    }
    "logits".clone_into(&mut graph.output[0].name);
    let renamed = Model::from_proto(proto).unwrap();
    compare(model, &renamed, batch).unwrap_err().to_string()
}

/// logit k = the mean of channel k where it is above `threshold`, less that.
fn above(threshold: f32) -> Model {
    let mut graph = GraphBuilder::new("above");
    let side = Dim::Known(8);
    graph.input(
        "image",
        &[Dim::Named("N".into()), Dim::Known(3), side.clone(), side],
    );
    let threshold = graph.scalar("threshold", threshold);
    let x = graph.node("Sub", "over", &["image", &threshold], []);
    let x = graph.node("Relu", "relu", &[&x], []);
    let x = graph.node("GlobalAveragePool", "mean", &[&x], []);
    let logits = graph.node("Flatten", "logits", &[&x], []);
    graph.output(&logits, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
    graph.finish().unwrap()
}

/// Half of the pixels lie a rounding error above the one threshold and below the other: their ReLUs flip, and half of the
/// gradient with them, although nothing that anybody could see has changed. The file is accepted, and the report tells.
#[test]
fn flipped_decisions_are_accounted_for() {
    let half = Array4::from_shape_fn((2, 3, 8, 8), |(_, _, _, x)| if x < 4 { 0.5 } else { 0.9 });
    let report = compare(&above(0.5 - f32::EPSILON / 4.0), &above(0.5), &half).unwrap();
    for engine in &report.engines {
        assert_eq!(
            (engine.flips, engine.decisions),
            (2 * 3 * 8 * 4, 2 * 3 * 8 * 8),
            "{engine:?}"
        );
        assert!(engine.gradient < 1e-6, "{engine:?}");
        // Half of equal elements are missing: √½.
        assert!(
            (engine.gradient_with_flips - 0.5_f64.sqrt()).abs() < 1e-6,
            "{engine:?}"
        );
    }
    // Far enough from zero to be seen, the same flips are no rounding any more.
    let error = compare(&above(0.4999), &above(0.5), &half)
        .unwrap_err()
        .to_string();
    assert!(error.contains("logits"), "{error}");
    let flipped = above(0.5);
    let near = compare(&above(0.5 - 1e-5), &flipped, &half)
        .unwrap_err()
        .to_string();
    assert!(near.contains("activations"), "{near}");
}

#[test]
fn a_diverged_training_a_foreign_network_and_a_missing_folder_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = trained(Architecture::ResnetSmall, 32);
    let batch = to_tensor(&images(1, 32)).unwrap();
    let sentence = |result: Result<Verification>| {
        let error = format!("{:#}", result.unwrap_err());
        assert!(names(folder.path()).is_empty());
        error
    };

    let network = Network::new(&model, Device::Cpu).unwrap();
    let missing = folder.path().join("no/model.onnx");
    assert!(
        sentence(export(&model, &network, &batch, &missing))
            .contains("no/model.onnx was not written")
    );
    assert!(sentence(export(&model, &network, &batch.narrow(0, 0, 0), &path)).contains("no image"));

    let other = build(&Blueprint::new(Architecture::ResnetSmall, 5, 32, 0)).unwrap();
    assert!(sentence(export(&other, &network, &batch, &path)).contains("fc."));

    for (_, tensor) in network.parameters() {
        let _ = tch::no_grad(|| tensor.shallow_clone().fill_(f64::NAN));
    }
    assert!(sentence(export(&model, &network, &batch, &path)).contains("diverged"));
}

/// Every kind of kink, with padding, a stride, dilation and a last window that is only partly inside.
fn kinked() -> Model {
    let mut graph = GraphBuilder::new("kinked");
    let side = Dim::Known(12);
    graph.input(
        "image",
        &[Dim::Named("N".into()), Dim::Known(3), side.clone(), side],
    );
    let weight = graph.floats("weight", &uniform(&[4, 3, 3, 3], -1.0, 1.0, 1));
    let pads = || ("pads", [1, 1, 1, 1].into());
    let x = graph.node("Conv", "conv", &["image", &weight], [pads()]);
    let x = graph.node("LeakyRelu", "leaky", &[&x], [("alpha", 0.2.into())]);
    let pool = [
        ("kernel_shape", [3, 2].into()),
        ("strides", [2, 1].into()),
        pads(),
        ("ceil_mode", 1.into()),
    ];
    let x = graph.node("MaxPool", "pool", &[&x], pool);
    let (low, high) = (graph.scalar("low", -0.5), graph.scalar("high", 1.5));
    let x = graph.node("Clip", "clip", &[&x, &low, &high], []);
    let weight = graph.floats("weight2", &uniform(&[3, 4, 3, 3], -1.0, 1.0, 2));
    let x = graph.node("Conv", "conv2", &[&x, &weight], [pads()]);
    let x = graph.node("Relu", "relu", &[&x], []);
    let pool = [
        ("kernel_shape", [2, 2].into()),
        ("dilations", [2, 1].into()),
    ];
    let x = graph.node("MaxPool", "pool2", &[&x], pool);
    let x = graph.node("GlobalAveragePool", "mean", &[&x], []);
    let logits = graph.node("Flatten", "logits", &[&x], []);
    graph.output(&logits, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
    graph.finish().unwrap()
}

/// The frozen network has no kink left and is the same network at these images: value and gradient, in float64.
#[test]
fn frozen_decisions_change_neither_value_nor_gradient() {
    let model = kinked();
    let batch = images(3, 12);
    let signature = Signature::of(&model, None).unwrap();
    let cotangent = uniform(&[3, 3], -1.0, 1.0, 9)
        .into_dimensionality()
        .unwrap();
    let graph = run_graph(EngineKind::Ort, &model, &signature, &batch, &cotangent).unwrap();
    let shapes: Vec<_> = graph
        .values
        .iter()
        .map(|(n, v)| (n.clone(), v.shape().to_vec()))
        .collect();
    let torch = |model: &Model| -> Run {
        let place = Place {
            device: Device::Cpu,
            kind: Kind::Double,
        };
        let question = Question {
            signature: &signature,
            images: &batch,
            cotangent: &cotangent,
            shapes: &shapes,
            parameters: false,
        };
        run_torch(model, place, &question).unwrap()
    };
    let exact = torch(&model);
    let pieces = Pieces::of(&model, &exact.values).unwrap();
    let frozen = pieces.freeze(&model).unwrap();
    assert!(watched(&frozen).is_empty());
    // Of two kinks in a row, one value shows both.
    assert_eq!(watched(&model).len(), 4);
    let again = torch(&frozen);
    for (a, b) in [(&again.logits, &exact.logits), (&again.grad, &exact.grad)] {
        let distance = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        // The stored slopes and bounds are float32: 0.2 is not 0.2 to the last bit.
        assert!(distance < 1e-7, "{distance:e}");
    }
    assert!(exact.grad.iter().any(|g| g.abs() > 1e-3));
    for image in exact.grad.axis_iter(Axis(0)) {
        assert!(image.iter().any(|g| *g != 0.0));
    }
    compare(&model, &model, &batch).unwrap();
}

#[test]
fn verification_can_be_asked_for_beforehand() {
    ready().unwrap();
}
