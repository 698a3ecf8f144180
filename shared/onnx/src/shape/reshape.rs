//! Operators that keep the elements and change the axes.

use super::super::symbolic::product;
use super::given::axis;
use super::site::{Inferred, Rule, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shape};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("DepthToSpace", depth_to_space),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("SpaceToDepth", space_to_depth),
    ("Squeeze", squeeze),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// Two axes: the product of those before `axis`, and of those from there on. `axis` may be the rank itself.
fn flatten(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let given = site.attributes().int("axis", 1)?;
    let at = axis(given, input.len() + 1)
        .filter(|_| given >= 0)
        .or_else(|| axis(given, input.len()));
    let Some(at) = at else {
        return site.unfit();
    };
    one(vec![product(&input[..at]), product(&input[at..])])
}

/// The new shape is an input; `0` copies a dimension (unless `allowzero`), `-1` takes what is left.
fn reshape(site: &Site<'_>) -> Inferred {
    let entries = match site.attributes().ints("shape")? {
        Some(given) if given.len() <= super::MOST_AXES => {
            given.iter().map(|&g| Entry::Known(g)).collect()
        }
        Some(_) => return unknown(),
        None => match (site.entries(1), site.shape(1).map(|s| &s[..])) {
            (Some(entries), _) => entries,
            (None, Some([Dim::Known(rank)])) => return Ok(vec![of_rank(*rank)]),
            _ => return unknown(),
        },
    };
    let input = site.shape(0);
    let copies = site.attributes().int("allowzero", 0)? == 0;
    let mut shape: Shape = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| match entry {
            Entry::Known(0) if copies => input
                .and_then(|s| s.get(index))
                .cloned()
                .unwrap_or(Dim::Unknown),
            entry => entry.dim(),
        })
        .collect();
    let Some(input) = input else {
        return one(shape);
    };
    let open: Vec<usize> = (0..shape.len())
        .filter(|&i| shape[i] == Dim::Unknown)
        .collect();
    let total = product(input);
    if let [open] = open[..] {
        // The number of elements stays, so that a single open dimension follows from the others.
        shape[open] = Dim::Known(1);
        let taken = product(&shape);
        if let (Dim::Known(total), Dim::Known(taken @ 1..)) = (&total, &taken)
            && !total.is_multiple_of(*taken)
        {
            return site.unfit();
        }
        shape[open] = total.exactly_over(&taken).unwrap_or(Dim::Unknown);
    } else if let (Dim::Known(before), Dim::Known(after)) = (&total, product(&shape))
        && *before != after
    {
        return site.unfit();
    }
    one(shape)
}

fn transpose(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(order) = site.attributes().ints("perm")? else {
        return one(input.iter().rev().cloned().collect());
    };
    let order = site.axes(order, input.len())?;
    let mut seen = vec![false; input.len()];
    for &axis in &order {
        seen[axis] = true;
    }
    if order.len() != input.len() || seen.contains(&false) {
        return Err(site.error("`perm` is not a permutation of the input's axes"));
    }
    one(order.into_iter().map(|axis| input[axis].clone()).collect())
}

/// Drops the given axes, or all of size 1 where none are given.
fn squeeze(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let axes = match site.ints("axes", 1)? {
        Some(axes) => site.axes(axes, input.len())?,
        None if site.has(1) => return unknown(),
        // Whether an open dimension is 1 shows only when the graph runs.
        None if input.iter().any(|dim| dim.known().is_none()) => return unknown(),
        None => (0..input.len())
            .filter(|&axis| input[axis] == Dim::Known(1))
            .collect(),
    };
    if axes
        .iter()
        .any(|&axis| input[axis].known().is_some_and(|size| size != 1))
    {
        return site.unfit();
    }
    let kept = (0..input.len()).filter(|axis| !axes.contains(axis));
    one(kept.map(|axis| input[axis].clone()).collect())
}

/// Adds axes of size 1, counted in the output.
fn unsqueeze(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(axes) = site.ints("axes", 1)? else {
        return match site.shape(1).map(|s| &s[..]) {
            Some([Dim::Known(count)]) => Ok(vec![of_rank(input.len().saturating_add(*count))]),
            _ => unknown(),
        };
    };
    if axes.len() > super::MOST_AXES {
        return unknown();
    }
    let rank = input.len() + axes.len();
    let axes = site.axes(axes, rank)?;
    let mut old = input.iter().cloned();
    let shape = (0..rank).map(|axis| {
        if axes.contains(&axis) {
            Some(Dim::Known(1))
        } else {
            old.next()
        }
    });
    match shape.collect() {
        Some(shape) if old.next().is_none() => one(shape),
        _ => Err(site.error("`axes` names an axis twice")),
    }
}

/// The block size, and `[batch, channels, height, width]`.
fn blocks<'a>(site: &Site<'a>) -> Result<Option<(usize, &'a [Dim; 4])>, super::OnnxError> {
    let size = site.attributes().int("blocksize", 0)?;
    let size = usize::try_from(size)
        .ok()
        .filter(|&size| (1..1 << 16).contains(&size));
    let size = size.ok_or_else(|| site.error("`blocksize` must be a positive number"))?;
    let Some(input) = site.shape(0) else {
        return Ok(None);
    };
    match <&[Dim; 4]>::try_from(&input[..]) {
        Ok(input) => Ok(Some((size, input))),
        Err(_) => site.unfit(),
    }
}

fn depth_to_space(site: &Site<'_>) -> Inferred {
    let Some((size, [batch, channels, height, width])) = blocks(site)? else {
        return unknown();
    };
    let block = Dim::Known(size * size);
    if matches!(channels, Dim::Known(c) if !c.is_multiple_of(size * size)) {
        return site.unfit();
    }
    let channels = channels.exactly_over(&block).unwrap_or(Dim::Unknown);
    let size = Dim::Known(size);
    one(vec![
        batch.clone(),
        channels,
        height.times(&size),
        width.times(&size),
    ])
}

fn space_to_depth(site: &Site<'_>) -> Inferred {
    let Some((size, [batch, channels, height, width])) = blocks(site)? else {
        return unknown();
    };
    let over = |dim: &Dim| dim.exactly_over(&Dim::Known(size)).unwrap_or(Dim::Unknown);
    one(vec![
        batch.clone(),
        channels.times(&Dim::Known(size * size)),
        over(height),
        over(width),
    ])
}
