//! Operators that reduce axes.

use super::site::{Inferred, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shape};

/// The reductions with `axes` and `keepdims`.
pub(super) const OPERATORS: &[&str] = &[
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
];

fn without(input: &[Dim], axes: &[usize], keep: bool) -> Shape {
    let reduced = input.iter().enumerate().filter_map(|(axis, dim)| {
        if axes.contains(&axis) {
            keep.then_some(Dim::Known(1))
        } else {
            Some(dim.clone())
        }
    });
    reduced.collect()
}

pub(super) fn reduce(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let attributes = site.attributes();
    let keep = attributes.int("keepdims", 1)? != 0;
    let given = site.ints("axes", 1)?;
    if given.is_none() && site.has(1) {
        // The axes are computed at run time: only a rank that stays can be told.
        return Ok(vec![of_rank(input.len()).filter(|_| keep)]);
    }
    let given = given.unwrap_or(&[]);
    if given.is_empty() && attributes.int("noop_with_empty_axes", 0)? != 0 {
        return one(input.clone());
    }
    let axes = if given.is_empty() {
        (0..input.len()).collect()
    } else {
        site.axes(given, input.len())?
    };
    one(without(input, &axes, keep))
}

pub(super) fn arg(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let axis = site.axis(0, input.len())?;
    one(without(
        input,
        &[axis],
        site.attributes().int("keepdims", 1)? != 0,
    ))
}

/// Both outputs hold `k` elements along the axis; `k` is an input from operator set 10 on.
pub(super) fn top_k(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let mut shape = input.clone();
    let k = match (site.attributes().has("k"), site.entries(1).as_deref()) {
        (true, _) => Entry::Known(site.attributes().int("k", 0)?).dim(),
        (false, Some([k])) => k.dim(),
        _ => Dim::Unknown,
    };
    shape[site.axis(-1, input.len())?] = k;
    Ok(vec![Some(shape); 2])
}

/// A number per matrix.
pub(super) fn det(site: &Site<'_>) -> Inferred {
    let batch = site.shape(0).and_then(|s| s.get(..s.len().checked_sub(2)?));
    Ok(vec![batch.map(<[Dim]>::to_vec)])
}
