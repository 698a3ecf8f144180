//! Rules of the arithmetic operators on several values, which are repeated to the shape of the result.

use super::context::{Context, Cotangents};
use super::rule::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Add", add).broadcasting(),
    Operator::rule("Div", div).broadcasting(),
    Operator::rule("Mean", mean).broadcasting(),
    Operator::rule("Mod", modulo).broadcasting(),
    Operator::rule("Mul", mul).broadcasting(),
    Operator::rule("Pow", pow).broadcasting(),
    Operator::rule("Sub", sub).broadcasting(),
    Operator::rule("Sum", sum).broadcasting(),
];

/// The cotangent of the node's first output.
pub(super) fn first(arriving: &[Option<String>]) -> &str {
    arriving
        .first()
        .and_then(Option::as_deref)
        .unwrap_or_default()
}

/// Applies `side` for each wanted input.
fn both(context: &mut Context<'_>, side: [&dyn Fn(&mut Context<'_>) -> String; 2]) -> Cotangents {
    let wanted = |(index, side): (usize, &&dyn Fn(&mut Context<'_>) -> String)| {
        context.wants(index).then(|| side(context))
    };
    Ok(side.iter().enumerate().map(wanted).collect())
}

/// `y = a + b`: `da = dy`, `db = dy`.
fn add(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    both(context, [&|_| dy.clone(), &|_| dy.clone()])
}

/// `y = a − b`: `da = dy`, `db = −dy`.
fn sub(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    both(context, [&|_| dy.clone(), &|c| c.op("Neg", &[&dy])])
}

/// `y = a · b`: `da = dy · b`, `db = dy · a`.
fn mul(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let (a, b) = (context.input(0).to_owned(), context.input(1).to_owned());
    both(
        context,
        [&|c| c.op("Mul", &[&dy, &b]), &|c| c.op("Mul", &[&dy, &a])],
    )
}

/// `y = a / b`: `da = dy / b`, `db = −dy · y / b`.
fn div(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let (b, y) = (context.input(1).to_owned(), context.output().to_owned());
    let numerator = |c: &mut Context<'_>| c.op("Div", &[&dy, &b]);
    let denominator = |c: &mut Context<'_>| {
        let scaled = c.op("Mul", &[&dy, &y]);
        let quotient = c.op("Div", &[&scaled, &b]);
        c.op("Neg", &[&quotient])
    };
    both(context, [&numerator, &denominator])
}

/// `y = Σ xᵢ` over the inputs: each `dxᵢ = dy`.
fn sum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    Ok(vec![
        Some(first(arriving).to_owned());
        context.node.input.len()
    ])
}

/// `y = Σ xᵢ / n` over the `n` inputs: as [`sum`], with `dy / n`.
fn mean(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let share = context.scalar(1.0 / context.node.input.len() as f32);
    let scaled = context.op("Mul", &[first(arriving), &share]);
    sum(context, &[Some(scaled)])
}

/// `y = aᵇ`: `da = dy · b · a^(b−1)`, 0 where `b = 0`; `db = dy · y · ln a`, 0 where `a = 0`; both as in PyTorch. The exponent
/// may be of another type.
fn pow(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let [a, b] = [0, 1].map(|index| context.input(index).to_owned());
    let (y, zero) = (context.output().to_owned(), context.scalar(0.0));
    let base = |c: &mut Context<'_>| {
        let b = c.op("CastLike", &[&b, &a]);
        let one = c.scalar(1.0);
        let less = c.op("Sub", &[&b, &one]);
        let power = c.op("Pow", &[&a, &less]);
        let slope = c.op("Mul", &[&b, &power]);
        let flat = c.op("Equal", &[&b, &zero]);
        let slope = c.op("Where", &[&flat, &zero, &slope]);
        c.op("Mul", &[&dy, &slope])
    };
    let exponent = |c: &mut Context<'_>| {
        let logarithm = c.op("Log", &[&a]);
        let growth = c.op("Mul", &[&y, &logarithm]);
        let flat = c.op("Equal", &[&a, &zero]);
        let growth = c.op("Where", &[&flat, &zero, &growth]);
        c.op("Mul", &[&dy, &growth])
    };
    both(context, [&base, &exponent])
}

/// `y = a − n b` with the whole number `n` that `Mod` takes off: `da = dy`, `db = −n dy`.
fn modulo(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let [a, b] = [0, 1].map(|index| context.input(index).to_owned());
    let y = context.output().to_owned();
    let divisor = |c: &mut Context<'_>| {
        let rest = c.op("Sub", &[&y, &a]);
        let quotient = c.op("Div", &[&rest, &b]);
        let whole = c.op("Round", &[&quotient]);
        c.op("Mul", &[&dy, &whole])
    };
    both(context, [&|_| dy.clone(), &divisor])
}
