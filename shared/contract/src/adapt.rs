//! One form for every classifier: input `[N, C, H, W]`, output `[N, K]`.

use ndarray::{ArrayD, IxDyn, arr2};

use super::feed::axes;
use super::{Contract, ContractError};
use onnx_autodiff::{is_extended, own_outputs};
use onnx_edit::pb::{GraphProto, NodeProto, ValueInfoProto};
use onnx_edit::{Dim, GraphBuilder, Model, float_value, part};
use onnx_explain::attribution::Signature;
use pellucid_cards::{Channels, Input, LUMA, Layout, Scores};

/// What an adapted network is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Scores as the contract has them.
    Explaining,
    /// Scores whose softmax are the probabilities.
    CrossEntropy,
}

/// The logarithm of less is not taken.
const LEAST_PROBABILITY: f32 = 1e-30;

impl Contract {
    /// The model with the input `[N, C, H, W]` and the scores `[N, K]`, K = 2 where one number tells two classes apart:
    /// the first score is then the opposite of the second one (of two probabilities, the rest). A model of that form stays
    /// as it is, with a gradient that it may hold. Names what came out.
    ///
    /// # Errors
    /// Where the graph does not stand the edit.
    pub fn adapt(&self, model: Model) -> Result<(Model, Signature), ContractError> {
        let (model, output) = self.shaped(model, Purpose::Explaining)?;
        let signature = self.signature(&model, &output, self.scores())?;
        Ok((model, signature))
    }

    /// The model as one that takes RGB in [0, 1], `[N, 3, H, W]`, and answers with logits `[N, K]`: what else is done to
    /// pixels before they are fed is done in the graph. A perturbation of the input is then one of pixels, and
    /// cross-entropy is the loss, whatever network it is. Independent classes keep their own logits.
    ///
    /// # Errors
    /// As [`Contract::adapt`].
    pub fn of_pixels(&self, model: Model) -> Result<(Model, Signature), ContractError> {
        let (model, output) = self.shaped(model, Purpose::CrossEntropy)?;
        let model = prepared(model, &self.graph.input, &self.input)?;
        let scores = match self.scores() {
            Scores::Sigmoid if !self.binary => Scores::Sigmoid,
            Scores::Values => Scores::Values,
            _ => Scores::Softmax,
        };
        let signature = self.signature(&model, &output, scores)?;
        Ok((model, signature))
    }

    fn signature(
        &self,
        model: &Model,
        output: &str,
        scores: Scores,
    ) -> Result<Signature, ContractError> {
        let signature = Signature::of(model, Some(output))?;
        Ok(Signature {
            scores,
            ..signature
        })
    }

    /// The model with scores `[N, K]` and the input `[N, C, H, W]`, and the name of the scores.
    fn shaped(&self, model: Model, purpose: Purpose) -> Result<(Model, String), ContractError> {
        let value = self.value();
        let is_output = model.outputs().iter().any(|output| output.name == value);
        let front = self.layout() == Layout::Nhwc || self.graph.bytes || self.graph.single;
        let log = purpose == Purpose::CrossEntropy && self.scores() == Scores::Probabilities;
        let back = !self.graph.rows || self.binary || log;
        let alone = own_outputs(&model).len() == 1 || is_extended(&model);
        if !front && !back && is_output && alone {
            return Ok((model, value.to_owned()));
        }
        let mut builder = GraphBuilder::edit(part(&model, &[value])?);
        if front {
            self.channels_first(&mut builder)?;
        }
        let output = if back {
            self.rows(&mut builder, purpose)
        } else {
            value.to_owned()
        };
        let count = self.classes.len();
        let graph = builder.graph_mut();
        graph.output = vec![float_value(
            &output,
            Some(&[Dim::Unknown, Dim::Known(count)]),
        )];
        Ok((builder.finish()?, output))
    }

    /// Scores of whatever shape as rows.
    fn rows(&self, builder: &mut GraphBuilder, purpose: Purpose) -> String {
        let mut value = self.value().to_owned();
        let width = if self.binary { 1 } else { self.classes.len() };
        if !self.graph.rows {
            let batch = if self.graph.single { 1 } else { -1 };
            let shape = builder.ints("scores/shape", &[batch, width as i64]);
            value = builder.node("Reshape", "scores/rows", &[&value, &shape], []);
        }
        let probabilities = self.scores() == Scores::Probabilities;
        let cross_entropy = purpose == Purpose::CrossEntropy;
        if self.binary {
            // The softmax of ±z/2 is the sigmoid of ±z.
            let half = cross_entropy && !probabilities;
            let factor = if half { 0.5 } else { 1.0 };
            let sides = builder.floats("scores/sides", &arr2(&[[-factor, factor]]).into_dyn());
            value = builder.node("Mul", "scores/both", &[&value, &sides], []);
            if probabilities {
                let rest = builder.floats("scores/rest", &arr2(&[[1.0, 0.0]]).into_dyn());
                value = builder.node("Add", "scores/both_probabilities", &[&value, &rest], []);
            }
        }
        if cross_entropy && probabilities {
            let least = builder.scalar("scores/least", LEAST_PROBABILITY);
            value = builder.node("Max", "scores/above_zero", &[&value, &least], []);
            value = builder.node("Log", "scores/logarithms", &[&value], []);
        }
        value
    }

    /// The input as `[N, C, H, W]` of floating-point numbers.
    fn channels_first(&self, builder: &mut GraphBuilder) -> Result<(), ContractError> {
        let name = &self.graph.input;
        if self.graph.bytes {
            only_cast(builder.graph(), name)?;
        }
        let [channels, height, width] =
            axes(self.layout()).map(|axis| self.graph.shape[axis].clone());
        let batch = match &self.graph.shape[0] {
            Dim::Known(size) => Dim::Known(*size),
            _ if self.graph.single => Dim::Known(1),
            open => open.clone(),
        };
        let known = Dim::Known(self.input.channels.unwrap_or_default().count());
        let channels = channels.known().map_or(known, Dim::Known);
        let declared = float_value(name, Some(&[batch, channels, height, width]));
        if self.layout() == Layout::Nhwc {
            let transposed = |builder: &mut GraphBuilder| {
                let perm = [("perm", [0, 2, 3, 1].into())];
                builder.node("Transpose", "channels_last", &[name], perm)
            };
            precede(builder, name, transposed);
        }
        declare(builder.graph_mut(), declared);
        Ok(())
    }
}

/// The model with what an image undergoes before it is fed in front: for RGB in [0, 1].
fn prepared(model: Model, name: &str, input: &Input) -> Result<Model, ContractError> {
    let (mean, std) = input.scale();
    let grey = input.channels == Some(Channels::Grey);
    if (mean, std) == ([0.0; 3], [1.0; 3]) && !grey {
        return Ok(model);
    }
    let declared = model.input(Some(name))?.clone();
    let mut builder = GraphBuilder::edit(model);
    precede(&mut builder, name, |builder| {
        let image = if grey {
            luma(builder, name)
        } else {
            name.to_owned()
        };
        let count = if grey { 1 } else { 3 };
        let constant =
            |values: [f32; 3]| ArrayD::from_shape_fn(IxDyn(&[1, count, 1, 1]), |at| values[at[1]]);
        let mean = builder.floats("normalize.mean", &constant(mean));
        let std = builder.floats("normalize.std", &constant(std));
        let centred = builder.node("Sub", "normalize.centred", &[&image, &mean], []);
        builder.node("Div", "normalize", &[&centred, &std], [])
    });
    if grey {
        let mut shape = onnx_edit::declared_shape(&declared).unwrap_or_default();
        if let Some(channels) = shape.get_mut(1) {
            *channels = Dim::Known(3);
        }
        declare(builder.graph_mut(), float_value(name, Some(&shape)));
    }
    Ok(builder.finish()?)
}

/// Red, green and blue as one channel.
fn luma(builder: &mut GraphBuilder, image: &str) -> String {
    let mut sum: Option<String> = None;
    for (index, (colour, weight)) in ["red", "green", "blue"].into_iter().zip(LUMA).enumerate() {
        let index = builder.ints(&format!("luma.{colour}.index"), &[index as i64]);
        let axis = [("axis", 1.into())];
        let channel = builder.node("Gather", &format!("luma.{colour}"), &[image, &index], axis);
        let weight = builder.scalar(&format!("luma.{colour}.weight"), weight);
        let part = builder.node(
            "Mul",
            &format!("luma.{colour}.part"),
            &[&channel, &weight],
            [],
        );
        sum = Some(match sum {
            Some(sum) => builder.node("Add", &format!("luma.{colour}.sum"), &[&sum, &part], []),
            None => part,
        });
    }
    sum.unwrap_or_else(|| image.to_owned())
}

/// Puts nodes between an input and all that read it; `make` adds them and names their result.
fn precede(
    builder: &mut GraphBuilder,
    input: &str,
    make: impl FnOnce(&mut GraphBuilder) -> String,
) {
    let before = builder.graph().node.len();
    let made = make(builder);
    let nodes = &mut builder.graph_mut().node;
    let added = nodes.len() - before;
    read_instead(&mut nodes[..before], input, &made);
    // What is read stands before its readers.
    nodes.rotate_right(added);
}

/// Inner graphs read values of the outer one too.
fn read_instead(nodes: &mut [NodeProto], old: &str, new: &str) {
    for node in nodes {
        for name in node.input.iter_mut().filter(|name| *name == old) {
            new.clone_into(name);
        }
        for attribute in &mut node.attribute {
            let graphs = attribute.g.iter_mut().chain(&mut attribute.graphs);
            graphs.for_each(|graph| read_instead(&mut graph.node, old, new));
        }
    }
}

fn declare(graph: &mut GraphProto, declared: ValueInfoProto) {
    for input in &mut graph.input {
        if input.name == declared.name {
            *input = declared.clone();
        }
    }
}

/// Whole numbers can become floating-point ones where all that happens to them is that they do.
fn only_cast(graph: &GraphProto, name: &str) -> Result<(), ContractError> {
    let mut readers = graph
        .node
        .iter()
        .filter(|node| node.input.iter().any(|input| input == name));
    if readers.all(|node| node.op_type == "Cast") {
        return Ok(());
    }
    Err(ContractError::Type {
        name: name.to_owned(),
        kind: "uint8".to_owned(),
    })
}
