//! What the first nodes of a graph do to the image before anything is learnt of it: the normalization that a network holds
//! tells what it wants to be fed.

use super::nodes::Nodes;
use onnx_edit::Attributes;
use onnx_edit::pb::NodeProto;
use pellucid_cards::{Layout, Range};

/// What was found between the input and the first layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stem {
    /// The layout, where a layer or a transposition shows it.
    pub(super) layout: Option<Layout>,
    /// Channels, where a layer's weights show them.
    pub(super) channels: Option<usize>,
    pub(super) normalization: Normalization,
}

/// How the graph normalises the image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Normalization {
    /// Not at all.
    #[default]
    None,
    /// By constants: the image is expected in this range.
    Constant(Range),
    /// By the image's own mean or deviation.
    PerImage,
    /// By statistics of the training images (batch normalization), which show the range.
    Learnt(Range),
}

/// Longer ways to the first layer are not followed.
const LONGEST: usize = 64;

/// Slopes below this are made for values up to 255: 1/255, 1/127.5, or 1/58.
const BYTES_SLOPE: f32 = 0.1;

/// Means of pixels in [0, 1] and of normalised ones are smaller.
const BYTES_MEAN: f32 = 1.5;

/// Means of images in [0, 1] are greater, but for white digits on black (0.13).
const SIGNED_MEAN: f32 = 0.1;

/// Deviations of images in [0, 1] and [−1, 1] are smaller; those of normalised ones are about 1.
const NORMALISED_DEVIATION: f32 = 0.6;

/// `y = a x + b` per channel.
#[derive(Clone, Copy)]
struct Affine {
    a: [f32; 3],
    b: [f32; 3],
}

impl Affine {
    const IDENTITY: Self = Self {
        a: [1.0; 3],
        b: [0.0; 3],
    };

    fn map(&mut self, a: [f32; 3], b: [f32; 3]) {
        for channel in 0..3 {
            self.a[channel] *= a[channel];
            self.b[channel] = self.b[channel] * a[channel] + b[channel];
        }
    }

    /// The range of an image that is normalised so; `None` where nothing is done to it.
    fn range(&self) -> Option<Range> {
        let Self { a, b } = self;
        if (*a, *b) == (Self::IDENTITY.a, Self::IDENTITY.b) || a.contains(&0.0) {
            return None;
        }
        let slope = a.iter().fold(0.0_f32, |most, a| most.max(a.abs()));
        let means = [0, 1, 2].map(|channel| -b[channel] / a[channel]);
        let greatest = means
            .iter()
            .fold(0.0_f32, |most, mean| most.max(mean.abs()));
        Some(if slope < BYTES_SLOPE || greatest > BYTES_MEAN {
            Range::Bytes
        } else if *b != [0.0; 3] && means.iter().all(|mean| *mean < SIGNED_MEAN) {
            Range::Signed
        } else {
            Range::Unit
        })
    }
}

/// Follows the image from the input to the first layer.
pub(super) fn look(nodes: &Nodes<'_>, input: &str) -> Stem {
    let mut stem = Stem::default();
    let mut affine = Affine::IDENTITY;
    let mut value = input.to_owned();
    for _ in 0..LONGEST {
        let readers = nodes.readers(&value);
        if readers.iter().any(|node| per_image(nodes, node, &value)) {
            stem.normalization = Normalization::PerImage;
            return stem;
        }
        let (Some(node), true) = (readers.first(), readers.len() == 1) else {
            layer(nodes, &readers, &mut stem);
            break;
        };
        match step(nodes, node, &value, &mut affine, &mut stem) {
            Step::On => {}
            Step::End => break,
        }
        match node.output.first() {
            Some(next) => value.clone_from(next),
            None => break,
        }
    }
    if stem.normalization == Normalization::None
        && let Some(range) = affine.range()
    {
        stem.normalization = Normalization::Constant(range);
    }
    stem
}

enum Step {
    On,
    End,
}

fn step(
    nodes: &Nodes<'_>,
    node: &NodeProto,
    value: &str,
    affine: &mut Affine,
    stem: &mut Stem,
) -> Step {
    match &node.op_type[..] {
        // `Gather` and `Slice` turn red, green, blue into blue, green, red: no matter for the range.
        "Cast" | "Identity" | "Dropout" | "Clip" | "Pad" | "Resize" | "Upsample" | "Gather"
        | "Slice" => {
            if node.input.first().is_some_and(|first| first == value) {
                Step::On
            } else {
                Step::End
            }
        }
        "Transpose" => {
            if matches!(Attributes(node).ints("perm"), Ok(Some([0, 3, 1, 2]))) {
                stem.layout.get_or_insert(Layout::Nhwc);
            }
            Step::On
        }
        "Add" | "Sub" | "Mul" | "Div" => match arithmetic(nodes, node, value) {
            Some((a, b)) => {
                affine.map(a, b);
                Step::On
            }
            None => Step::End,
        },
        "BatchNormalization" => {
            stem.channels = channels_of(nodes, node, 1, 0);
            stem.layout.get_or_insert(Layout::Nchw);
            if affine.range().is_none()
                && let Some(range) = learnt(nodes, node)
            {
                stem.normalization = Normalization::Learnt(range);
            }
            Step::End
        }
        _ => {
            layer(nodes, &[node], stem);
            Step::End
        }
    }
}

/// What an operation with a constant does: `a x + b` per channel.
fn arithmetic(nodes: &Nodes<'_>, node: &NodeProto, value: &str) -> Option<([f32; 3], [f32; 3])> {
    let [left, right] = &node.input[..] else {
        return None;
    };
    let first = left == value;
    let constant = nodes.constant(if first { right } else { left })?;
    let c = match constant[..] {
        [one] => [one; 3],
        [r, g, b] => [r, g, b],
        _ => return None,
    };
    match (&node.op_type[..], first) {
        ("Add", _) => Some(([1.0; 3], c)),
        ("Sub", true) => Some(([1.0; 3], c.map(|c| -c))),
        ("Sub", false) => Some(([-1.0; 3], c)),
        ("Mul", _) => Some((c, [0.0; 3])),
        ("Div", true) => Some((c.map(|c| 1.0 / c), [0.0; 3])),
        _ => None,
    }
}

/// Whether a node normalises the image by itself: a norm over the image, or a difference or quotient with something that is
/// computed from the image.
fn per_image(nodes: &Nodes<'_>, node: &NodeProto, value: &str) -> bool {
    match &node.op_type[..] {
        "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "MeanVarianceNormalization"
        | "LpNormalization" => true,
        "Sub" | "Div" => node.input.iter().any(|other| {
            other != value
                && nodes
                    .maker(other)
                    .is_some_and(|maker| maker.op_type != "Transpose")
                && nodes.depends(other, value)
        }),
        _ => false,
    }
}

/// The range of images with the statistics of a batch normalization; `None` where they were normalised before, or where
/// the statistics are not there.
fn learnt(nodes: &Nodes<'_>, node: &NodeProto) -> Option<Range> {
    let mean = nodes.constant(node.input.get(3)?)?;
    let variance = nodes.constant(node.input.get(4)?)?;
    let greatest = mean.iter().fold(0.0_f32, |most, mean| most.max(mean.abs()));
    if greatest > BYTES_MEAN {
        return Some(Range::Bytes);
    }
    let low = mean.iter().all(|mean| *mean < SIGNED_MEAN);
    if low
        && variance
            .iter()
            .any(|variance| variance.sqrt() > NORMALISED_DEVIATION)
    {
        return None;
    }
    Some(if low { Range::Signed } else { Range::Unit })
}

/// What the first layer shows of layout and channels.
fn layer(nodes: &Nodes<'_>, readers: &[&NodeProto], stem: &mut Stem) {
    if let Some(conv) = readers.iter().find(|node| node.op_type == "Conv") {
        let group = Attributes(conv).int("group", 1).unwrap_or(1);
        stem.channels =
            channels_of(nodes, conv, 1, 1).map(|channels| channels * group.max(1) as usize);
        stem.layout.get_or_insert(Layout::Nchw);
    }
}

/// A dimension of a node's weight.
fn channels_of(nodes: &Nodes<'_>, node: &NodeProto, input: usize, axis: usize) -> Option<usize> {
    let shape = nodes.weight_shape(node.input.get(input)?)?;
    usize::try_from(*shape.get(axis)?)
        .ok()
        .filter(|&channels| channels <= 1 << 20)
}
