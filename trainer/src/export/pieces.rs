//! The linear piece of a network that an engine was on.
//!
//! A network of `Relu` and `MaxPool` is linear wherever none of their decisions changes. Reading an engine's decisions
//! and freezing them gives a network without kinks, whose gradient no rounding can flip.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use ndarray::{Array4, ArrayD, ArrayView4, Ix4, IxDyn, Zip};
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Attributes, GraphBuilder, Model, Window, window};

/// An operator that decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kink {
    Relu,
    LeakyRelu,
    Clip,
    MaxPool,
}

impl Kink {
    fn of(node: &NodeProto) -> Option<Self> {
        if !matches!(&node.domain[..], "" | "ai.onnx") {
            return None;
        }
        Some(match &node.op_type[..] {
            "Relu" => Self::Relu,
            "LeakyRelu" => Self::LeakyRelu,
            "Clip" => Self::Clip,
            "MaxPool" => Self::MaxPool,
            _ => return None,
        })
    }

    /// The values that show the decision: where possible the output, which the gradient graph reads anyway.
    fn shown_by(self, node: &NodeProto) -> Vec<&String> {
        let (input, output) = (node.input.first(), node.output.first());
        match self {
            Self::Relu | Self::LeakyRelu => output.into_iter().collect(),
            Self::MaxPool => input.into_iter().collect(),
            Self::Clip => input.into_iter().chain(output).collect(),
        }
    }
}

/// The names of the values that show a model's decisions.
pub(super) fn watched(model: &Model) -> BTreeSet<String> {
    let inputs: Vec<&str> = model.inputs().iter().map(|i| &i.name[..]).collect();
    let nodes = model.graph().node.iter();
    nodes
        .filter_map(|node| Some((Kink::of(node)?, node)))
        .flat_map(|(kink, node)| kink.shown_by(node))
        // The image itself is known, and an output cannot be an input.
        .filter(|name| !inputs.contains(&&name[..]))
        .cloned()
        .collect()
}

/// One operator's decisions for a batch.
struct Piece {
    /// For `MaxPool`: which element of the window won, `[N, C, H, W]`. For the others: 1 on the linear side, 0 beyond.
    choices: ArrayD<u32>,
    /// What a `Clip` gives where it clips; 0 elsewhere.
    offset: Option<ArrayD<f32>>,
    /// How a `MaxPool` moves.
    pool: Option<Pool>,
    /// The slope beyond the kink.
    slope: f32,
}

/// Every decision, by the name of the deciding node's output.
pub(super) struct Pieces(BTreeMap<String, Piece>);

impl Pieces {
    /// Reads the decisions off a run's values. A node whose values were not seen keeps its kink.
    pub(super) fn of(model: &Model, values: &BTreeMap<String, ArrayD<f64>>) -> Result<Self> {
        let mut pieces = BTreeMap::new();
        for node in &model.graph().node {
            let (Some(kink), Some(output)) = (Kink::of(node), node.output.first()) else {
                continue;
            };
            let seen: Option<Vec<_>> = kink
                .shown_by(node)
                .into_iter()
                .map(|name| values.get(name))
                .collect();
            if let Some(seen) = seen {
                pieces.insert(output.clone(), Piece::of(kink, node, &seen)?);
            }
        }
        Ok(Self(pieces))
    }

    /// Number of decisions.
    pub(super) fn decisions(&self) -> usize {
        self.0.values().map(|piece| piece.choices.len()).sum()
    }

    /// Number of decisions that are not those of another run of the same model.
    pub(super) fn differences(&self, other: &Self) -> usize {
        let pairs = self
            .0
            .iter()
            .filter_map(|(name, a)| Some((a, other.0.get(name)?)));
        pairs
            .map(|(a, b)| {
                a.choices
                    .iter()
                    .zip(&b.choices)
                    .filter(|(a, b)| a != b)
                    .count()
            })
            .sum()
    }

    /// The model with every decision made: for these very images it is linear where it had kinks.
    pub(super) fn freeze(&self, model: &Model) -> Result<Model> {
        let mut builder = GraphBuilder::edit(model.clone());
        for node in std::mem::take(&mut builder.graph_mut().node) {
            let piece = node.output.first().and_then(|output| self.0.get(output));
            let (Some(piece), Some(input)) = (piece, node.input.first()) else {
                builder.graph_mut().node.push(node);
                continue;
            };
            let frozen = match &piece.pool {
                None => piece.freeze_side(&mut builder, input),
                Some(pool) => piece.freeze_pool(&mut builder, input, pool)?,
            };
            builder.graph_mut().node.push(NodeProto {
                op_type: "Identity".into(),
                input: vec![frozen],
                output: node.output.into_iter().take(1).collect(),
                ..NodeProto::default()
            });
        }
        Ok(builder.finish()?)
    }
}

impl Piece {
    fn of(kink: Kink, node: &NodeProto, seen: &[&ArrayD<f64>]) -> Result<Self> {
        let value = *seen.first().context("no value was read")?;
        let side = |choices| Self {
            choices,
            offset: None,
            pool: None,
            slope: 0.0,
        };
        Ok(match kink {
            Kink::Relu => side(value.mapv(|y| u32::from(y > 0.0))),
            Kink::LeakyRelu => Self {
                slope: Attributes(node).float("alpha", 0.01)?,
                ..side(value.mapv(|y| u32::from(y > 0.0)))
            },
            Kink::Clip => {
                let output = *seen.get(1).context("no output was read")?;
                let inside = Zip::from(value)
                    .and(output)
                    .map_collect(|x, y| u32::from(x == y));
                let beyond = Zip::from(&inside)
                    .and(output)
                    .map_collect(|&inside, &y| if inside == 1 { 0.0 } else { y as f32 });
                Self {
                    offset: Some(beyond),
                    ..side(inside)
                }
            }
            Kink::MaxPool => {
                let x = value
                    .view()
                    .into_dimensionality::<Ix4>()
                    .context("only pooling over images is understood")?;
                let (_, _, height, width) = x.dim();
                let pool = Pool::of(node, [height, width])?;
                Self {
                    pool: Some(pool),
                    ..side(winners(
                        &x,
                        &window(node, &[Some(height), Some(width)], None)?,
                    )?)
                }
            }
        })
    }

    /// `x · slope + offset`
    fn freeze_side(&self, builder: &mut GraphBuilder, input: &str) -> String {
        let slopes = self.choices.mapv(|c| if c == 1 { 1.0 } else { self.slope });
        let slopes = builder.floats("piece/slope", &slopes);
        let scaled = builder.node("Mul", "piece/scaled", &[input, &slopes], []);
        match &self.offset {
            None => scaled,
            Some(offset) => {
                let offset = builder.floats("piece/offset", offset);
                builder.node("Add", "piece/moved", &[&scaled, &offset], [])
            }
        }
    }

    /// The sum, over the places in the window, of the element there times whether it won. Picking one place is a
    /// convolution, channel by channel, with a kernel that is 1 there and 0 elsewhere.
    fn freeze_pool(&self, builder: &mut GraphBuilder, input: &str, pool: &Pool) -> Result<String> {
        let Some(&channels) = self.choices.shape().get(1) else {
            bail!("only pooling over images is understood");
        };
        let &[height, width] = &pool.window.kernel[..] else {
            bail!("only pooling over images is understood");
        };
        let ints = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let pads = [ints(&pool.window.before), ints(&pool.after)].concat();
        let mut total: Option<String> = None;
        for place in 0..height * width {
            let kernel = ArrayD::from_shape_fn(IxDyn(&[channels, 1, height, width]), |at| {
                if at[2] * width + at[3] == place {
                    1.0
                } else {
                    0.0
                }
            });
            let kernel = builder.floats("piece/place", &kernel);
            let attributes = [
                ("group", (channels as i64).into()),
                ("kernel_shape", ints(&pool.window.kernel).into()),
                ("strides", ints(&pool.window.strides).into()),
                ("dilations", ints(&pool.window.dilations).into()),
                ("pads", pads.clone().into()),
            ];
            let picked = builder.node("Conv", "piece/picked", &[input, &kernel], attributes);
            let won = self
                .choices
                .mapv(|c| if c as usize == place { 1.0 } else { 0.0 });
            let won = builder.floats("piece/won", &won);
            let part = builder.node("Mul", "piece/part", &[&picked, &won], []);
            total = Some(match total {
                None => part,
                Some(total) => builder.node("Add", "piece/sum", &[&total, &part], []),
            });
        }
        total.context("a window without places")
    }
}

/// How a max-pooling moves over its input.
struct Pool {
    window: Window,
    /// Padding behind the input with which a convolution visits the same places, `ceil_mode` or not.
    after: Vec<usize>,
}

impl Pool {
    fn of(node: &NodeProto, sizes: [usize; 2]) -> Result<Self> {
        let window = window(node, &sizes.map(Some), None)?;
        let after = (0..2)
            .map(|axis| {
                let positions = window.positions(axis, sizes[axis])?;
                let extent = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
                let end = (positions - 1) * window.strides[axis] + extent;
                Some(end.saturating_sub(sizes[axis] + window.before[axis]))
            })
            .collect::<Option<Vec<_>>>();
        let after = after.context("the window of a MaxPool does not fit into its input")?;
        Ok(Self { window, after })
    }
}

/// Which element of its window each output of a max-pooling takes: the first of equals, in row-major order, as libtorch
/// and the gradient rule have it.
fn winners(x: &ArrayView4<'_, f64>, window: &Window) -> Result<ArrayD<u32>> {
    let (images, channels, height, width) = x.dim();
    let rows = window
        .positions(0, height)
        .context("the window does not fit")?;
    let columns = window
        .positions(1, width)
        .context("the window does not fit")?;
    let place = |axis: usize, position: usize, step: usize, size: usize| {
        let at = position * window.strides[axis] + step * window.dilations[axis];
        at.checked_sub(window.before[axis]).filter(|&at| at < size)
    };
    let winner = |(image, channel, row, column): (usize, usize, usize, usize)| {
        let mut best = (f64::NEG_INFINITY, 0);
        for step_y in 0..window.kernel[0] {
            for step_x in 0..window.kernel[1] {
                let inside = place(0, row, step_y, height).zip(place(1, column, step_x, width));
                if let Some((y, x_at)) = inside
                    && x[[image, channel, y, x_at]] > best.0
                {
                    best = (
                        x[[image, channel, y, x_at]],
                        step_y * window.kernel[1] + step_x,
                    );
                }
            }
        }
        best.1 as u32
    };
    Ok(Array4::from_shape_fn((images, channels, rows, columns), winner).into_dyn())
}
