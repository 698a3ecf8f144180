//! Small classifiers with one operator among many in their middle, and what becomes of them.

use anyhow::Result;
use ndarray::{Array, ArrayD, IxDyn};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model};
use prost::Message;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::mutate;

/// A convolution, an activation, an operator out of chance, a mean and a linear layer: three classes of images of 16×16 pixels.
pub(crate) fn sound(chance: &mut ChaCha8Rng) -> Result<Model> {
    classifier(chance, middle)
}

/// The same without the operator out of chance: every engine runs it.
pub(crate) fn plain(chance: &mut ChaCha8Rng) -> Result<Model> {
    classifier(chance, |_, _, x| x.to_owned())
}

fn classifier(
    chance: &mut ChaCha8Rng,
    middle: impl FnOnce(&mut GraphBuilder, &mut ChaCha8Rng, &str) -> String,
) -> Result<Model> {
    let mut g = GraphBuilder::new("small");
    let image = [
        Dim::Named("N".into()),
        Dim::Known(3),
        Dim::Known(16),
        Dim::Known(16),
    ];
    let x = g.input("image", &image);
    let w = weights(&mut g, chance, &[4, 3, 3, 3]);
    let pads = ("pads", AttributeValue::from([1, 1, 1, 1]));
    let c = g.node("Conv", "conv", &[&x, &w], [pads]);
    let r = g.node("Relu", "relu", &[&c], []);
    let middle = middle(&mut g, chance, &r);
    let pool = g.node("GlobalAveragePool", "pool", &[&middle], []);
    let flat = g.node("Flatten", "flat", &[&pool], []);
    let w = weights(&mut g, chance, &[4, 3]);
    let b = weights(&mut g, chance, &[3]);
    let logits = g.node("Gemm", "logits", &[&flat, &w, &b], []);
    g.output(&logits, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
    Ok(g.finish()?)
}

fn weights(g: &mut GraphBuilder, chance: &mut ChaCha8Rng, shape: &[usize]) -> String {
    let values = Array::from_shape_simple_fn(IxDyn(shape), || chance.random_range(-0.5..0.5));
    g.floats("w", &values)
}

/// An operator on `[N, 4, 16, 16]` with four channels behind it.
fn middle(g: &mut GraphBuilder, chance: &mut ChaCha8Rng, x: &str) -> String {
    let list = |values: &[i64]| AttributeValue::from(values);
    let vector = |values: &[f32]| {
        ArrayD::from_shape_vec(vec![values.len()], values.to_vec()).unwrap_or_default()
    };
    match chance.random_range(0..24) {
        0 => {
            let times = g.ints("times", &[1, 1, 2, 2]);
            g.node("Tile", "mid", &[x, &times], [])
        }
        1 => {
            let pads = g.ints("pads", &[0, 0, 1, 2, 0, 0, 3, 1]);
            let mode = ["constant", "reflect", "edge"][chance.random_range(0..3)];
            g.node("Pad", "mid", &[x, &pads], [("mode", mode.into())])
        }
        2 => {
            let scales = g.floats("scales", &vector(&[1.0, 1.0, 2.0, 1.5]));
            let mode = ["nearest", "linear", "cubic"][chance.random_range(0..3)];
            g.node("Resize", "mid", &[x, "", &scales], [("mode", mode.into())])
        }
        3 => {
            let shape = g.ints("shape", &[1, 4, 16, 16]);
            g.node("Expand", "mid", &[x, &shape], [])
        }
        4 => {
            let shape = g.ints("shape", &[16, 16]);
            let zeros = g.node("ConstantOfShape", "zeros", &[&shape], []);
            g.node("Add", "mid", &[x, &zeros], [])
        }
        5 => {
            let [a, b, c] = [("a", 0.0), ("b", 16.0), ("c", 1.0)].map(|(n, v)| g.scalar(n, v));
            let steps = g.node("Range", "range", &[&a, &b, &c], []);
            g.node("Mul", "mid", &[x, &steps], [])
        }
        6 => {
            let w = weights(g, chance, &[4, 4, 3, 3]);
            g.node(
                "ConvTranspose",
                "mid",
                &[x, &w],
                [("strides", list(&[2, 2])), ("pads", list(&[1, 1, 1, 1]))],
            )
        }
        7 => {
            let k = g.ints("k", &[1]);
            let k = g.node("Squeeze", "scalar", &[&k], []);
            g.node("Trilu", "mid", &[x, &k], [("upper", 1.into())])
        }
        8 => {
            let equation = ["abcd->abdc", "abcd->abcd", "ab...->ab..."][chance.random_range(0..3)];
            g.node("Einsum", "mid", &[x], [("equation", equation.into())])
        }
        9 | 10 => {
            let op = ["MaxPool", "AveragePool"][chance.random_range(0..2)];
            let kernel = ("kernel_shape", list(&[3, 2]));
            let rest = [
                ("strides", list(&[2, 2])),
                ("pads", list(&[1, 0, 1, 1])),
                ("ceil_mode", 1.into()),
            ];
            g.node(op, "mid", &[x], [kernel].into_iter().chain(rest))
        }
        11 => {
            let [from, to, axes, steps] =
                [[0, 1], [16, i64::MAX], [2, 3], [2, 1]].map(|values| g.ints("cut", &values));
            g.node("Slice", "mid", &[x, &from, &to, &axes, &steps], [])
        }
        12 => {
            let at = g.ints("at", &[3, 0, -1, 2]);
            g.node("Gather", "mid", &[x, &at], [("axis", 1.into())])
        }
        13 => {
            let shape = g.ints("shape", &[0, 4, -1, 8]);
            g.node("Reshape", "mid", &[x, &shape], [])
        }
        14 => g.node("Transpose", "mid", &[x], [("perm", list(&[0, 1, 3, 2]))]),
        15 => {
            let axis = [-1, 1, 2][chance.random_range(0..3)];
            g.node("Softmax", "mid", &[x], [("axis", axis.into())])
        }
        16 => {
            let [low, high] = [("low", 0.0), ("high", 6.0)].map(|(n, v)| g.scalar(n, v));
            g.node("Clip", "mid", &[x, &low, &high], [])
        }
        17 => {
            let [a, b, c, d] = [0, 1, 2, 3].map(|_| weights(g, chance, &[4]));
            let d = g.node("Abs", "variance", &[&d], []);
            g.node(
                "BatchNormalization",
                "mid",
                &[x, &a, &b, &c, &d],
                [("epsilon", 1e-3_f32.into())],
            )
        }
        18 => {
            let [a, b] = [0, 1].map(|_| weights(g, chance, &[16]));
            g.node(
                "LayerNormalization",
                "mid",
                &[x, &a, &b],
                [("axis", (-1).into())],
            )
        }
        19 => {
            let axis = g.ints("axis", &[2]);
            let axis = g.node("Squeeze", "scalar", &[&axis], []);
            g.node("CumSum", "mid", &[x, &axis], [("reverse", 1.into())])
        }
        20 => {
            let w = weights(g, chance, &[4, 1, 3, 3]);
            let rest = [
                ("group", 4.into()),
                ("dilations", list(&[2, 1])),
                ("pads", list(&[2, 1, 2, 1])),
            ];
            g.node("Conv", "mid", &[x, &w], rest)
        }
        21 => g.node("Concat", "mid", &[x, x], [("axis", 2.into())]),
        22 => {
            let k = g.ints("k", &[8]);
            g.node("TopK", "mid", &[x, &k], [("axis", 3.into())])
        }
        _ => {
            let op = [
                "DepthToSpace",
                "LRN",
                "LpNormalization",
                "HardSigmoid",
                "Elu",
                "Sigmoid",
                "Erf",
            ][chance.random_range(0..7)];
            match op {
                "DepthToSpace" => {
                    let y = g.node("Concat", "four", &[x, x, x, x], [("axis", 1.into())]);
                    g.node(op, "mid", &[&y], [("blocksize", 2.into())])
                }
                "LRN" => g.node(op, "mid", &[x], [("size", 3.into())]),
                _ => g.node(op, "mid", &[x], []),
            }
        }
    }
}

/// The bytes of a model with a few things changed, and what these are.
pub(crate) fn hostile(chance: &mut ChaCha8Rng) -> Result<(Vec<u8>, String)> {
    let mut proto = sound(chance)?.into_proto();
    let mut what = vec![];
    if chance.random_ratio(9, 10) {
        for _ in 0..chance.random_range(1..=2) {
            what.push(mutate::proto(chance, &mut proto));
        }
    }
    let mut bytes = proto.encode_to_vec();
    if what.is_empty() {
        what.push(mutate::bytes(chance, &mut bytes));
    }
    Ok((bytes, what.join(", ")))
}
