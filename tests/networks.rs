//! Whole networks of the zoo: libtorch, ONNX Runtime and tract agree on logits, and the differentiated graph with
//! libtorch's autograd on the gradient.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ndarray::{ArrayD, Ix4};
use pellucid_shared::onnx::{Model, floats, set_floats};
use pellucid_shared::zoo::{Architecture, Blueprint, build, is_weight};
use pellucid_tests::{from_torch, relative_distance, to_torch, uniform};
use pellucid_trainer::export::compare;
use pellucid_trainer::torch::{Mode, Network};
use tch::{Device, Kind};

/// A network whose batch normalizations have something to do: statistics and scales as after a training.
fn network(architecture: Architecture, size: usize) -> Model {
    let mut model = build(&Blueprint::new(architecture, 3, size, 7)).unwrap();
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

/// Logits and gradients of every engine against libtorch in float64, on the linear piece that the engine itself was on.
fn check(architecture: Architecture, size: usize, batch: usize) {
    let model = network(architecture, size);
    let images = uniform(&[batch, 3, size, size], 0.0, 1.0, 1);
    let images = images.into_dimensionality::<Ix4>().unwrap();
    let report = compare(&model, &model, &images).unwrap();
    let engines: Vec<&str> = report.engines.iter().map(|e| e.engine).collect();
    assert_eq!(engines, ["torch", "onnxruntime", "tract"]);
    for engine in &report.engines {
        // What the project promises of logits; of gradients, float32 rounding through some twenty layers.
        assert!(engine.logits < 1e-4 && engine.gradient < 1e-4, "{engine:?}");
        assert!(engine.piece < 1e-5, "{engine:?}");
        assert!(engine.decisions > 10_000, "{engine:?}");
    }
}

#[test]
fn small_resnet() {
    check(Architecture::ResnetSmall, 64, 4);
}

#[test]
fn resnet18_at_64_pixels() {
    check(Architecture::Resnet18, 64, 2);
}

#[test]
fn resnet34_at_an_odd_size() {
    check(Architecture::Resnet34, 75, 1);
}

#[test]
fn resnet50_at_64_pixels() {
    check(Architecture::Resnet50, 64, 1);
}

#[test]
fn mobilenet_v2_at_an_odd_size() {
    check(Architecture::MobilenetV2, 75, 1);
}

/// Whose pads depend on the size.
#[test]
fn efficientnet_lite0_at_an_odd_size() {
    check(Architecture::EfficientnetLite0, 75, 1);
}

#[test]
fn resnet18_carries_the_names_and_shapes_of_torchvision() {
    let model = network(Architecture::Resnet18, 224);
    let shape = |name: &str| model.initializer(name).map(|t| t.dims.clone());
    // Read off torchvision 0.26's resnet18().state_dict(); num_batches_tracked has no counterpart in ONNX.
    assert_eq!(shape("conv1.weight"), Some(vec![64, 3, 7, 7]));
    assert_eq!(shape("bn1.running_var"), Some(vec![64]));
    assert_eq!(
        shape("layer2.0.downsample.0.weight"),
        Some(vec![128, 64, 1, 1])
    );
    assert_eq!(shape("layer4.1.conv2.weight"), Some(vec![512, 512, 3, 3]));
    assert_eq!(shape("layer4.1.bn2.bias"), Some(vec![512]));
    assert_eq!(shape("fc.weight"), Some(vec![3, 512]));
    let learnt: i64 = Network::new(&model, Device::Cpu)
        .unwrap()
        .parameters()
        .iter()
        .map(|(_, tensor)| tensor.size().iter().product::<i64>())
        .sum();
    // torchvision's resnet18 has 11,689,512 parameters, of which its head of 1,000 classes takes 513,000.
    assert_eq!(learnt, 11_689_512 - 513_000 + 3 * 512 + 3);
}

/// The element at `index` of the wave that fills the weights of these tests, in Python: `numpy.sin(1.7 * index + len(name))`.
fn wave(index: usize, name: &str) -> f64 {
    (1.7 * index as f64 + name.len() as f64).sin()
}

/// Published code's logits, computed in float64 with weights and an image that are formulas: torchvision 0.26's networks and
/// efficientnet-lite-pytorch 0.1.0's, with three classes.
#[test]
fn architectures_are_those_of_the_published_code() {
    const SIZE: usize = 64;
    for (architecture, parameters, logits) in [
        (Architecture::Resnet50, 23_514_179, RESNET50),
        (Architecture::MobilenetV2, 2_227_715, MOBILENET_V2),
        (
            Architecture::EfficientnetLite0,
            EFFICIENTNET_LITE0.0,
            EFFICIENTNET_LITE0.1,
        ),
    ] {
        let mut model = build(&Blueprint::new(architecture, 3, SIZE, 0)).unwrap();
        let mut learnt = 0;
        for tensor in model.initializers_mut() {
            let name = tensor.name.clone();
            let kind = name.rsplit('.').next().unwrap();
            if !is_weight(&name) {
                continue;
            }
            let shape = floats(tensor).unwrap().shape().to_vec();
            let count: usize = shape.iter().product();
            let fan_in: usize = shape[1..].iter().product();
            let values: Vec<f32> = (0..count)
                .map(|index| wave(index, &name))
                .map(|wave| match kind {
                    "running_mean" | "bias" => 0.2 * wave,
                    "running_var" => 1.0 + 0.4 * wave,
                    "weight" if shape.len() == 1 => 1.0 + 0.3 * wave,
                    _ => wave * (4.0 / fan_in as f64).sqrt(),
                } as f32)
                .collect();
            set_floats(tensor, &values).unwrap();
            learnt += if kind.starts_with("running_") {
                0
            } else {
                count
            };
        }
        assert_eq!(learnt, parameters, "{architecture:?}");
        let image = ArrayD::from_shape_fn(vec![1, 3, SIZE, SIZE], |at| {
            let index = (at[1] * SIZE + at[2]) * SIZE + at[3];
            (0.5 + 0.5 * (0.9 * index as f64).sin()) as f32
        });
        let network = Network::with_kind(&model, Device::Cpu, Kind::Double).unwrap();
        let image = to_torch(&image, Kind::Double).unwrap();
        let found = network.forward(&image, Mode::Eval).unwrap();
        let found: Vec<f64> = from_torch(&found).unwrap().into_iter().collect();
        for (found, wanted) in found.iter().zip(logits) {
            // The normalization's constants are float32 here and float64 there.
            assert!(
                (found - wanted).abs() < 1e-5 * wanted.abs().max(1.0),
                "{architecture:?}: {found} {wanted}"
            );
        }
    }
}

const RESNET50: [f64; 3] = [66.7992311848549, 20.09043580608721, -36.702229430040894];
const MOBILENET_V2: [f64; 3] = [-1.5243301251382377, 8.589700735606531, -5.921118556109671];
const EFFICIENTNET_LITE0: (usize, [f64; 3]) = (
    3_374_851,
    [-2.6887724485268834, 12.506322645309131, -8.158211818701048],
);

#[test]
fn train_mode_normalizes_with_the_batch_and_moves_the_running_statistics() {
    let model = network(Architecture::ResnetSmall, 32);
    let network = Network::new(&model, Device::Cpu).unwrap();
    let images = to_torch(&uniform(&[8, 3, 32, 32], 0.0, 1.0, 3), Kind::Float).unwrap();
    let before = network.forward(&images, Mode::Eval).unwrap();
    let statistics = |network: &Network| -> Vec<ArrayD<f64>> {
        let running = network
            .state()
            .into_iter()
            .filter(|(name, _)| name.contains("running_"));
        running
            .map(|(_, tensor)| from_torch(&tensor).unwrap())
            .collect()
    };
    let old = statistics(&network);
    let trained = network.forward(&images, Mode::Train).unwrap();
    assert!(
        relative_distance(
            &from_torch(&trained).unwrap(),
            &from_torch(&before).unwrap()
        ) > 0.01
    );
    // After many passes over one batch the running statistics are the batch's own: eval mode then computes what train
    // mode does, up to the unbiased variance that libtorch stores (n / (n − 1), n ≥ 8 · 4 · 4).
    for _ in 0..200 {
        let _ = network.forward(&images, Mode::Train).unwrap();
    }
    let after = network.forward(&images, Mode::Eval).unwrap();
    let distance = relative_distance(&from_torch(&after).unwrap(), &from_torch(&trained).unwrap());
    assert!(distance < 0.03, "{distance}");
    assert!(
        statistics(&network)
            .iter()
            .zip(&old)
            .all(|(new, old)| new != old)
    );
}

#[test]
fn a_state_and_a_model_file_bring_every_weight_back() {
    let model = network(Architecture::ResnetSmall, 32);
    let network = Network::new(&model, Device::Cpu).unwrap();
    let images = to_torch(&uniform(&[4, 3, 32, 32], 0.0, 1.0, 3), Kind::Float).unwrap();
    let state = network.state();
    let before = network.forward(&images, Mode::Eval).unwrap();
    for (_, tensor) in network.parameters() {
        let _ = tch::no_grad(|| tensor.shallow_clone().fill_(0.01));
    }
    let _ = network.forward(&images, Mode::Train).unwrap();
    let changed = network.forward(&images, Mode::Eval).unwrap();
    assert_ne!(from_torch(&changed).unwrap(), from_torch(&before).unwrap());

    let mut written = model.clone();
    network.write_back(&mut written).unwrap();
    let reread = Model::parse(&written.to_bytes()).unwrap();
    let again = Network::new(&reread, Device::Cpu)
        .unwrap()
        .forward(&images, Mode::Eval)
        .unwrap();
    assert_eq!(from_torch(&again).unwrap(), from_torch(&changed).unwrap());

    network.load_state(&state).unwrap();
    let restored = network.forward(&images, Mode::Eval).unwrap();
    assert_eq!(from_torch(&restored).unwrap(), from_torch(&before).unwrap());
}

#[test]
fn frozen_layers_neither_learn_nor_move_their_statistics() {
    let model = network(Architecture::ResnetSmall, 32);
    let mut network = Network::new(&model, Device::Cpu).unwrap();
    network.set_trainable(|name| name.starts_with("fc."));
    let images = to_torch(&uniform(&[4, 3, 32, 32], 0.0, 1.0, 3), Kind::Float).unwrap();
    let before = network.state();
    network
        .forward(&images, Mode::Train)
        .unwrap()
        .sum(Kind::Float)
        .backward();
    for ((name, old), (_, new)) in before.iter().zip(network.state()) {
        assert_eq!(
            from_torch(old).unwrap(),
            from_torch(&new).unwrap(),
            "{name} moved"
        );
    }
    for (name, tensor) in network.parameters() {
        assert_eq!(tensor.grad().defined(), name.starts_with("fc."), "{name}");
    }
}
