//! The layers that the architectures are made of.

use ndarray::{ArrayD, IxDyn};
use onnx_edit::{Dim, GraphBuilder, Model, OnnxError};

use super::init::Initializer;
use super::{Blueprint, IMAGE, LOGITS};

/// A network that is being built.
pub(super) struct Net {
    graph: GraphBuilder,
    weights: Initializer,
    /// What batch normalizations add to the variance.
    epsilon: f32,
}

/// A convolution's numbers; it has no bias, since a normalization follows.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) groups: usize,
    /// Before and after, of both directions alike.
    pub(super) pads: (usize, usize),
}

impl Shape {
    /// One that keeps the size where the stride is 1.
    pub(super) fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel,
            stride,
            groups: 1,
            pads: (kernel / 2, kernel / 2),
        }
    }

    /// One filter per channel.
    pub(super) fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, channels, kernel, stride)
        }
    }
}

impl Net {
    /// A network that begins with the normalized image; its name comes back with it.
    pub(super) fn new(blueprint: &Blueprint, epsilon: f32) -> (Self, String) {
        let mut net = Self {
            graph: GraphBuilder::new(blueprint.architecture.name()),
            weights: Initializer::new(blueprint.seed),
            epsilon,
        };
        let side = Dim::Known(blueprint.size);
        let shape = [batch(), Dim::Known(3), side.clone(), side];
        let image = net.graph.input(IMAGE, &shape);
        let normalized = net.normalize(&image, blueprint);
        (net, normalized)
    }

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

    pub(super) fn convolution(&mut self, name: &str, x: &str, shape: Shape) -> String {
        let Shape {
            inputs,
            outputs,
            kernel,
            stride,
            groups,
            pads: (before, after),
        } = shape;
        let weight = self.weights.convolution(outputs, inputs / groups, kernel);
        let weight = self.graph.floats(&format!("{name}.weight"), &weight);
        let [k, stride, before, after] = [kernel, stride, before, after].map(|n| n as i64);
        let mut attributes = vec![
            ("kernel_shape", [k, k].into()),
            ("strides", [stride, stride].into()),
            ("pads", [before, before, after, after].into()),
        ];
        if groups > 1 {
            attributes.push(("group", (groups as i64).into()));
        }
        self.graph.node("Conv", name, &[x, &weight], attributes)
    }

    /// A fresh batch normalization: scale 1, bias 0, running mean 0 and variance 1.
    pub(super) fn batch_normalization(&mut self, name: &str, x: &str, channels: usize) -> String {
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
            [("epsilon", self.epsilon.into())],
        )
    }

    pub(super) fn relu(&mut self, name: &str, x: &str) -> String {
        self.graph.node("Relu", name, &[x], [])
    }

    /// `min(max(x, 0), 6)`.
    pub(super) fn relu6(&mut self, name: &str, x: &str) -> String {
        let bound = |value: f32| ndarray::arr0(value).into_dyn();
        let low = onnx_edit::float_tensor("relu6.low", &bound(0.0));
        let high = onnx_edit::float_tensor("relu6.high", &bound(6.0));
        let low = self.graph.shared("relu6.low", low);
        let high = self.graph.shared("relu6.high", high);
        self.graph.node("Clip", name, &[x, &low, &high], [])
    }

    pub(super) fn add(&mut self, name: &str, a: &str, b: &str) -> String {
        self.graph.node("Add", name, &[a, b], [])
    }

    /// Max pooling 3×3 with stride 2.
    pub(super) fn max_pool(&mut self, name: &str, x: &str) -> String {
        let pool = [
            ("kernel_shape", [3, 3].into()),
            ("strides", [2, 2].into()),
            ("pads", [1, 1, 1, 1].into()),
        ];
        self.graph.node("MaxPool", name, &[x], pool)
    }

    /// The mean over the places, dropout if there is any, a linear layer of that name, and the end.
    pub(super) fn head(
        mut self,
        name: &str,
        x: &str,
        features: usize,
        blueprint: &Blueprint,
    ) -> Result<Model, OnnxError> {
        let graph = &mut self.graph;
        let mut x = graph.node("GlobalAveragePool", "avgpool", &[x], []);
        x = graph.node("Flatten", "flatten", &[&x], [("axis", 1.into())]);
        if blueprint.dropout > 0.0 {
            let ratio = graph.scalar("dropout.ratio", blueprint.dropout);
            x = graph.node("Dropout", "dropout", &[&x, &ratio], []);
        }
        let weight = self
            .weights
            .linear(&[blueprint.classes, features], features);
        let bias = self.weights.linear(&[blueprint.classes], features);
        let weight = graph.floats(&format!("{name}.weight"), &weight);
        let bias = graph.floats(&format!("{name}.bias"), &bias);
        let inputs = [&x[..], &weight, &bias];
        let logits = graph.node("Gemm", LOGITS, &inputs, [("transB", 1.into())]);
        graph.output(&logits, Some(&[batch(), Dim::Known(blueprint.classes)]));
        self.graph.finish()
    }
}

fn batch() -> Dim {
    Dim::Named("N".into())
}

/// The names of stages that begin with these, one group each.
pub(super) fn grouped(groups: &[&[&str]]) -> Vec<Vec<String>> {
    let owned = |group: &&[&str]| group.iter().map(|&name| name.to_owned()).collect();
    groups.iter().map(owned).collect()
}
