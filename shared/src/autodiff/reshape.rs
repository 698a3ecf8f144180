//! Rules of the operators that move, gather or sum elements.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use crate::onnx::{Attributes, Dim};

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
        let from = if from < 0 { from + rank as i64 } else { from };
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

/// `y` joins its inputs along an axis: each input's cotangent is its slice of `dy`.
pub(super) fn concat(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = Attributes(context.node).int("axis", 0)?;
    let mut cotangents = vec![];
    let mut start = 0i64;
    for index in 0..context.node.input.len() {
        let input = context.input(index).to_owned();
        let shape = context.shape(&input)?;
        let at = if axis < 0 {
            axis + shape.len() as i64
        } else {
            axis
        } as usize;
        let Some(size) = shape.get(at).and_then(Dim::known) else {
            return Err(super::AutodiffError::OpenShape {
                node: crate::onnx::node_name(context.node),
                value: input,
            });
        };
        let end = start + size as i64;
        cotangents.push(context.wants(index).then(|| {
            let bounds = [&[start][..], &[end], &[at as i64]].map(|values| context.ints(values));
            context.op(
                "Slice",
                &[first(arriving), &bounds[0], &bounds[1], &bounds[2]],
            )
        }));
        start = end;
    }
    Ok(cotangents)
}
