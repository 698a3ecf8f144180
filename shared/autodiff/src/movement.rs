//! Rules of the operators that pick, repeat or rearrange elements.

use std::collections::HashSet;

use super::AutodiffError;
use super::arithmetic::first;
use super::bounds::LONGEST_AXIS;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::{Attributes, Blocks, cuts};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::definition("Col2Im", col2im),
    Operator::rule("Compress", moved),
    Operator::rule("Concat", concat),
    Operator::rule("DepthToSpace", depth_to_space),
    Operator::rule("Expand", expand).broadcasting(),
    Operator::rule("Gather", gather),
    Operator::rule("GatherND", moved),
    Operator::rule("ReverseSequence", moved),
    Operator::rule("Slice", slice),
    Operator::rule("SpaceToDepth", space_to_depth),
    Operator::rule("Split", split).of_any_output(),
    Operator::rule("Tile", tile),
];

/// Any operator that does nothing but move elements of its first input, in its most general form: run once more on the
/// elements' positions, it says itself where each element of `y` came from, and `dy` is added up there. The rules below
/// come back to this where an attribute is known only when the graph runs.
pub(super) fn moved(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let mut inputs = context.node.input.clone();
    let x = context.input(0).to_owned();
    let positions = context.positions(&x);
    inputs[0] = positions;
    let sources = context.again(inputs);
    let dx = context.gathered(first(arriving), &sources, &x);
    Ok(vec![Some(dx)])
}

/// `y` is a box of `x`, by steps: `dy` goes back to where it was cut out, zeros elsewhere.
fn slice(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let Ok(rank) = context.rank(&x) else {
        return moved(context, arriving);
    };
    let Some(cuts) = cuts(context.node, context.shapes, rank)? else {
        return moved(context, arriving);
    };
    let known = cuts.into_iter().map(|cut| {
        let size = context.size_along(&x, cut.axis)?;
        let positions = cut.on(size).filter(|_| size <= LONGEST_AXIS)?;
        Some((cut.axis, positions, size))
    });
    let Some(known) = known.collect::<Option<Vec<_>>>() else {
        return moved(context, arriving);
    };
    let mut dx = first(arriving).to_owned();
    for (axis, positions, size) in known {
        context.reserve(size.saturating_mul(2), "it cuts an axis that is too long")?;
        let positions: Vec<usize> = positions.all().collect();
        dx = context.placed(&dx, rank, axis, &positions, size);
    }
    Ok(vec![Some(dx)])
}

/// `y` joins its inputs along an axis: each input's cotangent is its slice of `dy`.
fn concat(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let inputs = context.node.input.clone();
    let rank = context.rank(context.output())?;
    let axis = context.axis(Attributes(context.node).int("axis", 0)?, rank)?;
    let mut cotangents = vec![];
    // Where the next part begins: a number as long as every size so far is one, then a value.
    let mut known = Some(0i64);
    let mut start = context.ints(&[0]);
    for (index, input) in inputs.iter().enumerate() {
        known = known
            .zip(context.size_along(input, axis))
            .and_then(|(start, size)| start.checked_add(i64::try_from(size).ok()?));
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
fn split(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
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
fn gather(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
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
    context.reserve(
        size.saturating_mul(2),
        "it picks from an axis that is too long",
    )?;
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

/// `y` repeats `x` by broadcasting, which the sweep undoes: `dx = dy`.
fn expand(_: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    Ok(vec![Some(first(arriving).to_owned())])
}

/// `y` repeats `x` as a whole along its axes: `dy`, with an axis of its own for each repetition, is summed over these.
fn tile(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
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
fn depth_to_space(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
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
    let area = context.spatial(&x)?.iter().try_fold(1i64, |area, &size| {
        area.checked_mul(i64::try_from(size).ok()?)
    });
    let Some(area) = area else {
        return Err(context.unsupported("its image is beyond all bounds"));
    };
    let blocks = context.ints(&[0, block.saturating_mul(block), -1, area]);
    let apart = context.op("Reshape", &[&back, &blocks]);
    let swapped = context.node("Transpose", &[&apart], [("perm", [0, 2, 1, 3].into())]);
    Ok(vec![Some(context.reshape_like(&swapped, &x))])
}

/// `y` moves blocks of space into channels, and `DepthToSpace` moves them back.
fn space_to_depth(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let block = Attributes(context.node).int("blocksize", 1)?;
    let attributes = [("blocksize", block.into()), ("mode", "DCR".into())];
    Ok(vec![Some(context.node(
        "DepthToSpace",
        &[first(arriving)],
        attributes,
    ))])
}

/// As a transposed convolution.
fn col2im(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let name = format!("grad/{}", onnx_edit::node_name(context.node));
    let (x, kind) = (context.input(0).to_owned(), context.kind());
    Blocks::of(context.node, context.shapes)?
        .and_then(|blocks| blocks.define(context.builder, &x, kind, &name))
        .ok_or_else(|| {
            context.unsupported("its channels, image or blocks are open, or do not fit together")
        })
}
