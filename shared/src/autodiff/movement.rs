//! Rules of the operators that pick, repeat or rearrange elements.

use std::collections::HashSet;

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::pieces::{LARGEST_MAP, LONGEST_AXIS};
use crate::onnx::Attributes;

/// Any operator that does nothing but move elements of its first input, in its most general form: run once more on the
/// elements' positions, it says itself where each element of `y` came from, and `dy` is added up there. The rules below
/// come back to this where an attribute is known only when the graph runs.
pub(super) fn moved(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let mut inputs = context.node.input.clone();
    let x = context.input(0).to_owned();
    let positions = context.positions(&x);
    inputs[0] = positions;
    let sources = context.again(inputs);
    let dx = context.gathered(first(arriving), &sources, &x)?;
    Ok(vec![Some(dx)])
}

/// `y` is a box of `x`, by steps: `dy` goes back to where it was cut out, zeros elsewhere.
pub(super) fn slice(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let Ok(rank) = context.rank(&x) else {
        return moved(context, arriving);
    };
    let Some(cuts) = cuts(context, &x, rank)? else {
        return moved(context, arriving);
    };
    let mut dx = first(arriving).to_owned();
    for (axis, positions, size) in cuts {
        dx = context.placed(&dx, rank, axis, &positions, size);
    }
    Ok(vec![Some(dx)])
}

/// An axis, the positions that are cut out along it, and its size.
type Cut = (usize, Vec<usize>, usize);

/// What a slice cuts out; `None` where only the run tells. Bounds count from the end where they are negative and are
/// clamped to the axis.
fn cuts(context: &Context<'_>, x: &str, rank: usize) -> Result<Option<Vec<Cut>>, AutodiffError> {
    let constant = |index: usize| context.shapes.constant(context.input(index));
    let (Some(starts), Some(ends)) = (constant(1), constant(2)) else {
        return Ok(None);
    };
    let axes: Vec<i64> = match context.input(3) {
        "" => (0..starts.len() as i64).collect(),
        _ => match constant(3) {
            Some(axes) => axes.to_vec(),
            None => return Ok(None),
        },
    };
    let steps = match context.input(4) {
        "" => vec![1; starts.len()],
        _ => match constant(4) {
            Some(steps) => steps.to_vec(),
            None => return Ok(None),
        },
    };
    let mut cuts = vec![];
    for (index, &axis) in axes.iter().enumerate() {
        let axis = context.axis(axis, rank)?;
        let bounds = (starts.get(index), ends.get(index), steps.get(index));
        let (Some(&start), Some(&end), Some(&step)) = bounds else {
            return Err(context.unsupported("its bounds, axes and steps differ in number"));
        };
        let Some(size) = context
            .size_along(x, axis)
            .filter(|&size| size <= LONGEST_AXIS)
        else {
            return Ok(None);
        };
        cuts.push((axis, steps_within(start, end, step, size), size));
    }
    Ok(Some(cuts))
}

/// The positions from `start` to before `end` by `step`, in an axis of `size` elements.
fn steps_within(start: i64, end: i64, step: i64, size: usize) -> Vec<usize> {
    let size = size as i64;
    let (lowest, highest) = if step < 0 { (-1, size - 1) } else { (0, size) };
    let clamp = |bound: i64| {
        let counted = if bound < 0 {
            bound.saturating_add(size)
        } else {
            bound
        };
        counted.clamp(lowest, highest)
    };
    let (mut at, end) = (clamp(start), clamp(end));
    let mut positions = vec![];
    while step != 0 && (at - end) * step.signum() < 0 {
        positions.push(at as usize);
        at = at.saturating_add(step);
    }
    positions
}

/// `y` joins its inputs along an axis: each input's cotangent is its slice of `dy`.
pub(super) fn concat(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let inputs = context.node.input.clone();
    let rank = context.rank(context.output())?;
    let axis = context.axis(Attributes(context.node).int("axis", 0)?, rank)?;
    let mut cotangents = vec![];
    // Where the next part begins: a number as long as every size so far is one, then a value.
    let mut known = Some(0);
    let mut start = context.ints(&[0]);
    for (index, input) in inputs.iter().enumerate() {
        known = known
            .zip(context.size_along(input, axis))
            .map(|(start, size)| start + size as i64);
        let end = match known {
            Some(end) => context.ints(&[end]),
            None => {
                let size = context.length(input, axis);
                context.op("Add", &[&start, &size])
            }
        };
        cotangents.push(
            context
                .wants(index)
                .then(|| context.sliced(first(arriving), axis, &start, &end)),
        );
        start = end;
    }
    Ok(cotangents)
}

/// The outputs are parts of `x` along an axis: `dx` joins their cotangents, zeros where none arrives.
pub(super) fn split(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = Attributes(context.node).int("axis", 0)?;
    let outputs = context.node.output.clone();
    let parts: Vec<String> = arriving
        .iter()
        .zip(&outputs)
        .map(|(dy, y)| match dy {
            Some(dy) => dy.clone(),
            None => context.zeros_like(y),
        })
        .collect();
    let parts: Vec<&str> = parts.iter().map(|part| &part[..]).collect();
    let joined = context.node("Concat", &parts, [("axis", axis.into())]);
    Ok(vec![Some(joined)])
}

/// `y` holds the slices of `x` at indices along an axis: `dy` is added up at those. An index that is known before the graph
/// runs and comes once needs no addition.
pub(super) fn gather(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, indices) = (context.input(0).to_owned(), context.input(1).to_owned());
    let attributes = Attributes(context.node);
    let known = context.shapes.constant(&indices).map(<[i64]>::to_vec);
    let (Some(known), Ok(rank), Ok(index_rank)) = (known, context.rank(&x), context.rank(&indices))
    else {
        return moved(context, arriving);
    };
    let axis = context.axis(attributes.int("axis", 0)?, rank)?;
    let Some(size) = context
        .size_along(&x, axis)
        .filter(|&size| size <= LONGEST_AXIS)
    else {
        return moved(context, arriving);
    };
    let positions = known
        .iter()
        .map(|&index| context.axis(index, size))
        .collect::<Result<Vec<_>, _>>()?;
    let once = positions.iter().collect::<HashSet<_>>().len() == positions.len();
    let dy = match index_rank {
        0 => context.unsqueeze(first(arriving), &[axis as i64]),
        1 => first(arriving).to_owned(),
        _ => return moved(context, arriving),
    };
    if !once {
        return moved(context, arriving);
    }
    Ok(vec![Some(
        context.placed(&dy, rank, axis, &positions, size),
    )])
}

/// `y` is `x` with more elements at the borders. Constant: `dx` is the middle of `dy`. Reflected, wrapped or repeated edges:
/// each axis is a matrix of zeros and ones, and `dx` is its transpose times `dy`. Negative padding cuts off.
pub(super) fn pad(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if (1..context.node.input.len()).any(|index| context.wants(index)) {
        return Err(context.unsupported("its filling depends on the model's input"));
    }
    let mode = Attributes(context.node)
        .string("mode", "constant")?
        .to_owned();
    let x = context.input(0).to_owned();
    let rank = context.rank(&x)?;
    let pads = context.integers(1, "pads")?;
    let axes = match context.input(3) {
        "" => (0..rank as i64).collect(),
        _ => context.integers(3, "axes")?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(context.unsupported("its pads and axes differ in number"));
    }
    let mut dx = first(arriving).to_owned();
    for (index, &axis) in axes.iter().enumerate() {
        let axis = context.axis(axis, rank)?;
        let (before, after) = (pads[index], pads[index + axes.len()]);
        if before == 0 && after == 0 {
            continue;
        }
        if mode == "constant" {
            dx = unpadded(context, &dx, &x, axis, before, after, rank);
            continue;
        }
        let Some(size) = context.size_along(&x, axis) else {
            return moved(context, arriving);
        };
        let map = border_map(context, &mode, before, after, size)?;
        dx = context.along(&dx, rank, axis, &map);
    }
    Ok(vec![Some(dx)])
}

/// Removes constant padding along an axis, and puts zeros where negative padding cut off.
fn unpadded(
    context: &mut Context<'_>,
    dy: &str,
    x: &str,
    axis: usize,
    before: i64,
    after: i64,
    rank: usize,
) -> String {
    let mut dx = dy.to_owned();
    if before > 0 || after > 0 {
        let start = context.ints(&[before.max(0)]);
        let end = match context.size_along(x, axis) {
            Some(size) => {
                context.ints(&[before.max(0) + size as i64 + before.min(0) + after.min(0)])
            }
            None if after > 0 => context.ints(&[-after]),
            None => context.ints(&[i64::MAX]),
        };
        dx = context.sliced(&dx, axis, &start, &end);
    }
    let cut = |pad: i64| (-pad).max(0) as usize;
    context.padded(&dx, rank, axis, cut(before), cut(after))
}

/// What padding does along an axis of `size` elements, transposed: `[size, before + size + after]`.
fn border_map(
    context: &Context<'_>,
    mode: &str,
    before: i64,
    after: i64,
    size: usize,
) -> Result<Array2<f32>, AutodiffError> {
    let last = size as i64 - 1;
    let source: fn(i64, i64) -> i64 = match mode {
        "edge" => |at, last| at.clamp(0, last),
        "wrap" => |at, last| at.rem_euclid(last + 1),
        // A reflection does not repeat the border: …, 2, 1, 0, 1, 2, …
        "reflect" => |at, last| {
            let period = (2 * last).max(1);
            let at = at.rem_euclid(period);
            at.min(period - at).min(last)
        },
        other => return Err(context.unsupported(format!("its mode `{other}` is unknown"))),
    };
    let length = before
        .saturating_add(after)
        .saturating_add(size as i64)
        .max(0);
    if (length as usize).saturating_mul(size) > LARGEST_MAP {
        return Err(context.unsupported("it pads an axis that is too long"));
    }
    let mut map = Array2::zeros((size, length as usize));
    if size > 0 {
        for to in 0..length {
            map[[source(to - before, last) as usize, to as usize]] = 1.0;
        }
    }
    Ok(map)
}

/// `y` repeats `x` by broadcasting: `dx` is `dy`, summed over the repeated axes.
pub(super) fn expand(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    Ok(vec![Some(context.unbroadcast(first(arriving), &y, &x)?)])
}

/// `y` repeats `x` as a whole along its axes: `dy`, with an axis of its own for each repetition, is summed over these.
pub(super) fn tile(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let repeats = context
        .shapes
        .constant(context.input(1))
        .map(<[i64]>::to_vec);
    let shape = context.shapes.get(&x).cloned();
    let (Some(repeats), Some(shape)) = (repeats, shape) else {
        return moved(context, arriving);
    };
    if shape.iter().filter(|dim| dim.known().is_none()).count() > 1 || repeats.len() != shape.len()
    {
        return moved(context, arriving);
    }
    let (mut apart, mut axes) = (vec![], vec![]);
    for (dim, &times) in shape.iter().zip(&repeats) {
        if times != 1 {
            axes.push(apart.len() as i64);
            apart.push(times);
        }
        apart.push(dim.known().map_or(-1, |size| size as i64));
    }
    if axes.is_empty() {
        return Ok(vec![Some(first(arriving).to_owned())]);
    }
    let apart = context.ints(&apart);
    let dy = context.op("Reshape", &[first(arriving), &apart]);
    Ok(vec![Some(context.sum_over(&dy, &axes, false))])
}

/// `y` moves blocks of channels into space; `dx` moves them back. With `mode = CRD` the channels of a block lie together,
/// where `SpaceToDepth` puts them last.
pub(super) fn depth_to_space(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    let block = attributes.int("blocksize", 1)?;
    let back = context.node(
        "SpaceToDepth",
        &[first(arriving)],
        [("blocksize", block.into())],
    );
    if attributes.string("mode", "DCR")? == "DCR" {
        return Ok(vec![Some(back)]);
    }
    let x = context.input(0).to_owned();
    let area = context.spatial(&x)?.iter().product::<usize>() as i64;
    let blocks = context.ints(&[0, block.saturating_mul(block), -1, area]);
    let apart = context.op("Reshape", &[&back, &blocks]);
    let swapped = context.node("Transpose", &[&apart], [("perm", [0, 2, 1, 3].into())]);
    Ok(vec![Some(context.reshape_like(&swapped, &x))])
}

/// `y` moves blocks of space into channels, and `DepthToSpace` moves them back.
pub(super) fn space_to_depth(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let block = Attributes(context.node).int("blocksize", 1)?;
    let attributes = [("blocksize", block.into()), ("mode", "DCR".into())];
    Ok(vec![Some(context.node(
        "DepthToSpace",
        &[first(arriving)],
        attributes,
    ))])
}
