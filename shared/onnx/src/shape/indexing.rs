//! Operators that pick elements by index.

use super::given::axis;
use super::site::{Inferred, Rule, Site, one, unknown};
use super::{Dim, Shape};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("Compress", compress),
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("NonMaxSuppression", |_| {
        one(vec![Dim::Unknown, Dim::Known(3)])
    }),
    ("NonZero", non_zero),
    ("OneHot", one_hot),
];

fn gather(site: &Site<'_>) -> Inferred {
    let (Some(data), Some(indices)) = (site.shape(0), site.shape(1)) else {
        return unknown();
    };
    let at = site.axis(0, data.len())?;
    one([&data[..at], indices, &data[at + 1..]].concat())
}

fn gather_elements(site: &Site<'_>) -> Inferred {
    match site.shape(1) {
        Some(indices) => one(indices.clone()),
        None => unknown(),
    }
}

/// `indices.shape[..-1] + data.shape[batch_dims + indices.shape[-1]..]`.
fn gather_nd(site: &Site<'_>) -> Inferred {
    let (Some(data), Some([outer @ .., last])) = (site.shape(0), site.shape(1).map(|s| &s[..]))
    else {
        return unknown();
    };
    let batch = usize::try_from(site.attributes().int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let Some(depth) = last.known() else {
        return unknown();
    };
    match batch.checked_add(depth).and_then(|from| data.get(from..)) {
        Some(rest) => one([outer, rest].concat()),
        None => site.unfit(),
    }
}

fn one_hot(site: &Site<'_>) -> Inferred {
    let Some(indices) = site.shape(0) else {
        return unknown();
    };
    let given = site.attributes().int("axis", -1)?;
    let Some(at) = axis(given, indices.len() + 1) else {
        return site.unfit();
    };
    let depth = match site.entries(1).as_deref() {
        Some([depth]) => depth.dim(),
        _ => Dim::Unknown,
    };
    let mut shape: Shape = indices.clone();
    shape.insert(at, depth);
    one(shape)
}

/// One column per element that is not zero.
fn non_zero(site: &Site<'_>) -> Inferred {
    match site.shape(0) {
        Some(input) => one(vec![Dim::Known(input.len()), Dim::Unknown]),
        None => unknown(),
    }
}

fn compress(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    if !site.attributes().has("axis") {
        return one(vec![Dim::Unknown]);
    }
    let mut shape = input.clone();
    shape[site.axis(0, input.len())?] = Dim::Unknown;
    one(shape)
}
