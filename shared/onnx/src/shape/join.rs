//! Operators that join, split and repeat along axes.

use super::given::pads;
use super::site::{Inferred, Rule, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shape, broadcast};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("Concat", concat),
    ("Expand", expand),
    ("Pad", pad),
    ("Split", split),
    ("Tile", tile),
];

fn concat(site: &Site<'_>) -> Inferred {
    // Required from set 4 on: readers that each assume one of their own would disagree.
    if !site.attributes().has("axis") {
        return Err(site.error("its attribute `axis` is missing"));
    }
    let Some(mut shape) = site.shape(0).cloned() else {
        return unknown();
    };
    let at = site.axis(0, shape.len())?;
    for index in 1..site.node.input.len() {
        let Some(next) = site.shape(index) else {
            shape[at] = Dim::Unknown;
            continue;
        };
        if next.len() != shape.len() {
            return site.unfit();
        }
        for (axis, (dim, next)) in shape.iter_mut().zip(next).enumerate() {
            match (&dim, next) {
                (own, next) if axis == at => *dim = own.plus(next),
                (Dim::Known(a), Dim::Known(b)) if a != b => return site.unfit(),
                (Dim::Named(_) | Dim::Unknown, Dim::Known(size)) => *dim = Dim::Known(*size),
                _ => {}
            }
        }
    }
    one(shape)
}

pub(super) fn split(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let at = site.axis(0, input.len())?;
    let parts = site.node.output.len();
    let bytes = parts.saturating_mul(super::super::symbolic::bytes(input));
    if bytes > site.known.budget.left().bytes {
        return Err(site.error("the shapes of its parts take too much memory"));
    }
    let sizes: Vec<Dim> = if let Some(sizes) = site.ints("split", 1)? {
        if sizes.len() != parts {
            return Err(
                site.error("`split` has a different number of entries than the node has outputs")
            );
        }
        let whole = sizes.iter().try_fold(0i64, |all, &size| {
            (size >= 0).then(|| all.checked_add(size))?
        });
        let fits = |&size: &usize| whole.is_some_and(|whole| usize::try_from(whole) == Ok(size));
        if let Dim::Known(size) = &input[at]
            && !fits(size)
        {
            return Err(site.error(format!(
                "its parts do not add up to the {size} elements that there are"
            )));
        }
        sizes.iter().map(|&size| Entry::Known(size).dim()).collect()
    } else if site.has(1) {
        vec![Dim::Unknown; parts]
    } else {
        even(&input[at], parts)
    };
    let shapes = sizes.into_iter().map(|size| {
        let mut shape = input.clone();
        shape[at] = size;
        Some(shape)
    });
    Ok(shapes.collect())
}

/// Equal parts; where that leaves a remainder, the last is smaller.
fn even(dim: &Dim, parts: usize) -> Vec<Dim> {
    let Dim::Known(size) = dim else {
        let part = dim.exactly_over(&Dim::Known(parts)).unwrap_or(Dim::Unknown);
        return vec![part; parts];
    };
    let part = size.div_ceil(parts.max(1));
    let sizes =
        (0..parts).map(|i| Dim::Known(part.min(size.saturating_sub(i.saturating_mul(part)))));
    sizes.collect()
}

/// Elements beside those that are there, or cut off where pads are negative.
fn pad(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(pads) = pads(site.node, site.known, input.len())? else {
        return Ok(vec![of_rank(input.len())]);
    };
    let mut shape: Shape = input.clone();
    for (axis, [before, behind]) in pads {
        let size = Entry::from(input[axis].clone());
        let total = before.saturating_add(behind);
        shape[axis] = size.plus(&Entry::Known(total)).dim();
    }
    one(shape)
}

fn tile(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(repeats) = site.entries(1) else {
        return Ok(vec![of_rank(input.len())]);
    };
    if repeats.len() != input.len() {
        return site.unfit();
    }
    one(input
        .iter()
        .zip(&repeats)
        .map(|(dim, times)| dim.times(&times.dim()))
        .collect())
}

fn expand(site: &Site<'_>) -> Inferred {
    let Some(entries) = site.entries(1) else {
        let rank = site.shape(1).and_then(|s| s.first()).and_then(Dim::known);
        let shape = rank
            .zip(site.shape(0))
            .and_then(|(rank, input)| of_rank(rank.max(input.len())));
        return Ok(vec![shape]);
    };
    let wanted: Shape = entries.iter().map(Entry::dim).collect();
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    match broadcast(input, &wanted) {
        Some(shape) => one(shape),
        None => site.unfit(),
    }
}
