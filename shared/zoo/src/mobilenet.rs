//! MobileNetV2 (Sandler et al., 2018), laid out and named as in torchvision's `mobilenetv2.py`.

use onnx_edit::{Model, OnnxError};

use super::Blueprint;
use super::net::{Net, Shape, grouped};

/// Expansion, channels, blocks and first stride of each stage (Table 2 of the paper).
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
/// Channels behind the first and the last convolution.
const STEM: usize = 32;
const FEATURES: usize = 1280;

pub(super) fn groups() -> Vec<Vec<String>> {
    grouped(&[
        &["features.0.", "features.1.", "features.2.", "features.3."],
        &["features.4.", "features.5.", "features.6."],
        &[
            "features.7.",
            "features.8.",
            "features.9.",
            "features.10.",
            "features.11.",
            "features.12.",
            "features.13.",
        ],
        &[
            "features.14.",
            "features.15.",
            "features.16.",
            "features.17.",
            "features.18.",
        ],
        &["classifier."],
    ])
}

pub(super) fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    let (mut net, mut x) = Net::new(blueprint, 1e-5);
    x = activated(&mut net, "features.0", &x, Shape::new(3, STEM, 3, 2));
    let mut inputs = STEM;
    let mut index = 1;
    for (expansion, outputs, blocks, first) in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { first } else { 1 };
            let name = format!("features.{index}.conv");
            let hidden = inputs * expansion;
            let mut y = x.clone();
            let mut part = 0;
            if expansion > 1 {
                y = activated(
                    &mut net,
                    &format!("{name}.0"),
                    &y,
                    Shape::new(inputs, hidden, 1, 1),
                );
                part = 1;
            }
            let shape = Shape::depthwise(hidden, 3, stride);
            y = activated(&mut net, &format!("{name}.{part}"), &y, shape);
            let shape = Shape::new(hidden, outputs, 1, 1);
            y = net.convolution(&format!("{name}.{}", part + 1), &y, shape);
            y = net.batch_normalization(&format!("{name}.{}", part + 2), &y, outputs);
            x = if stride == 1 && inputs == outputs {
                net.add(&format!("features.{index}.add"), &x, &y)
            } else {
                y
            };
            inputs = outputs;
            index += 1;
        }
    }
    let shape = Shape::new(inputs, FEATURES, 1, 1);
    x = activated(&mut net, &format!("features.{index}"), &x, shape);
    net.head("classifier.1", &x, FEATURES, blueprint)
}

/// A convolution `.0`, its normalization `.1` and ReLU6.
fn activated(net: &mut Net, name: &str, x: &str, shape: Shape) -> String {
    let y = net.convolution(&format!("{name}.0"), x, shape);
    let y = net.batch_normalization(&format!("{name}.1"), &y, shape.outputs);
    net.relu6(&format!("{name}.2"), &y)
}
