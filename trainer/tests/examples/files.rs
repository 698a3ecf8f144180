//! The files that the examples name, small, of the kinds that their names promise.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use ndarray::{Array4, ArrayD, IxDyn};
use ndarray_npy::WriteNpyExt;
use pellucid_shared::image::{Rgb, RgbImage, encode_png};
use pellucid_shared::onnx::{Dim, GraphBuilder, Model, tensor_shape};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use safetensors::{Dtype, tensor::TensorView};

/// Lays out everything but what examples write themselves.
pub(crate) fn lay_out(folder: &Path) {
    let save = |model: &Model, name: &str| model.save(&folder.join(name)).unwrap();
    for name in ["lesion.jpg", "cat.jpg"] {
        // Its bytes say what a picture is, not its name.
        let picture = RgbImage::from_fn(90, 70, |x, y| Rgb([x as u8 * 2, y as u8 * 3, 120]));
        std::fs::write(folder.join(name), encode_png(&picture).unwrap()).unwrap();
    }
    let labels: String = (0..1000).map(|class| format!("class {class}\n")).collect();
    std::fs::write(folder.join("imagenet.txt"), labels).unwrap();
    let input = Array4::<f32>::from_elem((1, 3, 64, 64), 0.3);
    input
        .write_npy(std::fs::File::create(folder.join("input.npy")).unwrap())
        .unwrap();
    std::fs::create_dir_all(folder.join("dist/site")).unwrap();
    std::fs::write(folder.join("dist/site/index.html"), "<title>site</title>").unwrap();

    let resnet18 = build(&Blueprint::new(Architecture::Resnet18, 3, 64, 1)).unwrap();
    weights(&resnet18, &folder.join("resnet18.safetensors"));
    save(&Net::default().build(), "resnet18.onnx");
    save(
        &Net {
            classes: 1000,
            open: true,
            ..Net::default()
        }
        .build(),
        "resnet50.onnx",
    );
    save(
        &Net {
            fixed: true,
            ..Net::default()
        }
        .build(),
        "batch-of-one.onnx",
    );
    save(
        &Net {
            channels_last: true,
            classes: 1000,
            ..Net::default()
        }
        .build(),
        "mobilenet.onnx",
    );
    save(
        &Net {
            quantized: true,
            ..Net::default()
        }
        .build(),
        "quantized.onnx",
    );
    save(
        &Net {
            end: "Softmax",
            ..Net::default()
        }
        .build(),
        "classifier.onnx",
    );
    save(
        &Net {
            classes: 1,
            ..Net::default()
        }
        .build(),
        "benign-or-malignant.onnx",
    );
    save(
        &Net {
            boxes: true,
            ..Net::default()
        }
        .build(),
        "detector.onnx",
    );

    // A data set with HAM10000's layout and a network that knows its classes.
    let made = Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .args(["phantom", "HAM10000", "--count", "45", "--size", "48"])
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
    let train = "train --data ham10000:HAM10000 --arch resnet-small --size 32 --epochs 1 --batch 8 --out own";
    let trained = Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .args(train.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        trained.status.success(),
        "{}",
        String::from_utf8_lossy(&trained.stderr)
    );
    for name in ["robust.onnx", "a.onnx", "b.onnx"] {
        std::fs::copy(folder.join("own/best.onnx"), folder.join(name)).unwrap();
    }
}

/// A network's weights under torchvision's names.
fn weights(model: &Model, path: &Path) {
    let learnt = model
        .graph()
        .initializer
        .iter()
        .filter(|t| !t.name.starts_with("normalize."));
    let views: HashMap<&String, TensorView<'_>> = learnt
        .map(|t| {
            (
                &t.name,
                TensorView::new(Dtype::F32, tensor_shape(t).unwrap(), &t.raw_data).unwrap(),
            )
        })
        .collect();
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A small convolutional network without a card, in one of the forms in which others' networks come.
struct Net {
    classes: usize,
    /// Takes one image at a time.
    fixed: bool,
    /// Takes images of any size.
    open: bool,
    /// Takes `[N, H, W, 3]`.
    channels_last: bool,
    /// Rounds its first activations to eight bits.
    quantized: bool,
    /// The operator that makes probabilities of the scores, or none.
    end: &'static str,
    /// Has a second output, of boxes.
    boxes: bool,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            classes: 3,
            fixed: false,
            open: false,
            channels_last: false,
            quantized: false,
            end: "",
            boxes: false,
        }
    }
}

impl Net {
    fn build(&self) -> Model {
        let mut g = GraphBuilder::new("net");
        let batch = if self.fixed {
            Dim::Known(1)
        } else {
            Dim::Named("N".into())
        };
        let side = |name: &str| match self.open {
            true => Dim::Named(name.into()),
            false => Dim::Known(64),
        };
        let mut shape = vec![batch.clone(), side("H"), side("W")];
        shape.insert(if self.channels_last { 3 } else { 1 }, Dim::Known(3));
        let mut x = g.input("input", &shape);
        if self.channels_last {
            x = g.node(
                "Transpose",
                "planes",
                &[&x],
                [("perm", [0, 3, 1, 2].into())],
            );
        }
        let kernel = g.floats("kernel", &waves(&[4, 3, 4, 4]));
        x = g.node("Conv", "conv", &[&x, &kernel], [("strides", [4, 4].into())]);
        if self.quantized {
            let scale = g.scalar("scale", 0.02);
            let levels = g.node("QuantizeLinear", "levels", &[&x, &scale], []);
            x = g.node("DequantizeLinear", "rounded", &[&levels, &scale], []);
        }
        // As PyTorch's exporter names the last activation of a ResNet-18.
        x = g.node("Relu", "/layer4/layer4.1/relu_1/Relu", &[&x], []);
        x = g.node("GlobalAveragePool", "pool", &[&x], []);
        x = g.node("Flatten", "flat", &[&x], []);
        if self.boxes {
            let corners = g.floats("corners", &waves(&[4, 4]));
            g.node("MatMul", "boxes", &[&x, &corners], []);
            g.output("boxes", Some(&[batch.clone(), Dim::Known(4)]));
        }
        let head = g.floats("head", &waves(&[4, self.classes]));
        let name = if self.end.is_empty() {
            "scores"
        } else {
            "logits"
        };
        x = g.node("MatMul", name, &[&x, &head], []);
        if !self.end.is_empty() {
            x = g.node(self.end, "probabilities", &[&x], [("axis", 1.into())]);
        }
        g.output(&x, Some(&[batch, Dim::Known(self.classes)]));
        g.finish().unwrap()
    }
}

/// Values in [−1, 1] without a pattern.
fn waves(shape: &[usize]) -> ArrayD<f32> {
    let count = shape.iter().product();
    let values = (0..count).map(|i| (i as f32 * 1.7).sin()).collect();
    ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
}
