//! Whole networks.

use pellucid_shared::autodiff::{Options, differentiate};
use pellucid_shared::engine::{Engine, TractEngine};
use pellucid_shared::kind::FileKind;
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Dim, Footprint, GraphBuilder, Model, declared_shape};
use pellucid_shared::zoo::{Architecture, Blueprint, build};

/// What this project writes is no foreign file.
#[test]
fn models_that_are_written_here_are_onnx() {
    let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap();
    assert_eq!(FileKind::of(&model.to_bytes()), Some(FileKind::Onnx));
}

#[test]
fn a_folder_in_place_of_a_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("saved_model.pb"), "").unwrap();
    let error = Model::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("tf2onnx.convert --saved-model"), "{error}");
}

#[test]
fn networks_and_their_gradients_pass_at_every_size() {
    for architecture in [Architecture::ResnetSmall, Architecture::Resnet18] {
        let network = build(&Blueprint::new(architecture, 3, 64, 1)).unwrap();
        let network = differentiate(network, &Options::default()).unwrap();
        let mut footprint = Footprint::of(&network).unwrap();
        for (batch, side) in [(1, 64), (8, 224), (1, 1024)] {
            let image = ("image", &[batch, 3, side, side][..]);
            let cotangent = ("cotangent", &[batch, 3][..]);
            footprint.admit(&[image, cotangent]).unwrap();
        }
    }
}

/// `count` activations in a row, and a mean behind them.
fn chain(count: usize) -> Model {
    let mut graph = GraphBuilder::new("chain");
    let shape = [
        Dim::Named("N".into()),
        Dim::Known(3),
        Dim::Known(4),
        Dim::Known(4),
    ];
    let mut value = graph.input("image", &shape);
    for _ in 0..count {
        value = graph.node("Relu", "relu", &[&value], []);
    }
    let pooled = graph.node("GlobalAveragePool", "pool", &[&value], []);
    let logits = graph.node("Flatten", "logits", &[&pooled], []);
    graph.output(&logits, None);
    graph.finish().unwrap()
}

#[test]
fn masks_stand_behind_their_activations_and_open_cotangents_are_declared() {
    let model = differentiate(chain(3), &Options::default()).unwrap();
    let nodes = &model.graph().node;
    let activations = nodes.iter().enumerate();
    for (place, activation) in activations.filter(|(_, node)| node.op_type == "Relu") {
        // Until the model's next node.
        let behind = nodes[place + 1..]
            .iter()
            .take_while(|node| node.name.starts_with("grad/"));
        let reads = |node: &NodeProto| node.input.contains(&activation.output[0]);
        let mut masks = behind.filter(|node| node.op_type == "Greater" && reads(node));
        assert!(masks.next().is_some(), "behind {}", activation.name);
    }
    let masked: Vec<_> = nodes
        .iter()
        .filter(|node| node.op_type == "Where")
        .collect();
    assert_eq!(masked.len(), 3);
    let image = declared_shape(model.inputs()[0]).unwrap();
    // What comes out last is the graph's output, which is declared anyway.
    for node in &masked[..2] {
        let declared = model
            .graph()
            .value_info
            .iter()
            .find(|v| v.name == node.output[0]);
        assert_eq!(declared_shape(declared.unwrap()).unwrap(), image);
    }
}

/// More readers of one zero than share a copy of it.
#[test]
fn a_long_chain_has_the_gradient_of_a_short_one() {
    let image = ndarray::Array::from_shape_fn((2, 3, 4, 4), |(n, c, y, x)| {
        [-1.0, 0.5, 2.0][(n + c + y + x) % 3]
    });
    let cotangent = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let model = differentiate(chain(150), &Options::default()).unwrap();
    let mut engine = TractEngine::new(&model).unwrap();
    let fed = [
        ("image", image.view().into_dyn()),
        ("cotangent", cotangent.view().into_dyn()),
    ];
    let grad = engine.run(&fed).unwrap().remove("grad").unwrap();
    for ((n, c, y, x), &value) in image.indexed_iter() {
        let right = if value > 0.0 {
            cotangent[[n, c]] / 16.0
        } else {
            0.0
        };
        assert!((grad[[n, c, y, x]] - right).abs() < 1e-6, "{n} {c} {y} {x}");
    }
}
