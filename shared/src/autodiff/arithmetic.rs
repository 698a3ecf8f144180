//! Rules of the binary arithmetic operators. Both sides broadcast; the cotangent is summed back to each side's shape.

use super::context::{Context, Cotangents};

/// The cotangent of the node's first output.
pub(super) fn first(arriving: &[Option<String>]) -> &str {
    arriving
        .first()
        .and_then(Option::as_deref)
        .unwrap_or_default()
}

/// Applies `side` for each wanted input and undoes the broadcasting.
fn both(context: &mut Context<'_>, side: [&dyn Fn(&mut Context<'_>) -> String; 2]) -> Cotangents {
    let output = context.output().to_owned();
    let mut cotangents = vec![];
    for (index, side) in side.iter().enumerate() {
        cotangents.push(if context.wants(index) {
            let wide = side(context);
            let input = context.input(index).to_owned();
            Some(context.unbroadcast(&wide, &output, &input)?)
        } else {
            None
        });
    }
    Ok(cotangents)
}

/// `y = a + b`: `da = dy`, `db = dy`.
pub(super) fn add(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    both(context, [&|_| dy.clone(), &|_| dy.clone()])
}

/// `y = a − b`: `da = dy`, `db = −dy`.
pub(super) fn sub(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    both(context, [&|_| dy.clone(), &|c| c.op("Neg", &[&dy])])
}

/// `y = a · b`: `da = dy · b`, `db = dy · a`.
pub(super) fn mul(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let (a, b) = (context.input(0).to_owned(), context.input(1).to_owned());
    both(
        context,
        [&|c| c.op("Mul", &[&dy, &b]), &|c| c.op("Mul", &[&dy, &a])],
    )
}

/// `y = a / b`: `da = dy / b`, `db = −dy · y / b`.
pub(super) fn div(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
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
pub(super) fn sum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (dy, y) = (first(arriving).to_owned(), context.output().to_owned());
    let inputs = context.node.input.clone();
    let mut cotangents = vec![];
    for (index, input) in inputs.iter().enumerate() {
        cotangents.push(match context.wants(index) {
            true => Some(context.unbroadcast(&dy, &y, input)?),
            false => None,
        });
    }
    Ok(cotangents)
}

/// `y = Σ xᵢ / n` over the `n` inputs: as [`sum`], with `dy / n`.
pub(super) fn mean(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let share = context.scalar(1.0 / context.node.input.len() as f32);
    let scaled = context.op("Mul", &[first(arriving), &share]);
    sum(context, &[Some(scaled)])
}
