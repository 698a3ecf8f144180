//! Rules of the operators that keep every element and change the shape.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use onnx_edit::Attributes;

/// `y` holds the elements of `x` in the same order (Flatten, Reshape, Squeeze, Unsqueeze): `dx` is `dy` in `x`'s shape.
pub(super) fn reshape(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    Ok(vec![Some(context.reshape_like(first(arriving), &x))])
}

/// `y = xᵖ` for a permutation `p` of the axes: `dx` is `dy` under the inverse permutation.
pub(super) fn transpose(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let rank = context.rank(context.input(0))?;
    let order: Vec<i64> = match Attributes(context.node).ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..rank as i64).rev().collect(),
    };
    let mut inverse = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        let from = if from < 0 {
            from.saturating_add(rank as i64)
        } else {
            from
        };
        if let Some(slot) = usize::try_from(from)
            .ok()
            .and_then(|from| inverse.get_mut(from))
        {
            *slot = to as i64;
        }
    }
    Ok(vec![Some(context.node(
        "Transpose",
        &[first(arriving)],
        [("perm", inverse.into())],
    ))])
}
