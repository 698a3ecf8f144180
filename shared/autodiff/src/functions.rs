//! Rules of the elementary functions of each element.

use std::f32::consts::PI;

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Abs", abs),
    Operator::rule("Acos", acos),
    Operator::rule("Acosh", acosh),
    Operator::rule("Asin", asin),
    Operator::rule("Asinh", asinh),
    Operator::rule("Atan", atan),
    Operator::rule("Atanh", atanh),
    Operator::rule("Cos", cos),
    Operator::rule("Cosh", cosh),
    Operator::rule("Erf", erf).activation(),
    Operator::rule("Reciprocal", reciprocal),
    Operator::rule("Sin", sin),
    Operator::rule("Sinh", sinh),
    Operator::rule("Tan", tan),
];

/// `y = |x|`: `dx = dy · sign x`, so 0 at 0, as in PyTorch.
fn abs(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let sign = context.op("Sign", &[&x]);
    context.scaled(first(arriving), &sign)
}

/// `y = 1 / x`: `dx = −dy · y²`.
fn reciprocal(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let y = context.output().to_owned();
    let square = context.op("Mul", &[&y, &y]);
    let slope = context.op("Neg", &[&square]);
    context.scaled(first(arriving), &slope)
}

/// `y = erf x`: `dx = dy · 2/√π · e^(−x²)`.
fn erf(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let square = squared(context);
    let opposite = context.op("Neg", &[&square]);
    let bell = context.op("Exp", &[&opposite]);
    let peak = context.scalar(2.0 / PI.sqrt());
    let slope = context.op("Mul", &[&bell, &peak]);
    context.scaled(first(arriving), &slope)
}

/// `y = sin x`: `dx = dy · cos x`.
fn sin(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    slope_is(context, arriving, "Cos")
}

/// `y = cos x`: `dx = −dy · sin x`.
fn cos(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let sine = context.op("Sin", &[&x]);
    let slope = context.op("Neg", &[&sine]);
    context.scaled(first(arriving), &slope)
}

/// `y = tan x`: `dx = dy · (1 + y²)`.
fn tan(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, y) = (context.scalar(1.0), context.output().to_owned());
    let square = context.op("Mul", &[&y, &y]);
    let slope = context.op("Add", &[&one, &square]);
    context.scaled(first(arriving), &slope)
}

/// `y = arcsin x`: `dx = dy / √(1 − x²)`.
fn asin(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, square) = (context.scalar(1.0), squared(context));
    let radicand = context.op("Sub", &[&one, &square]);
    over_root(context, arriving, &radicand)
}

/// `y = arccos x`: `dx = −dy / √(1 − x²)`.
fn acos(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let opposite = context.op("Neg", &[first(arriving)]);
    asin(context, &[Some(opposite)])
}

/// `y = arctan x`: `dx = dy / (1 + x²)`.
fn atan(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, square) = (context.scalar(1.0), squared(context));
    let divisor = context.op("Add", &[&one, &square]);
    Ok(vec![Some(context.op("Div", &[first(arriving), &divisor]))])
}

/// `y = sinh x`: `dx = dy · cosh x`.
fn sinh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    slope_is(context, arriving, "Cosh")
}

/// `y = cosh x`: `dx = dy · sinh x`.
fn cosh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    slope_is(context, arriving, "Sinh")
}

/// `y = arsinh x`: `dx = dy / √(x² + 1)`.
fn asinh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, square) = (context.scalar(1.0), squared(context));
    let radicand = context.op("Add", &[&square, &one]);
    over_root(context, arriving, &radicand)
}

/// `y = arcosh x`: `dx = dy / √(x² − 1)`.
fn acosh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, square) = (context.scalar(1.0), squared(context));
    let radicand = context.op("Sub", &[&square, &one]);
    over_root(context, arriving, &radicand)
}

/// `y = artanh x`: `dx = dy / (1 − x²)`.
fn atanh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, square) = (context.scalar(1.0), squared(context));
    let divisor = context.op("Sub", &[&one, &square]);
    Ok(vec![Some(context.op("Div", &[first(arriving), &divisor]))])
}

/// `x²`.
fn squared(context: &mut Context<'_>) -> String {
    let x = context.input(0).to_owned();
    context.op("Mul", &[&x, &x])
}

/// `dx = dy · f(x)` for an operator `f`.
fn slope_is(context: &mut Context<'_>, arriving: &[Option<String>], f: &str) -> Cotangents {
    let x = context.input(0).to_owned();
    let slope = context.op(f, &[&x]);
    context.scaled(first(arriving), &slope)
}

/// `dx = dy / √radicand`.
fn over_root(context: &mut Context<'_>, arriving: &[Option<String>], radicand: &str) -> Cotangents {
    let root = context.op("Sqrt", &[radicand]);
    Ok(vec![Some(context.op("Div", &[first(arriving), &root]))])
}
