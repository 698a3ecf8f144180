//! Operators that reduce axes.

use super::given::reduced_axes;
use super::site::{Inferred, Rule, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shape};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("ArgMax", arg),
    ("ArgMin", arg),
    ("Det", det),
    ("ReduceL1", reduce),
    ("ReduceL2", reduce),
    ("ReduceLogSum", reduce),
    ("ReduceLogSumExp", reduce),
    ("ReduceMax", reduce),
    ("ReduceMean", reduce),
    ("ReduceMin", reduce),
    ("ReduceProd", reduce),
    ("ReduceSum", reduce),
    ("ReduceSumSquare", reduce),
    ("TopK", top_k),
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
    let keep = site.attributes().int("keepdims", 1)? != 0;
    let Some(axes) = reduced_axes(site.node, site.known, input.len())? else {
        // Only a rank that stays can be told.
        return Ok(vec![of_rank(input.len()).filter(|_| keep)]);
    };
    one(without(input, &axes, keep))
}

fn arg(site: &Site<'_>) -> Inferred {
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
fn top_k(site: &Site<'_>) -> Inferred {
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
fn det(site: &Site<'_>) -> Inferred {
    let batch = site.shape(0).and_then(|s| s.get(..s.len().checked_sub(2)?));
    Ok(vec![batch.map(<[Dim]>::to_vec)])
}
