//! Operators whose form or default changed in operator sets 18 to 23, each as it stands in an older set.

mod windows;

use ndarray::{ArrayD, arr0, arr1};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model, OnnxError};

use crate::uniform;

/// A graph of one operator over the input `x`.
pub struct Form {
    /// The operator, and in which form.
    pub name: String,
    /// Input `x`; one output per output of the operator.
    pub model: Model,
    /// What to feed to `x`.
    pub input: ArrayD<f32>,
}

type Attributes<'a> = Vec<(&'a str, AttributeValue)>;

struct Forms(Vec<Form>);

impl Forms {
    /// `others` adds the inputs beside `x`, and names them.
    fn add(
        &mut self,
        (opset, name, outputs): (i64, &str, usize),
        shape: &[usize],
        attributes: Attributes<'_>,
        others: impl Fn(&mut GraphBuilder) -> Vec<String>,
    ) -> Result<(), OnnxError> {
        let op = name.split(' ').next().unwrap_or(name);
        let mut graph = GraphBuilder::new(op);
        let dims: Vec<Dim> = shape.iter().map(|&d| Dim::Known(d)).collect();
        let x = graph.input("x", &dims);
        let others = others(&mut graph);
        let inputs: Vec<&str> = std::iter::once(&x[..])
            .chain(others.iter().map(|o| &o[..]))
            .collect();
        let y = graph.node(op, "y", &inputs, attributes);
        graph.output(&y, None);
        for _ in 1..outputs {
            let more = graph.fresh("y");
            if let Some(node) = graph.graph_mut().node.last_mut() {
                node.output.push(more.clone());
            }
            graph.output(&more, None);
        }
        let mut proto = graph.finish()?.into_proto();
        for set in &mut proto.opset_import {
            set.version = opset;
        }
        self.0.push(Form {
            name: name.to_owned(),
            model: Model::from_proto(proto)?,
            input: uniform(shape, -1.0, 1.0, 7),
        });
        Ok(())
    }

    fn plain(
        &mut self,
        what: (i64, &str, usize),
        shape: &[usize],
        attributes: Attributes<'_>,
    ) -> Result<(), OnnxError> {
        self.add(what, shape, attributes, |_| vec![])
    }
}

/// Every form.
///
/// # Errors
/// Where one is no valid graph.
pub fn forms() -> Result<Vec<Form>, OnnxError> {
    let mut forms = Forms(vec![]);
    reductions(&mut forms)?;
    pieces(&mut forms)?;
    windows::windows(&mut forms)?;
    windows::resizes(&mut forms)?;
    others(&mut forms)?;
    older(&mut forms)?;
    Ok(forms.0)
}

/// Axes become an input in 18.
fn reductions(f: &mut Forms) -> Result<(), OnnxError> {
    for op in [
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSumSquare",
    ] {
        f.plain((17, &format!("{op} all"), 1), &[2, 3, 4], vec![])?;
        let axes = ("axes", AttributeValue::from([1, -1]));
        f.plain(
            (17, &format!("{op} axes"), 1),
            &[2, 3, 4],
            vec![axes, ("keepdims", 0.into())],
        )?;
    }
    f.add((17, "ReduceSum", 1), &[2, 3, 4], vec![], |g| {
        vec![g.ints("axes", &[1])]
    })
}

/// The number of parts must be told from 18 on; pads may be for some axes.
fn pieces(f: &mut Forms) -> Result<(), OnnxError> {
    f.plain((17, "Split even", 3), &[6, 2], vec![("axis", 0.into())])?;
    f.plain(
        (17, "Split last", 2),
        &[3, 4],
        vec![("axis", AttributeValue::from(-1))],
    )?;
    f.add((17, "Split uneven", 2), &[5, 2], vec![], |g| {
        vec![g.ints("parts", &[2, 3])]
    })?;
    for mode in ["constant", "reflect", "edge"] {
        f.add(
            (17, &format!("Pad {mode}"), 1),
            &[1, 2, 4, 5],
            vec![("mode", mode.into())],
            |g| vec![g.ints("pads", &[0, 0, 1, 2, 0, 0, 3, 1])],
        )?;
    }
    f.add((17, "Pad value", 1), &[2, 3], vec![], |g| {
        vec![g.ints("pads", &[1, 0, 0, -1]), g.scalar("value", 0.5)]
    })
}

fn others(f: &mut Forms) -> Result<(), OnnxError> {
    for mode in ["bilinear", "nearest", "bicubic"] {
        f.add(
            (17, &format!("GridSample {mode}"), 1),
            &[1, 2, 5, 5],
            vec![("mode", mode.into())],
            |g| vec![g.floats("grid", &uniform(&[1, 3, 4, 2], -0.9, 0.9, 8))],
        )?;
    }
    for axis in [1, 2] {
        let attributes = vec![("axis", AttributeValue::from(axis))];
        f.plain(
            (17, &format!("DFT axis {axis}"), 1),
            &[1, 5, 4, 1],
            attributes,
        )?;
    }
    f.plain((17, "DFT default", 1), &[1, 5, 4, 1], vec![])?;
    for groups in [2, 4] {
        f.add(
            (18, &format!("GroupNormalization {groups}"), 1),
            &[2, 4, 3, 3],
            vec![("num_groups", groups.into())],
            |g| {
                let one = |low, seed| uniform(&[groups as usize], low, 2.0, seed);
                vec![
                    g.floats("scale", &one(0.5, 8)),
                    g.floats("bias", &one(-1.0, 9)),
                ]
            },
        )?;
    }
    f.add((17, "BatchNormalization", 1), &[2, 3, 4], vec![], |g| {
        ["scale", "bias", "mean", "var"]
            .map(|name| g.floats(name, &uniform(&[3], 0.5, 1.5, 8)))
            .to_vec()
    })?;
    let channel = |g: &mut GraphBuilder| {
        ["scale", "bias"]
            .map(|name| g.floats(name, &uniform(&[3], 0.5, 1.5, 8)))
            .to_vec()
    };
    f.add(
        (17, "InstanceNormalization", 1),
        &[2, 3, 4],
        vec![],
        channel,
    )?;
    f.add((17, "LayerNormalization", 1), &[2, 4, 3], vec![], channel)?;
    for op in [
        "HardSwish",
        "HardSigmoid",
        "Elu",
        "Selu",
        "Softplus",
        "Softsign",
        "Round",
        "Dropout",
        "Identity",
        "Softmax",
        "LpNormalization",
        "Flatten",
        "Transpose",
        "Squeeze",
        "Cos",
        "Atan",
    ] {
        f.plain((17, op, 1), &[2, 1, 5], vec![])?;
    }
    f.plain((17, "Cast", 1), &[2, 3], vec![("to", 1.into())])?;
    f.add((17, "Reshape", 1), &[2, 6], vec![], |g| {
        vec![g.ints("to", &[0, 3, -1])]
    })?;
    f.add((17, "Unsqueeze", 1), &[2, 3], vec![], |g| {
        vec![g.ints("axes", &[0, -1])]
    })?;
    f.add(
        (17, "ScatterElements add", 1),
        &[3, 2],
        vec![("reduction", "add".into())],
        |g| {
            let at = g.ints("at", &[0, 2, 0, 1]);
            let two = g.ints("two", &[2, 2]);
            let at = g.node("Reshape", "places", &[&at, &two], []);
            vec![at, g.floats("more", &uniform(&[2, 2], -1.0, 1.0, 8))]
        },
    )
}

/// Forms of sets before 17, through all changes at once.
fn older(f: &mut Forms) -> Result<(), OnnxError> {
    f.plain((7, "Softmax", 1), &[2, 3, 4], vec![])?;
    f.plain(
        (9, "Clip", 1),
        &[2, 3],
        vec![("min", (-0.25f32).into()), ("max", 0.5f32.into())],
    )?;
    f.plain(
        (10, "Pad", 1),
        &[2, 3],
        vec![("pads", [0, 1, 1, 0].into()), ("value", 0.5f32.into())],
    )?;
    f.plain((11, "Split", 2), &[4, 3], vec![("split", [1, 3].into())])?;
    f.plain(
        (11, "Squeeze", 1),
        &[1, 3, 1],
        vec![("axes", [0, -1].into())],
    )?;
    f.plain((11, "ReduceSum", 1), &[2, 3, 4], vec![("axes", [1].into())])?;
    f.plain(
        (11, "ReduceMean", 1),
        &[2, 3, 4],
        vec![("axes", [0, 2].into())],
    )?;
    f.plain((11, "GlobalAveragePool", 1), &[1, 2, 3, 4], vec![])?;
    f.add(
        (9, "Upsample", 1),
        &[1, 2, 3, 3],
        vec![("mode", "nearest".into())],
        |g| vec![g.floats("scales", &arr1(&[1.0, 1.0, 2.0, 2.0]).into_dyn())],
    )?;
    f.add((12, "Dropout", 1), &[2, 3], vec![], |g| {
        vec![g.floats("ratio", &arr0(0.5).into_dyn())]
    })
}
