//! Graphs of a single operator, with the attributes that matter, and inputs away from the operator's kinks.

mod activations;
mod images;
mod positions;

use ndarray::{ArrayD, IxDyn};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model, OnnxError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A small graph with an input to try it on.
pub struct Case {
    /// What the case is about; begins with the operator's name.
    pub name: String,
    /// The graph.
    pub model: Model,
    /// The input.
    pub input: ArrayD<f32>,
}

/// Attributes and a second input of a case.
type Attributes<'a> = Vec<(&'a str, AttributeValue)>;

struct Builder {
    cases: Vec<Case>,
}

impl Builder {
    /// A case whose other inputs `build` adds, by name.
    fn with(
        &mut self,
        name: &str,
        input: ArrayD<f32>,
        attributes: Attributes<'_>,
        build: impl Fn(&mut GraphBuilder) -> Vec<String>,
    ) -> Result<(), OnnxError> {
        let op = name.split(' ').next().unwrap_or(name);
        self.made(name, input, |graph, x| {
            let others = build(graph);
            let mut inputs = vec![x];
            inputs.extend(others.iter().map(|name| &name[..]));
            graph.node(op, "y", &inputs, attributes.clone())
        })
    }

    /// A case that `build` makes of the input, whose name it is given; it returns the output's.
    fn made(
        &mut self,
        name: &str,
        input: ArrayD<f32>,
        build: impl Fn(&mut GraphBuilder, &str) -> String,
    ) -> Result<(), OnnxError> {
        let mut graph = GraphBuilder::new(name.split(' ').next().unwrap_or(name));
        let shape: Vec<Dim> = input.shape().iter().map(|&d| Dim::Known(d)).collect();
        let x = graph.input("x", &shape);
        let y = build(&mut graph, &x);
        graph.output(&y, None);
        self.cases.push(Case {
            name: name.to_owned(),
            model: graph.finish()?,
            input,
        });
        Ok(())
    }

    /// A case with one input.
    fn plain(
        &mut self,
        name: &str,
        input: ArrayD<f32>,
        attributes: Attributes<'_>,
    ) -> Result<(), OnnxError> {
        self.with(name, input, attributes, |_| vec![])
    }
}

/// Uniform numbers in `low..high`, the same for the same seed.
#[must_use]
pub fn uniform(shape: &[usize], low: f32, high: f32, seed: u64) -> ArrayD<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.random_range(low..high))
}

/// Distinct values in random order, so that every maximum is clear.
fn distinct(shape: &[usize], seed: u64) -> ArrayD<f32> {
    let noise = uniform(shape, 0.0, 1.0, seed);
    let mut order: Vec<usize> = (0..noise.len()).collect();
    let values: Vec<f32> = noise.iter().copied().collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank as f32 / values.len() as f32 - 0.45;
    }
    ArrayD::from_shape_vec(IxDyn(shape), ranks).unwrap_or_default()
}

/// Operators that have a gradient, and that the operator set of the cases does not have yet, or that an engine beside libtorch does not run alone. ONNX's
/// own node tests have them all.
pub const WITHOUT_CASE: &[&str] = &[
    "Col2Im",
    "Gelu",
    "GroupNormalization",
    "Mish",
    "OneHot",
    "RMSNormalization",
    "Range",
    "Swish",
];

/// Every case; each operator that libtorch executes and a gradient flows through has at least one, but for [`WITHOUT_CASE`].
///
/// # Errors
/// Where a case is no valid graph.
pub fn cases() -> Result<Vec<Case>, OnnxError> {
    let mut b = Builder { cases: vec![] };
    elementwise(&mut b)?;
    arithmetic(&mut b)?;
    linear(&mut b)?;
    pooling(&mut b)?;
    shapes(&mut b)?;
    normalization(&mut b)?;
    functions(&mut b)?;
    selection(&mut b)?;
    movement(&mut b)?;
    activations::activations(&mut b)?;
    activations::several(&mut b)?;
    activations::reductions(&mut b)?;
    images::normalizations(&mut b)?;
    images::sizes(&mut b)?;
    positions::positions(&mut b)?;
    Ok(b.cases)
}

fn elementwise(b: &mut Builder) -> Result<(), OnnxError> {
    let signed = || distinct(&[2, 3, 4], 1);
    let positive = || uniform(&[2, 3, 4], 0.2, 2.0, 2);
    for op in [
        "Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Identity", "Dropout",
    ] {
        b.plain(op, signed(), vec![])?;
    }
    for op in ["Log", "Sqrt"] {
        b.plain(op, positive(), vec![])?;
    }
    b.plain("LeakyRelu", signed(), vec![("alpha", 0.2.into())])?;
    b.with("Clip both bounds", signed(), vec![], |g| {
        vec![g.scalar("low", -0.203), g.scalar("high", 0.307)]
    })?;
    b.with("Clip upper bound only", signed(), vec![], |g| {
        vec![String::new(), g.scalar("high", 0.107)]
    })?;
    let mut graph = GraphBuilder::new("Constant");
    let x = graph.input("x", &[Dim::Known(2), Dim::Known(3), Dim::Known(4)]);
    let half = graph.node("Constant", "half", &[], [("value_float", 0.5.into())]);
    let y = graph.node("Mul", "y", &[&x, &half], []);
    graph.output(&y, None);
    b.cases.push(Case {
        name: "Constant".into(),
        model: graph.finish()?,
        input: signed(),
    });
    Ok(())
}

fn arithmetic(b: &mut Builder) -> Result<(), OnnxError> {
    for op in ["Add", "Sub", "Mul", "Div"] {
        let second = |shape: &'static [usize]| {
            move |g: &mut GraphBuilder| vec![g.floats("b", &uniform(shape, 0.5, 1.5, 3))]
        };
        b.with(
            op,
            uniform(&[2, 3, 4], -1.0, 1.0, 4),
            vec![],
            second(&[2, 3, 4]),
        )?;
        b.with(
            &format!("{op} repeats the second"),
            uniform(&[2, 3, 4], -1.0, 1.0, 5),
            vec![],
            second(&[3, 1]),
        )?;
        b.with(
            &format!("{op} repeats the first"),
            uniform(&[3, 1], -1.0, 1.0, 6),
            vec![],
            second(&[2, 3, 4]),
        )?;
    }
    // Both sides depend on the input: the gradients of both add up.
    for op in ["Mul", "Div", "Sub"] {
        let mut graph = GraphBuilder::new(op);
        let x = graph.input("x", &[Dim::Known(2), Dim::Known(3)]);
        let other = graph.node("Exp", "other", &[&x], []);
        let y = graph.node(op, "y", &[&x, &other], []);
        graph.output(&y, None);
        let (name, input) = (
            format!("{op} of two branches"),
            uniform(&[2, 3], 0.2, 1.0, 7),
        );
        b.cases.push(Case {
            name,
            model: graph.finish()?,
            input,
        });
    }
    Ok(())
}

fn linear(b: &mut Builder) -> Result<(), OnnxError> {
    let weights = |shape: &'static [usize]| {
        move |g: &mut GraphBuilder| vec![g.floats("w", &uniform(shape, -1.0, 1.0, 8))]
    };
    let image =
        |channels: usize, side: usize| uniform(&[2, channels, side, side + 1], -1.0, 1.0, 9);
    b.with("Conv", image(3, 6), vec![], weights(&[4, 3, 3, 3]))?;
    let padded = vec![("pads", [1, 1, 1, 1].into()), ("strides", [2, 2].into())];
    b.with(
        "Conv stride 2",
        image(3, 6),
        padded.clone(),
        weights(&[4, 3, 3, 3]),
    )?;
    b.with(
        "Conv 1x1 stride 2",
        image(3, 6),
        vec![("strides", [2, 2].into())],
        weights(&[4, 3, 1, 1]),
    )?;
    b.with(
        "Conv stride 3 skips the end",
        image(3, 7),
        vec![("strides", [3, 3].into())],
        weights(&[2, 3, 2, 2]),
    )?;
    let dilated = vec![("dilations", [2, 1].into()), ("pads", [2, 1, 2, 1].into())];
    b.with("Conv dilated", image(3, 6), dilated, weights(&[4, 3, 3, 3]))?;
    b.with(
        "Conv in groups",
        image(4, 6),
        vec![("group", 2.into())],
        weights(&[6, 2, 3, 3]),
    )?;
    let both = vec![
        ("group", 2.into()),
        ("dilations", [2, 1].into()),
        ("pads", [1, 0, 2, 1].into()),
    ];
    b.with(
        "Conv in groups dilated",
        image(4, 6),
        both,
        weights(&[6, 2, 3, 2]),
    )?;
    b.with(
        "Conv pads wider than the kernel",
        image(3, 4),
        vec![("pads", [1, 0, 2, 1].into())],
        weights(&[4, 3, 1, 1]),
    )?;
    b.with(
        "Conv unequal pads",
        image(3, 6),
        vec![("pads", [0, 1, 2, 0].into())],
        weights(&[4, 3, 3, 3]),
    )?;
    let same = |kind: &str| vec![("auto_pad", kind.into()), ("strides", [2, 2].into())];
    b.with(
        "Conv auto_pad upper",
        image(3, 6),
        same("SAME_UPPER"),
        weights(&[4, 3, 3, 3]),
    )?;
    b.with(
        "Conv auto_pad lower",
        image(3, 5),
        same("SAME_LOWER"),
        weights(&[4, 3, 2, 2]),
    )?;
    b.with("Conv bias", image(3, 5), vec![], |g| {
        vec![
            g.floats("w", &uniform(&[4, 3, 3, 3], -1.0, 1.0, 8)),
            g.floats("b", &uniform(&[4], -1.0, 1.0, 10)),
        ]
    })?;

    let matrix = || uniform(&[2, 3], -1.0, 1.0, 11);
    b.with("Gemm", matrix(), vec![], weights(&[3, 4]))?;
    b.with(
        "Gemm transB alpha",
        matrix(),
        vec![("transB", 1.into()), ("alpha", 0.5.into())],
        weights(&[4, 3]),
    )?;
    b.with(
        "Gemm transA",
        matrix(),
        vec![("transA", 1.into())],
        weights(&[2, 4]),
    )?;
    let both = vec![("transA", 1.into()), ("transB", 1.into())];
    b.with("Gemm transA transB", matrix(), both, weights(&[4, 2]))?;
    b.with("MatMul", matrix(), vec![], weights(&[3, 4]))?;
    b.with(
        "MatMul batched",
        uniform(&[5, 2, 3], -1.0, 1.0, 12),
        vec![],
        weights(&[3, 4]),
    )?;
    b.with(
        "MatMul repeats the first",
        matrix(),
        vec![],
        weights(&[5, 3, 4]),
    )
}

fn pooling(b: &mut Builder) -> Result<(), OnnxError> {
    let image = |seed| distinct(&[2, 3, 7, 8], seed);
    let kernel = |k: i64, s: i64| vec![("kernel_shape", [k, k].into()), ("strides", [s, s].into())];
    let plus = |mut attributes: Attributes<'static>, name: &'static str, value: AttributeValue| {
        attributes.push((name, value));
        attributes
    };
    for op in ["MaxPool", "AveragePool"] {
        b.plain(op, image(13), kernel(2, 2))?;
        b.plain(
            &format!("{op} overlapping"),
            image(14),
            plus(kernel(3, 2), "pads", [1, 1, 1, 1].into()),
        )?;
        b.plain(
            &format!("{op} stride beyond kernel"),
            image(15),
            kernel(2, 3),
        )?;
        b.plain(
            &format!("{op} ceil"),
            image(16),
            plus(kernel(3, 2), "ceil_mode", 1.into()),
        )?;
    }
    let counted = plus(
        plus(kernel(3, 2), "pads", [1, 1, 1, 1].into()),
        "count_include_pad",
        1.into(),
    );
    b.plain("AveragePool counts the padding", image(17), counted)?;
    b.plain(
        "MaxPool unequal pads",
        image(18),
        plus(kernel(3, 2), "pads", [0, 1, 2, 0].into()),
    )?;
    b.plain("GlobalAveragePool", image(19), vec![])
}

fn shapes(b: &mut Builder) -> Result<(), OnnxError> {
    let cube = || uniform(&[2, 3, 4], -1.0, 1.0, 20);
    let ints = |values: &'static [i64]| move |g: &mut GraphBuilder| vec![g.ints("ints", values)];
    b.plain("Flatten", cube(), vec![])?;
    b.plain("Flatten axis -1", cube(), vec![("axis", (-1).into())])?;
    b.with("Reshape", cube(), vec![], ints(&[0, -1, 2]))?;
    b.plain("Transpose", cube(), vec![])?;
    b.plain("Transpose perm", cube(), vec![("perm", [1, 2, 0].into())])?;
    b.with("Unsqueeze", cube(), vec![], ints(&[0, -1]))?;
    b.with(
        "Squeeze",
        uniform(&[2, 1, 4, 1], -1.0, 1.0, 21),
        vec![],
        ints(&[1, -1]),
    )?;
    b.with("Concat", cube(), vec![("axis", 1.into())], |g| {
        vec![
            "x".into(),
            g.floats("c", &uniform(&[2, 2, 4], 0.0, 1.0, 22)),
        ]
    })?;
    for op in ["ReduceMean", "ReduceSum"] {
        b.plain(op, cube(), vec![("keepdims", 0.into())])?;
    }
    b.plain(
        "ReduceMean axes",
        cube(),
        vec![("axes", [1, -1].into()), ("keepdims", 1.into())],
    )?;
    b.with(
        "ReduceSum axes",
        cube(),
        vec![("keepdims", 0.into())],
        ints(&[1]),
    )
}

fn normalization(b: &mut Builder) -> Result<(), OnnxError> {
    b.with(
        "BatchNormalization",
        uniform(&[2, 3, 4, 4], -1.0, 1.0, 23),
        vec![("epsilon", 1e-3.into())],
        |g| {
            [(0.5, 1.5), (-1.0, 1.0), (-1.0, 1.0), (0.2, 2.0)]
                .iter()
                .enumerate()
                .map(|(i, &(low, high))| g.floats("p", &uniform(&[3], low, high, 24 + i as u64)))
                .collect()
        },
    )?;
    tokens(b)?;
    for op in ["Softmax", "LogSoftmax"] {
        b.plain(op, uniform(&[2, 5], -2.0, 2.0, 28), vec![])?;
        b.plain(
            &format!("{op} axis 1"),
            uniform(&[2, 5, 3], -2.0, 2.0, 29),
            vec![("axis", 1.into())],
        )?;
    }
    Ok(())
}

/// The start of a transformer: the pixels of one normalised image become tokens. Their product hands back a cotangent with the
/// strides of tokens.
fn tokens(b: &mut Builder) -> Result<(), OnnxError> {
    let mut graph = GraphBuilder::new("BatchNormalization");
    let x = graph.input("x", &[1, 3, 2, 2].map(Dim::Known));
    let parameter = |low, high, seed| uniform(&[3], low, high, seed);
    let normal = [
        graph.floats("scale", &parameter(0.5, 1.5, 70)),
        graph.floats("bias", &parameter(-1.0, 1.0, 71)),
        graph.floats("mean", &parameter(-1.0, 1.0, 72)),
        graph.floats("variance", &parameter(0.2, 2.0, 73)),
    ];
    let inputs = [&x, &normal[0], &normal[1], &normal[2], &normal[3]].map(|name| &name[..]);
    let normal = graph.node("BatchNormalization", "normal", &inputs, []);
    let flat = graph.ints("flat", &[1, 3, 4]);
    let flat = graph.node("Reshape", "pixels", &[&normal, &flat], []);
    let order = [("perm", [0, 2, 1].into())];
    let tokens = graph.node("Transpose", "tokens", &[&flat], order);
    let weights = graph.floats("weights", &uniform(&[3, 5], -1.0, 1.0, 74));
    let y = graph.node("MatMul", "y", &[&tokens, &weights], []);
    graph.output(&y, None);
    b.cases.push(Case {
        name: "BatchNormalization of one image that becomes tokens".into(),
        model: graph.finish()?,
        input: uniform(&[1, 3, 2, 2], -1.0, 1.0, 75),
    });
    Ok(())
}

fn functions(b: &mut Builder) -> Result<(), OnnxError> {
    let within = |low: f32, high: f32| uniform(&[2, 3, 4], low, high, 40);
    for op in [
        "Abs", "Erf", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh",
    ] {
        b.plain(op, within(0.1, 1.2), vec![])?;
    }
    for op in ["Asin", "Acos", "Atanh"] {
        b.plain(op, within(-0.8, 0.8), vec![])?;
    }
    b.plain("Acosh", within(1.2, 3.0), vec![])?;
    b.plain("Reciprocal", within(0.4, 2.0), vec![])?;
    b.with("Pow", within(0.2, 2.0), vec![], |g| {
        vec![g.floats("e", &uniform(&[3, 1], -2.0, 2.0, 41))]
    })?;
    b.with("Pow of a negative base", within(-2.0, -0.2), vec![], |g| {
        vec![g.scalar("e", 3.0)]
    })?;
    // The exponent depends on the input.
    let mut graph = GraphBuilder::new("Pow");
    let x = graph.input("x", &[Dim::Known(2), Dim::Known(3)]);
    let base = graph.floats("base", &uniform(&[2, 3], 0.5, 2.0, 42));
    let y = graph.node("Pow", "y", &[&base, &x], []);
    graph.output(&y, None);
    b.cases.push(Case {
        name: "Pow of the exponent".into(),
        model: graph.finish()?,
        input: uniform(&[2, 3], -1.0, 1.0, 43),
    });
    Ok(())
}

fn selection(b: &mut Builder) -> Result<(), OnnxError> {
    for op in ["Max", "Min"] {
        b.with(op, distinct(&[2, 3, 4], 44), vec![], |g| {
            vec![
                g.floats("a", &uniform(&[3, 1], -0.5, 0.5, 45)),
                g.floats("b", &uniform(&[2, 3, 4], -0.5, 0.5, 46)),
            ]
        })?;
    }
    for op in ["ReduceMax", "ReduceMin"] {
        b.plain(op, distinct(&[2, 3, 4], 47), vec![("axes", [1].into())])?;
        let attributes = vec![("axes", [0, -1].into()), ("keepdims", 0.into())];
        b.plain(
            &format!("{op} drops axes"),
            distinct(&[2, 3, 4], 48),
            attributes,
        )?;
    }
    b.plain("GlobalMaxPool", distinct(&[2, 3, 4, 5], 49), vec![])
}

fn movement(b: &mut Builder) -> Result<(), OnnxError> {
    let cube = || uniform(&[2, 3, 4], -1.0, 1.0, 50);
    let ints = |lists: &'static [&'static [i64]]| {
        move |g: &mut GraphBuilder| lists.iter().map(|list| g.ints("ints", list)).collect()
    };
    b.with("CumSum", cube(), vec![], |g| {
        let axis = g.ints("axis", &[1]);
        let none = g.ints("none", &[]);
        vec![g.node("Reshape", "scalar", &[&axis, &none], [])]
    })?;
    b.with("Tile", cube(), vec![], ints(&[&[1, 2, 3]]))?;
    b.with("Slice", cube(), vec![], ints(&[&[0, 1], &[1, 4]]))?;
    b.with(
        "Slice steps",
        cube(),
        vec![],
        ints(&[&[-4], &[100], &[-1], &[2]]),
    )?;
    b.with(
        "Gather",
        cube(),
        vec![("axis", 1.into())],
        ints(&[&[2, -3]]),
    )?;
    b.with(
        "Gather repeats",
        cube(),
        vec![("axis", 2.into())],
        ints(&[&[1, 1, 3]]),
    )?;
    let factor = |g: &mut GraphBuilder| vec![g.floats("w", &uniform(&[4, 5], -1.0, 1.0, 51))];
    b.with(
        "Einsum",
        cube(),
        vec![("equation", "bij,jk->bik".into())],
        factor,
    )?;
    b.with(
        "Einsum sums",
        cube(),
        vec![("equation", "...ij,jk->i...".into())],
        factor,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::torch::operator_names;
    use pellucid_shared::autodiff::has_rule;

    #[test]
    fn every_operator_that_is_executed_and_has_a_gradient_has_a_case() {
        let cases = cases().unwrap();
        let nodes = cases.iter().flat_map(|case| &case.model.graph().node);
        let tried: BTreeSet<&str> = nodes.map(|node| &node.op_type[..]).collect();
        let missing: Vec<&str> = operator_names()
            .filter(|op| has_rule(op) && !tried.contains(op) && !WITHOUT_CASE.contains(op))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
