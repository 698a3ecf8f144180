//! Rules of the operators that keep every element and change the shape.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Flatten", reshape),
    Operator::rule("Reshape", reshape),
    Operator::rule("Squeeze", reshape),
    Operator::rule("Transpose", transpose),
    Operator::rule("Unsqueeze", reshape),
];

/// `y` holds the elements of `x` in the same order (Flatten, Reshape, Squeeze, Unsqueeze): `dx` is `dy` in `x`'s shape.
fn reshape(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    Ok(vec![Some(context.reshape_like(first(arriving), &x))])
}

/// `y = xᵖ` for a permutation `p` of the axes: `dx` is `dy` under the inverse permutation.
fn transpose(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let rank = context.rank(context.input(0))?;
    let order: Vec<i64> = match Attributes(context.node).ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..rank as i64).rev().collect(),
    };
    let mut inverse = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        let from = onnx_edit::axis(from, rank);
        if let Some(slot) = from.and_then(|from| inverse.get_mut(from)) {
            *slot = to as i64;
        }
    }
    Ok(vec![Some(context.node(
        "Transpose",
        &[first(arriving)],
        [("perm", inverse.into())],
    ))])
}
