//! EfficientNet-Lite0, with the names that EfficientNet-PyTorch gives its weights (`_blocks.1._expand_conv.weight`).
//!
//! TensorFlow's `SAME` padding depends on the size: with a stride, more is added behind than before. It is written out as pads for
//! the size that the network is built for.

use onnx_edit::{Model, OnnxError};

use super::Blueprint;
use super::net::{Net, Shape, grouped};

/// Expansion, channels, blocks, kernel and first stride of each stage (Table 1 of Tan and Le, 2019).
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
];
const STEM: usize = 32;
const FEATURES: usize = 1280;

pub(super) fn groups() -> Vec<Vec<String>> {
    grouped(&[
        &[
            "_conv_stem.",
            "_bn0.",
            "_blocks.0.",
            "_blocks.1.",
            "_blocks.2.",
        ],
        &["_blocks.3.", "_blocks.4."],
        &[
            "_blocks.5.",
            "_blocks.6.",
            "_blocks.7.",
            "_blocks.8.",
            "_blocks.9.",
            "_blocks.10.",
        ],
        &[
            "_blocks.11.",
            "_blocks.12.",
            "_blocks.13.",
            "_blocks.14.",
            "_blocks.15.",
            "_conv_head.",
            "_bn1.",
        ],
        &["_fc."],
    ])
}

pub(super) fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    let (mut net, mut x) = Net::new(blueprint, 1e-3);
    let mut side = blueprint.size;
    x = net.convolution("_conv_stem", &x, same(Shape::new(3, STEM, 3, 2), &mut side));
    x = net.batch_normalization("_bn0", &x, STEM);
    x = net.relu6("_relu0", &x);
    let mut inputs = STEM;
    let mut index = 0;
    for (expansion, outputs, blocks, kernel, first) in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { first } else { 1 };
            let name = format!("_blocks.{index}");
            let hidden = inputs * expansion;
            let mut y = x.clone();
            if expansion > 1 {
                let shape = Shape::new(inputs, hidden, 1, 1);
                y = net.convolution(&format!("{name}._expand_conv"), &y, shape);
                y = net.batch_normalization(&format!("{name}._bn0"), &y, hidden);
                y = net.relu6(&format!("{name}._relu0"), &y);
            }
            let shape = same(Shape::depthwise(hidden, kernel, stride), &mut side);
            y = net.convolution(&format!("{name}._depthwise_conv"), &y, shape);
            y = net.batch_normalization(&format!("{name}._bn1"), &y, hidden);
            y = net.relu6(&format!("{name}._relu1"), &y);
            let shape = Shape::new(hidden, outputs, 1, 1);
            y = net.convolution(&format!("{name}._project_conv"), &y, shape);
            y = net.batch_normalization(&format!("{name}._bn2"), &y, outputs);
            x = if stride == 1 && inputs == outputs {
                net.add(&format!("{name}.add"), &y, &x)
            } else {
                y
            };
            inputs = outputs;
            index += 1;
        }
    }
    x = net.convolution("_conv_head", &x, Shape::new(inputs, FEATURES, 1, 1));
    x = net.batch_normalization("_bn1", &x, FEATURES);
    x = net.relu6("_relu1", &x);
    net.head("_fc", &x, FEATURES, blueprint)
}

/// The convolution with TensorFlow's `SAME` padding for an image of that side, which becomes the result's.
fn same(shape: Shape, side: &mut usize) -> Shape {
    let after = side.div_ceil(shape.stride);
    let total = ((after - 1) * shape.stride + shape.kernel).saturating_sub(*side);
    *side = after;
    Shape {
        pads: (total / 2, total - total / 2),
        ..shape
    }
}
