//! The rule of padding.

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::movement::moved;
use super::rule::Operator;
use onnx_edit::{Attributes, pads};

pub(super) const OPERATORS: &[Operator] = &[Operator::rule("Pad", pad)];

/// `y` is `x` with more elements at the borders. Constant: `dx` is the middle of `dy`. Reflected, wrapped or repeated edges:
/// each axis is a matrix of zeros and ones, and `dx` is its transpose times `dy`. Negative padding cuts off.
fn pad(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if (1..context.node.input.len()).any(|index| context.wants(index)) {
        return Err(context.unsupported("its filling depends on the model's input"));
    }
    let mode = Attributes(context.node)
        .string("mode", "constant")?
        .to_owned();
    let x = context.input(0).to_owned();
    let pads = match context.rank(&x) {
        Ok(rank) => pads(context.node, context.shapes, rank)?.map(|pads| (rank, pads)),
        Err(_) => None,
    };
    let Some((rank, pads)) = pads else {
        return found_by_the_run(context, &mode, arriving);
    };
    let mut dx = first(arriving).to_owned();
    for (axis, [before, after]) in pads {
        if before == 0 && after == 0 {
            continue;
        }
        if mode == "constant" {
            dx = unpadded(context, &dx, &x, axis, before, after, rank)?;
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

/// Pads that only the run tells. What a constant is padded with is cut off again, and zeros stand where negative pads cut off;
/// what repeats elements says itself where they came from.
fn found_by_the_run(
    context: &mut Context<'_>,
    mode: &str,
    arriving: &[Option<String>],
) -> Cotangents {
    if mode != "constant" {
        return moved(context, arriving);
    }
    let (dy, axes) = (first(arriving).to_owned(), context.input(3).to_owned());
    let [pads, x] = [1, 0].map(|index| context.input(index).to_owned());
    let mut sizes = context.op("Shape", &[&dy]);
    let count = match &axes[..] {
        "" => context.rank(&x)?,
        _ => context
            .size_along(&axes, 0)
            .ok_or_else(|| context.open_shape(&axes))?,
    };
    if !axes.is_empty() {
        sizes = context.op("Gather", &[&sizes, &axes]);
    }
    let (halves, none) = (context.ints(&[count as i64; 2]), context.ints(&[0]));
    let [before, after] = context.halves(&pads, &halves);
    let added = [&before, &after].map(|pads| context.op("Max", &[pads, &none]));
    let end = context.op("Sub", &[&sizes, &added[1]]);
    let all: Vec<i64> = (0..count as i64).collect();
    let along = match &axes[..] {
        "" => context.ints(&all),
        _ => axes.clone(),
    };
    let kept = context.op("Slice", &[&dy, &added[0], &end, &along]);
    let back = context.op("Neg", &[&pads]);
    let cut_off = context.op("Max", &[&back, &none]);
    let mut inputs = vec![&kept[..], &cut_off];
    if !axes.is_empty() {
        inputs.extend(["", &axes]);
    }
    Ok(vec![Some(context.op("Pad", &inputs))])
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
) -> Result<String, AutodiffError> {
    let mut dx = dy.to_owned();
    if before > 0 || after > 0 {
        let start = context.ints(&[before.max(0)]);
        let end = match context.size_along(x, axis) {
            Some(size) => {
                let end = [before.min(0), after.min(0), before.max(0)]
                    .into_iter()
                    .try_fold(size as i64, i64::checked_add)
                    .ok_or_else(|| context.unsupported("its pads are beyond all bounds"))?;
                context.ints(&[end])
            }
            None if after > 0 => context.ints(&[-after]),
            None => context.ints(&[i64::MAX]),
        };
        dx = context.sliced(&dx, axis, &start, &end);
    }
    let cut = |pad: i64| pad.saturating_neg().max(0) as usize;
    Ok(context.padded(&dx, rank, axis, cut(before), cut(after)))
}

/// What padding does along an axis of `size` elements, transposed: `[size, before + size + after]`.
fn border_map(
    context: &mut Context<'_>,
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
            let period = last.saturating_mul(2).max(1);
            let at = at.rem_euclid(period);
            at.min(period - at).min(last)
        },
        other => return Err(context.unsupported(format!("its mode `{other}` is unknown"))),
    };
    let length = before
        .saturating_add(after)
        .saturating_add(size as i64)
        .max(0);
    context.reserve(
        (length as usize).saturating_mul(size),
        "it pads an axis that is too long",
    )?;
    let mut map = Array2::zeros((size, length as usize));
    if size > 0 {
        for to in 0..length {
            map[[
                source(to.saturating_sub(before), last) as usize,
                to as usize,
            ]] = 1.0;
        }
    }
    Ok(map)
}
