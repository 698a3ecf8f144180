//! Residual networks (He et al., 2016), laid out and named as in torchvision's `resnet.py`.

use onnx_edit::{Model, OnnxError};

use super::net::{Net, Shape, grouped};
use super::{Architecture, Blueprint};

/// Number of blocks and channels of each stage, and the stem.
struct Plan {
    blocks: &'static [usize],
    channels: &'static [usize],
    /// 7×7 and max-pooling as for ImageNet, or one 3×3 convolution for small images, both of stride 2.
    large_stem: bool,
    block: Block,
}

/// What a stage is made of.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 with the stride, 1×1 to four times the channels.
    Bottleneck,
}

impl Block {
    /// Channels behind a block, of those of its stage.
    fn outputs(self, channels: usize) -> usize {
        match self {
            Self::Basic => channels,
            Self::Bottleneck => 4 * channels,
        }
    }
}

fn plan(architecture: Architecture) -> Plan {
    let large = |blocks, block| Plan {
        blocks,
        channels: &[64, 128, 256, 512],
        large_stem: true,
        block,
    };
    match architecture {
        Architecture::Resnet34 => large(&[3, 4, 6, 3], Block::Basic),
        Architecture::Resnet50 => large(&[3, 4, 6, 3], Block::Bottleneck),
        Architecture::ResnetSmall => Plan {
            blocks: &[1, 1, 1, 1],
            channels: &[16, 32, 64, 128],
            large_stem: false,
            block: Block::Basic,
        },
        _ => large(&[2, 2, 2, 2], Block::Basic),
    }
}

pub(super) fn groups() -> Vec<Vec<String>> {
    grouped(&[
        &["conv1.", "bn1.", "layer1."],
        &["layer2."],
        &["layer3."],
        &["layer4."],
        &["fc."],
    ])
}

pub(super) fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    let plan = plan(blueprint.architecture);
    let (mut net, mut x) = Net::new(blueprint, 1e-5);
    let mut inputs = plan.channels[0];
    let kernel = if plan.large_stem { 7 } else { 3 };
    x = net.convolution("conv1", &x, Shape::new(3, inputs, kernel, 2));
    x = net.batch_normalization("bn1", &x, inputs);
    x = net.relu("relu", &x);
    if plan.large_stem {
        x = net.max_pool("maxpool", &x);
    }
    for (stage, (&blocks, &channels)) in plan.blocks.iter().zip(plan.channels).enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            let outputs = plan.block.outputs(channels);
            let y = match plan.block {
                Block::Basic => basic(&mut net, &name, &x, [inputs, channels], stride),
                Block::Bottleneck => bottleneck(&mut net, &name, &x, [inputs, channels], stride),
            };
            let shortcut = if inputs == outputs && stride == 1 {
                x
            } else {
                let shape = Shape::new(inputs, outputs, 1, stride);
                let projected = net.convolution(&format!("{name}.downsample.0"), &x, shape);
                net.batch_normalization(&format!("{name}.downsample.1"), &projected, outputs)
            };
            let sum = net.add(&format!("{name}.add"), &y, &shortcut);
            x = net.relu(&format!("{name}.relu{}", plan.block.layers()), &sum);
            inputs = outputs;
        }
    }
    net.head("fc", &x, inputs, blueprint)
}

impl Block {
    /// How many convolutions it has in a row.
    fn layers(self) -> usize {
        match self {
            Self::Basic => 2,
            Self::Bottleneck => 3,
        }
    }
}

fn basic(net: &mut Net, name: &str, x: &str, channels: [usize; 2], stride: usize) -> String {
    let [inputs, channels] = channels;
    let y = layer(net, name, 1, x, Shape::new(inputs, channels, 3, stride));
    let y = net.relu(&format!("{name}.relu1"), &y);
    layer(net, name, 2, &y, Shape::new(channels, channels, 3, 1))
}

fn bottleneck(net: &mut Net, name: &str, x: &str, channels: [usize; 2], stride: usize) -> String {
    let [inputs, channels] = channels;
    let y = layer(net, name, 1, x, Shape::new(inputs, channels, 1, 1));
    let y = net.relu(&format!("{name}.relu1"), &y);
    let y = layer(net, name, 2, &y, Shape::new(channels, channels, 3, stride));
    let y = net.relu(&format!("{name}.relu2"), &y);
    layer(net, name, 3, &y, Shape::new(channels, 4 * channels, 1, 1))
}

/// A convolution and its normalization.
fn layer(net: &mut Net, name: &str, number: usize, x: &str, shape: Shape) -> String {
    let y = net.convolution(&format!("{name}.conv{number}"), x, shape);
    net.batch_normalization(&format!("{name}.bn{number}"), &y, shape.outputs)
}
