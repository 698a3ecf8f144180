//! Residual networks of basic blocks (He et al., 2016), laid out and named as in torchvision's `resnet.py`.

use ndarray::{ArrayD, IxDyn};

use super::init::Initializer;
use super::{Architecture, Blueprint, IMAGE, LOGITS};
use onnx_edit::{Dim, GraphBuilder, Model, OnnxError};

/// Number of basic blocks and channels of each stage, and the stem.
struct Plan {
    blocks: &'static [usize],
    channels: &'static [usize],
    /// 7×7 and max-pooling as for ImageNet, or one 3×3 convolution for small images, both of stride 2.
    large_stem: bool,
}

fn plan(architecture: Architecture) -> Plan {
    match architecture {
        Architecture::Resnet18 => Plan {
            blocks: &[2, 2, 2, 2],
            channels: &[64, 128, 256, 512],
            large_stem: true,
        },
        Architecture::Resnet34 => Plan {
            blocks: &[3, 4, 6, 3],
            channels: &[64, 128, 256, 512],
            large_stem: true,
        },
        Architecture::ResnetSmall => Plan {
            blocks: &[1, 1, 1, 1],
            channels: &[16, 32, 64, 128],
            large_stem: false,
        },
    }
}

pub(super) fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    let plan = plan(blueprint.architecture);
    let mut net = Net {
        graph: GraphBuilder::new(blueprint.architecture.name()),
        weights: Initializer::new(blueprint.seed),
    };
    let batch = Dim::Named("N".into());
    let side = Dim::Known(blueprint.size);
    let image = net
        .graph
        .input(IMAGE, &[batch.clone(), Dim::Known(3), side.clone(), side]);

    let mut x = net.normalize(&image, blueprint);
    let mut inputs = plan.channels[0];
    if plan.large_stem {
        x = net.convolution("conv1", &x, 3, inputs, 7, 2);
        x = net.batch_normalization("bn1", &x, inputs);
        x = net.graph.node("Relu", "relu", &[&x], []);
        let pool = [
            ("kernel_shape", [3, 3].into()),
            ("strides", [2, 2].into()),
            ("pads", [1, 1, 1, 1].into()),
        ];
        x = net.graph.node("MaxPool", "maxpool", &[&x], pool);
    } else {
        x = net.convolution("conv1", &x, 3, inputs, 3, 2);
        x = net.batch_normalization("bn1", &x, inputs);
        x = net.graph.node("Relu", "relu", &[&x], []);
    }
    for (stage, (&blocks, &outputs)) in plan.blocks.iter().zip(plan.channels).enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = net.basic_block(
                &format!("layer{}.{block}", stage + 1),
                &x,
                inputs,
                outputs,
                stride,
            );
            inputs = outputs;
        }
    }
    x = net.graph.node("GlobalAveragePool", "avgpool", &[&x], []);
    x = net
        .graph
        .node("Flatten", "flatten", &[&x], [("axis", 1.into())]);
    let logits = net.linear(&x, inputs, blueprint.classes);
    net.graph
        .output(&logits, Some(&[batch, Dim::Known(blueprint.classes)]));
    net.graph.finish()
}

struct Net {
    graph: GraphBuilder,
    weights: Initializer,
}

impl Net {
    /// `(image − mean) / std`, per channel.
    fn normalize(&mut self, image: &str, blueprint: &Blueprint) -> String {
        let channels =
            |values: [f32; 3]| ArrayD::from_shape_fn(IxDyn(&[1, 3, 1, 1]), |at| values[at[1]]);
        let mean = self
            .graph
            .floats("normalize.mean", &channels(blueprint.mean));
        let std = self.graph.floats("normalize.std", &channels(blueprint.std));
        let centred = self
            .graph
            .node("Sub", "normalize.centred", &[image, &mean], []);
        self.graph.node("Div", "normalize", &[&centred, &std], [])
    }

    /// A convolution without bias, padded so that stride 1 keeps the size.
    fn convolution(
        &mut self,
        name: &str,
        x: &str,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: i64,
    ) -> String {
        let weight = self.weights.convolution(outputs, inputs, kernel);
        let weight = self.graph.floats(&format!("{name}.weight"), &weight);
        let (k, pad) = (kernel as i64, (kernel / 2) as i64);
        let attributes = [
            ("kernel_shape", [k, k].into()),
            ("strides", [stride, stride].into()),
            ("pads", [pad, pad, pad, pad].into()),
        ];
        self.graph.node("Conv", name, &[x, &weight], attributes)
    }

    /// A fresh batch normalization: scale 1, bias 0, running mean 0 and variance 1.
    fn batch_normalization(&mut self, name: &str, x: &str, channels: usize) -> String {
        let mut parameter = |kind: &str, value: f32| {
            self.graph.floats(
                &format!("{name}.{kind}"),
                &ArrayD::from_elem(IxDyn(&[channels]), value),
            )
        };
        let parameters = [
            parameter("weight", 1.0),
            parameter("bias", 0.0),
            parameter("running_mean", 0.0),
            parameter("running_var", 1.0),
        ];
        let [scale, bias, mean, variance] = &parameters;
        self.graph.node(
            "BatchNormalization",
            name,
            &[x, scale, bias, mean, variance],
            [("epsilon", 1e-5.into())],
        )
    }

    fn basic_block(
        &mut self,
        name: &str,
        x: &str,
        inputs: usize,
        outputs: usize,
        stride: i64,
    ) -> String {
        let mut y = self.convolution(&format!("{name}.conv1"), x, inputs, outputs, 3, stride);
        y = self.batch_normalization(&format!("{name}.bn1"), &y, outputs);
        y = self.graph.node("Relu", &format!("{name}.relu1"), &[&y], []);
        y = self.convolution(&format!("{name}.conv2"), &y, outputs, outputs, 3, 1);
        y = self.batch_normalization(&format!("{name}.bn2"), &y, outputs);
        let shortcut = if inputs == outputs && stride == 1 {
            x.to_owned()
        } else {
            let projected = self.convolution(
                &format!("{name}.downsample.0"),
                x,
                inputs,
                outputs,
                1,
                stride,
            );
            self.batch_normalization(&format!("{name}.downsample.1"), &projected, outputs)
        };
        let sum = self
            .graph
            .node("Add", &format!("{name}.add"), &[&y, &shortcut], []);
        self.graph
            .node("Relu", &format!("{name}.relu2"), &[&sum], [])
    }

    fn linear(&mut self, x: &str, inputs: usize, outputs: usize) -> String {
        let weight = self.weights.linear(&[outputs, inputs], inputs);
        let bias = self.weights.linear(&[outputs], inputs);
        let weight = self.graph.floats("fc.weight", &weight);
        let bias = self.graph.floats("fc.bias", &bias);
        self.graph
            .node("Gemm", LOGITS, &[x, &weight, &bias], [("transB", 1.into())])
    }
}
