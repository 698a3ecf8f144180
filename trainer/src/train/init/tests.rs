use std::collections::HashMap;

use pellucid_shared::card::{Card, Input};
use pellucid_shared::engine::{Engine, TractEngine};
use pellucid_shared::image::Crop;
use pellucid_shared::onnx::{Dim, GraphBuilder};
use pellucid_shared::zoo::{IMAGENET_MEAN, IMAGENET_STD, is_weight};
use safetensors::tensor::TensorView;

use pellucid_shared::onnx::tensor_shape;
use safetensors::Dtype;

use super::*;

fn small(classes: usize, seed: u64) -> Model {
    build(&Blueprint::new(
        Architecture::ResnetSmall,
        classes,
        32,
        seed,
    ))
    .unwrap()
}

/// A model's weights as torchvision would save them: without the normalization, with counters.
fn safetensors(model: &Model, path: &Path, leave_out: &str) {
    let mut stored: HashMap<String, (Vec<usize>, Vec<u8>, Dtype)> = HashMap::new();
    for tensor in &model.graph().initializer {
        if is_weight(&tensor.name) && tensor.name != leave_out {
            let shape = tensor_shape(tensor).unwrap();
            stored.insert(
                tensor.name.clone(),
                (shape, tensor.raw_data.clone(), Dtype::F32),
            );
        }
    }
    let counter = (vec![], 7_i64.to_le_bytes().to_vec(), Dtype::I64);
    stored.insert("bn1.num_batches_tracked".into(), counter);
    let views: Vec<(&String, TensorView<'_>)> = stored
        .iter()
        .map(|(name, (shape, data, kind))| {
            (name, TensorView::new(*kind, shape.clone(), data).unwrap())
        })
        .collect();
    std::fs::write(path, ::safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Classes as a folder's: `0`, `1`, ….
fn classes(count: usize) -> Vec<Class> {
    let class = |index: usize| Class {
        code: index.to_string(),
        name: String::new(),
    };
    (0..count).map(class).collect()
}

fn start(init: &Path, architecture: Option<Architecture>) -> Start {
    Start {
        architecture,
        size: Some(32),
        init: Some(Init::File(init.to_owned())),
        dropout: None,
    }
}

#[test]
fn torchvisions_names_load_and_a_head_for_other_classes_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    for architecture in Architecture::ALL {
        let path = folder.path().join("all.safetensors");
        let pretrained = build(&Blueprint::new(architecture, 3, 32, 1)).unwrap();
        safetensors(&pretrained, &path, "");
        let loaded = initial_model(&start(&path, Some(architecture)), &classes(3), 2).unwrap();
        assert_eq!(
            loaded.model.graph().initializer,
            pretrained.graph().initializer,
            "{architecture:?}"
        );
    }
    let path = folder.path().join("weights.safetensors");
    let pretrained = small(5, 1);
    safetensors(&pretrained, &path, "");
    let start = start(&path, Some(Architecture::ResnetSmall));

    let same = initial_model(&start, &classes(5), 2).unwrap();
    assert_eq!(
        same.model.graph().initializer,
        pretrained.graph().initializer
    );
    assert!(same.notices.is_empty());

    let other = initial_model(&start, &classes(3), 2).unwrap();
    assert!(
        other.notices[0].contains("fc.weight, fc.bias"),
        "{:?}",
        other.notices
    );
    let fresh = small(3, 2);
    for tensor in &other.model.graph().initializer {
        let from = if tensor.name.starts_with("fc.") {
            &fresh
        } else {
            &pretrained
        };
        assert_eq!(Some(tensor), from.initializer(&tensor.name));
    }
}

#[test]
fn weights_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    safetensors(&small(3, 1), &path, "layer2.0.conv1.weight");
    for (architecture, reason) in [
        (
            Architecture::ResnetSmall,
            "`layer2.0.conv1.weight` is missing",
        ),
        (Architecture::Resnet18, "has the shape"),
    ] {
        let error = initial_model(&start(&path, Some(architecture)), &classes(3), 0).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains(reason) && error.contains("choose another --arch"),
            "{error}"
        );
    }
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = initial_model(&start(&path, None), &classes(3), 0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a whole .safetensors"), "{error}");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    std::fs::write(&path, pointer).unwrap();
    let error = initial_model(&start(&path, None), &classes(3), 0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("Git LFS"), "{error}");
}

#[test]
fn an_onnx_file_is_trained_as_it_is_or_lends_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    small(3, 1).save(&path).unwrap();
    let own = initial_model(&start(&path, None), &classes(3), 2).unwrap();
    assert_eq!((own.preprocessing.size, &own.model), (32, &small(3, 1)));
    let other = initial_model(&start(&path, None), &classes(4), 2).unwrap();
    assert!(other.fresh_head && !own.fresh_head);
    assert!(other.notices.join("\n").contains("fc.weight, fc.bias"));
    let kept = |name: &str| other.model.initializer(name) == own.model.initializer(name);
    assert!(kept("layer4.0.conv1.weight") && !kept("fc.weight"));
    let lent = initial_model(
        &start(&path, Some(Architecture::ResnetSmall)),
        &classes(4),
        2,
    )
    .unwrap();
    assert_eq!(lent.notices.len(), 1);
    let larger = Start {
        size: Some(64),
        ..start(&path, None)
    };
    let error = format!("{:#}", initial_model(&larger, &classes(3), 2).unwrap_err());
    assert!(error.contains("32×32 pixels, not 64×64"), "{error}");
    std::fs::write(&path, "not a model").unwrap();
    let error = format!(
        "{:#}",
        initial_model(&start(&path, None), &classes(3), 2).unwrap_err()
    );
    assert!(error.contains("not an ONNX model"), "{error}");
}

/// What the file's card says is done to pixels before they are fed is done in the graph that is trained.
#[test]
fn what_is_fed_to_a_file_is_what_its_card_says_or_what_is_assumed() {
    const WEIGHTS: [[f32; 3]; 2] = [[1.0, -2.0, 0.5], [0.0, 3.0, 4.0]];
    const COLOUR: [f32; 3] = [0.2, 0.4, 0.8];
    let mut graph = GraphBuilder::new("own");
    let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(8)];
    graph.input("image", &[n, c, s.clone(), s]);
    let pooled = graph.node("GlobalAveragePool", "pool", &["image"], []);
    let flat = graph.node("Flatten", "flat", &[&pooled], []);
    let w = graph.floats("w", &ndarray::arr2(&WEIGHTS).into_dyn());
    let raw = graph.node("Gemm", "raw", &[&flat, &w], [("transB", 1.into())]);
    let softmax = graph.node("Softmax", "softmax", &[&raw], []);
    graph.output(&softmax, None);
    let model = graph.finish().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.onnx");
    let trained = |model: &Model| {
        model.save(&path).unwrap();
        let start = Start {
            size: None,
            ..start(&path, None)
        };
        let initial = initial_model(&start, &classes(2), 0).unwrap();
        let mut engine = TractEngine::new(&initial.model).unwrap();
        let image = ndarray::Array4::from_shape_fn((1, 3, 8, 8), |at| COLOUR[at.1]);
        let mut outputs = engine.run(&[("image", image.view().into_dyn())]).unwrap();
        let output = initial.model.outputs()[0].name.clone();
        (
            initial,
            outputs.remove(&output).unwrap().into_raw_vec_and_offset().0,
        )
    };
    let by_hand = |mean: [f32; 3], std: [f32; 3]| {
        WEIGHTS.map(|row| {
            (0..3)
                .map(|c| row[c] * (COLOUR[c] - mean[c]) / std[c])
                .sum::<f32>()
        })
    };
    let close = |found: Vec<f32>, wanted: [f32; 2]| {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-4, "{found} for {wanted}");
        }
    };

    let (assumed, logits) = trained(&model);
    close(logits, by_hand(IMAGENET_MEAN, IMAGENET_STD));
    assert!(
        assumed
            .notices
            .iter()
            .any(|notice| notice.contains("ImageNet"))
    );

    let (mean, std) = ([0.5, 0.25, 0.1], [0.5, 2.0, 0.7]);
    let mut input = Input::plain(Preprocessing {
        crop: Crop::Stretch,
        ..Preprocessing::square(8)
    });
    (input.mean, input.std) = (Some(mean), Some(std));
    let mut told = model;
    Card::new("own", vec![], input)
        .write_into(&mut told)
        .unwrap();
    let (told, logits) = trained(&told);
    close(logits, by_hand(mean, std));
    assert_eq!(told.preprocessing.crop, Crop::Stretch);
}

#[test]
fn classes_in_another_order_are_refused_and_other_classes_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = small(3, 1);
    let mut turned = classes(3);
    turned.rotate_left(1);
    Card::new("own", turned, Input::plain(Preprocessing::square(32)))
        .write_into(&mut model)
        .unwrap();
    model.save(&path).unwrap();
    let error = initial_model(&start(&path, None), &classes(3), 2).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("give --classes 1,2,0"), "{error}");
    let mut others = classes(3);
    others[0].code = "mel".into();
    let initial = initial_model(&start(&path, None), &others, 2).unwrap();
    let told = initial.notices.join("\n");
    assert!(
        told.contains("were 1, 2, 0; from now on they are mel, 1, 2"),
        "{told}"
    );
}
