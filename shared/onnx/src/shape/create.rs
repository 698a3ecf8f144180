//! Operators that make values out of shapes and numbers.

use super::site::{Inferred, Rule, Site, of_rank, one};
use super::{Dim, Entry, Shape};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("ConstantOfShape", create),
    ("RandomNormal", create),
    ("RandomUniform", create),
    ("Range", create),
    ("Shape", create),
    ("Size", create),
];

/// The part of its input's shape that a `Shape` node returns: `start` and `end` exist from operator set 15 on.
pub(super) fn shape_of(site: &Site<'_>) -> Result<Option<Shape>, super::OnnxError> {
    let Some(input) = site.shape(0) else {
        return Ok(None);
    };
    let rank = i64::try_from(input.len()).unwrap_or(i64::MAX);
    let place = |at: i64| {
        let counted = if at < 0 { at.saturating_add(rank) } else { at };
        usize::try_from(counted.clamp(0, rank)).unwrap_or(0)
    };
    let attributes = site.attributes();
    let (start, end) = (
        place(attributes.int("start", 0)?),
        place(attributes.int("end", rank)?),
    );
    Ok(Some(input.get(start..end).unwrap_or(&[]).to_vec()))
}

fn create(site: &Site<'_>) -> Inferred {
    match &site.node.op_type[..] {
        "Shape" => Ok(vec![
            shape_of(site)?.map(|shape| vec![Dim::Known(shape.len())]),
        ]),
        "Size" => one(vec![]),
        "ConstantOfShape" => Ok(vec![filled(site)]),
        "Range" => one(vec![range_length(site)]),
        _ => Ok(vec![site.attributes().ints("shape")?.map(|sizes| {
            sizes.iter().map(|&size| Entry::Known(size).dim()).collect()
        })]),
    }
}

fn filled(site: &Site<'_>) -> Option<Shape> {
    if let Some(entries) = site.entries(0) {
        return Some(entries.iter().map(Entry::dim).collect());
    }
    match site.shape(0)?[..] {
        [Dim::Known(rank)] => of_rank(rank),
        _ => None,
    }
}

/// `ceil((limit - start) / step)`.
fn range_length(site: &Site<'_>) -> Dim {
    let number = |index| {
        site.constant(index)
            .and_then(|c| c.first())
            .copied()
            .map(i128::from)
    };
    if let (Some(start), Some(limit), Some(step)) = (number(0), number(1), number(2)) {
        if step == 0 {
            return Dim::Unknown;
        }
        let (span, step) = if step > 0 {
            (limit - start, step)
        } else {
            (start - limit, -step)
        };
        let length = (span.max(0) + step - 1) / step;
        return usize::try_from(length).map_or(Dim::Unknown, Dim::Known);
    }
    let float = |index| {
        let values = site.floats(index)?;
        values.first().copied().map(f64::from)
    };
    if let (Some(start), Some(limit), Some(step)) = (float(0), float(1), float(2)) {
        let length = ((limit - start) / step).ceil().max(0.0);
        // Beyond this, floats skip integers.
        return match length < 9e15 {
            true => Dim::Known(length as usize),
            false => Dim::Unknown,
        };
    }
    // From zero in steps of one: as many as the limit says.
    let limit = site.entries(1);
    match (number(0), limit.as_deref(), number(2)) {
        (Some(0), Some([limit]), Some(1)) => limit.dim(),
        _ => Dim::Unknown,
    }
}
