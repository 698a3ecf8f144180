//! Activations, functions of several values, and reductions.

use super::{Builder, distinct, uniform};
use pellucid_shared::onnx::OnnxError;

pub(super) fn activations(b: &mut Builder) -> Result<(), OnnxError> {
    let signed = || distinct(&[2, 3, 4], 80);
    for op in [
        "Celu",
        "Elu",
        "HardSigmoid",
        "HardSwish",
        "Softplus",
        "Softsign",
        "ThresholdedRelu",
    ] {
        b.plain(op, uniform(&[2, 3, 4], -1.9, 1.9, 81), vec![])?;
    }
    // Away from 0, where engines subtract 1 from nearly 1.
    let away = uniform(&[2, 3, 4], -1.4, 1.4, 79).mapv(|x| x + 0.5_f32.copysign(x));
    b.plain("Selu", away, vec![])?;
    b.plain("Celu alpha", signed(), vec![("alpha", 0.6.into())])?;
    b.plain("Elu alpha", signed(), vec![("alpha", 0.6.into())])?;
    let steep = vec![("alpha", 0.7.into()), ("beta", 0.4.into())];
    b.plain("HardSigmoid steep", signed(), steep)?;
    let shrunk = vec![("lambd", 0.55.into()), ("bias", 0.2.into())];
    b.plain("Shrink", uniform(&[2, 3, 4], -1.9, 1.9, 82), shrunk)?;
    b.with("PRelu", signed(), vec![], |g| {
        vec![g.floats("slope", &uniform(&[3, 1], -0.5, 0.5, 83))]
    })?;
    b.plain("Trilu", signed(), vec![("upper", 0.into())])?;
    b.plain("Cast", signed(), vec![("to", 1.into())])?;
    b.with("CastLike", signed(), vec![], |g| {
        vec![g.scalar("like", 1.0)]
    })
}

pub(super) fn several(b: &mut Builder) -> Result<(), OnnxError> {
    let cube = || uniform(&[2, 3, 4], 0.2, 1.0, 84);
    for op in ["Sum", "Mean"] {
        b.with(op, cube(), vec![], |g| {
            vec!["x".into(), g.floats("a", &uniform(&[3, 1], -1.0, 1.0, 85))]
        })?;
    }
    let remainder = vec![("fmod", 1.into())];
    b.with("Mod", uniform(&[2, 3], 2.1, 2.6, 86), remainder, |g| {
        vec![g.floats("divisor", &uniform(&[2, 3], 0.9, 1.04, 87))]
    })?;
    b.made("Where", cube(), |g, x| {
        let other = g.floats("other", &uniform(&[3, 1], -1.0, 1.0, 88));
        let zero = g.scalar("zero", 0.0);
        let condition = g.node("Greater", "condition", &[&other, &zero], []);
        g.node("Where", "y", &[&condition, x, &other], [])
    })
}

pub(super) fn reductions(b: &mut Builder) -> Result<(), OnnxError> {
    let cube = || uniform(&[2, 3, 4], 0.2, 1.0, 89);
    for op in [
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceProd",
        "ReduceSumSquare",
    ] {
        let dropped = vec![("axes", [1, -1].into()), ("keepdims", 0.into())];
        b.plain(op, cube(), dropped)?;
        let kept = vec![("axes", [1].into())];
        b.plain(&format!("{op} keeps the axis"), cube(), kept)?;
    }
    b.made("TopK", distinct(&[2, 5], 90), |g, x| {
        let k = g.ints("k", &[3]);
        g.node("TopK", "y", &[x, &k], [])
    })?;
    for (name, flag) in [
        ("CumSum from the end", "reverse"),
        ("CumSum exclusive", "exclusive"),
    ] {
        b.with(name, cube(), vec![(flag, 1.into())], |g| {
            let axis = g.ints("axis", &[2]);
            let none = g.ints("none", &[]);
            vec![g.node("Reshape", "scalar", &[&axis, &none], [])]
        })?;
    }
    Ok(())
}
