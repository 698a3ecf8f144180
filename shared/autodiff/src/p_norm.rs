//! Rules of the operators that take a p-norm.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::pooling::{pool_window, spread_evenly};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("GlobalLpPool", global_lp_pool),
    Operator::rule("LpNormalization", lp_normalization),
    Operator::rule("LpPool", lp_pool),
];

/// `y = (Σ |x|ᵖ)^(1/p)` over each window: `dx = sign(x) |x|^(p−1) · dy y^(1−p)`, the latter spread over the windows. Where
/// `y = 0` the gradient is 0.
fn lp_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (w, sizes) = pool_window(context)?;
    let p = power(context)?;
    let shares = over_norm(context, first(arriving), p);
    let spread = spread_evenly(context, &shares, &w, &sizes)?;
    let slope = signed_power(context, p);
    context.scaled(&spread, &slope)
}

/// `y = (Σ |x|ᵖ)^(1/p)` over all spatial positions: as [`lp_pool`] with one window.
fn global_lp_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let p = power(context)?;
    let shares = over_norm(context, first(arriving), p);
    let slope = signed_power(context, p);
    context.scaled(&shares, &slope)
}

/// `y = x / n` with the norm `n = (Σ |x|ᵖ)^(1/p)` over an axis: `dx = (dy − ∂n/∂x · Σ dy · y) / n`, where `∂n/∂x` is the sign
/// of `x` for `p = 1` and `y` for `p = 2`.
fn lp_normalization(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let p = power(context)?;
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let axis = Attributes(context.node).int("axis", -1)?;
    let (norm, slope) = if p == 1.0 {
        let sizes = context.op("Abs", &[&x]);
        (
            context.sum_over(&sizes, &[axis], true),
            context.op("Sign", &[&x]),
        )
    } else {
        let squares = context.op("Mul", &[&x, &x]);
        let sum = context.sum_over(&squares, &[axis], true);
        (context.op("Sqrt", &[&sum]), y.clone())
    };
    let weighted = context.op("Mul", &[first(arriving), &y]);
    let sum = context.sum_over(&weighted, &[axis], true);
    let share = context.op("Mul", &[&slope, &sum]);
    let rest = context.op("Sub", &[first(arriving), &share]);
    Ok(vec![Some(context.op("Div", &[&rest, &norm]))])
}

fn power(context: &Context<'_>) -> Result<f32, AutodiffError> {
    Ok(Attributes(context.node).int("p", 2)? as f32)
}

/// `dy · y^(1−p)`, and 0 where `y = 0`.
fn over_norm(context: &mut Context<'_>, dy: &str, p: f32) -> String {
    if p == 1.0 {
        return dy.to_owned();
    }
    let (y, zero) = (context.output().to_owned(), context.scalar(0.0));
    let quotient = if p == 2.0 {
        context.op("Div", &[dy, &y])
    } else {
        let exponent = context.scalar(1.0 - p);
        let power = context.op("Pow", &[&y, &exponent]);
        context.op("Mul", &[dy, &power])
    };
    let positive = context.op("Greater", &[&y, &zero]);
    context.op("Where", &[&positive, &quotient, &zero])
}

/// `sign(x) |x|^(p−1)`.
fn signed_power(context: &mut Context<'_>, p: f32) -> String {
    let x = context.input(0).to_owned();
    if p == 2.0 {
        return x;
    }
    let sign = context.op("Sign", &[&x]);
    if p == 1.0 {
        return sign;
    }
    let (size, exponent) = (context.op("Abs", &[&x]), context.scalar(p - 1.0));
    let power = context.op("Pow", &[&size, &exponent]);
    context.op("Mul", &[&sign, &power])
}
