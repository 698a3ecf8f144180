//! Operators that join, cut and repeat along axes.

use super::site::{Inferred, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shape, broadcast};

pub(super) fn concat(site: &Site<'_>) -> Inferred {
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
                site.error("`split` has another number of entries than the node has outputs")
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
                "its parts are not together the {size} elements that there are"
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

/// What a `Slice` does to one axis; `None` where a bound is not a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) axis: usize,
    pub(super) start: Option<Entry>,
    pub(super) end: Option<Entry>,
    pub(super) step: Option<i64>,
}

/// The cuts of a `Slice`: attributes before operator set 10, inputs from there on. `None` where the axes are not known.
pub(super) fn cuts(site: &Site<'_>, rank: usize) -> Result<Option<Vec<Cut>>, super::OnnxError> {
    let attributes = site.attributes();
    let given = |name: &str, index: usize| -> Result<Option<Vec<Entry>>, super::OnnxError> {
        let attribute = attributes.ints(name)?;
        Ok(
            match attribute.filter(|values| values.len() <= super::MOST_AXES) {
                Some(values) => Some(values.iter().map(|&v| Entry::Known(v)).collect()),
                None => site.entries(index),
            },
        )
    };
    let (starts, ends) = (given("starts", 1)?, given("ends", 2)?);
    let count = starts.as_ref().or(ends.as_ref()).map(Vec::len);
    let axes: Vec<usize> = match (site.ints("axes", 3)?, site.has(3), count) {
        (Some(axes), ..) => site.axes(axes, rank)?,
        (None, false, Some(count)) if count <= rank => (0..count).collect(),
        _ => return Ok(None),
    };
    let steps = if site.has(4) {
        site.constant(4).map(<[i64]>::to_vec)
    } else {
        Some(vec![1; axes.len()])
    };
    let cuts = axes.iter().enumerate().map(|(i, &axis)| Cut {
        axis,
        start: starts.as_ref().and_then(|s| s.get(i)).cloned(),
        end: ends.as_ref().and_then(|e| e.get(i)).cloned(),
        step: steps.as_ref().and_then(|s| s.get(i)).copied(),
    });
    Ok(Some(cuts.collect()))
}

impl Cut {
    /// First index, step and number of elements along an axis of that size.
    pub(super) fn on(&self, size: usize) -> Option<(i64, i64, usize)> {
        let size = i64::try_from(size).ok()?;
        let (start, end) = (self.start.as_ref()?.known()?, self.end.as_ref()?.known()?);
        let step = self.step.filter(|&step| step != 0)?;
        let count_back = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (start, end) = if step > 0 {
            (
                count_back(start).clamp(0, size),
                count_back(end).clamp(0, size),
            )
        } else {
            (
                count_back(start).clamp(0, (size - 1).max(0)),
                count_back(end).clamp(-1, (size - 1).max(-1)),
            )
        };
        let (span, stride) = if step > 0 {
            (end.saturating_sub(start), step)
        } else {
            (start.saturating_sub(end), step.checked_neg()?)
        };
        let span = if size == 0 { 0 } else { span };
        let count = if span <= 0 {
            0
        } else {
            (span - 1) / stride + 1
        };
        Some((start, step, usize::try_from(count).ok()?))
    }

    fn dim(&self, dim: &Dim) -> Dim {
        /// Ends beyond this mean "to the end", whatever the size.
        const FAR: i64 = i32::MAX as i64;
        match dim {
            Dim::Known(size) => self
                .on(*size)
                .map_or(Dim::Unknown, |(.., count)| Dim::Known(count)),
            open => {
                let whole = match (&self.start, &self.end, self.step) {
                    (Some(Entry::Known(0)), Some(Entry::Known(end)), Some(1)) => *end >= FAR,
                    (Some(Entry::Known(0)), Some(end), Some(1)) => {
                        end.dim() == *open && *open != Dim::Unknown
                    }
                    (Some(Entry::Known(-1)), Some(Entry::Known(end)), Some(-1)) => *end <= -FAR,
                    _ => false,
                };
                if whole { open.clone() } else { Dim::Unknown }
            }
        }
    }
}

pub(super) fn slice(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(cuts) = cuts(site, input.len())? else {
        return Ok(vec![of_rank(input.len())]);
    };
    let mut shape = input.clone();
    for cut in cuts {
        if cut.step == Some(0) {
            return Err(site.error("`steps` holds a zero"));
        }
        shape[cut.axis] = cut.dim(&input[cut.axis]);
    }
    one(shape)
}

/// Before operator set 11 the pads are an attribute; from 18 on they may be for some axes only.
pub(super) fn pad(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let axes: Vec<usize> = match (site.constant(3), site.has(3)) {
        (Some(axes), _) => site.axes(axes, input.len())?,
        (None, true) => return Ok(vec![of_rank(input.len())]),
        (None, false) => (0..input.len()).collect(),
    };
    let Some(pads) = site.ints("pads", 1)? else {
        return Ok(vec![of_rank(input.len())]);
    };
    if pads.len() != 2 * axes.len() {
        return Err(site.error(format!(
            "it has {} pads for {} axes",
            pads.len(),
            axes.len()
        )));
    }
    let mut shape: Shape = input.clone();
    for (index, &axis) in axes.iter().enumerate() {
        let total = pads[index].saturating_add(pads[index + axes.len()]);
        let size = Entry::from(input[axis].clone());
        shape[axis] = size.plus(&Entry::Known(total)).dim();
    }
    one(shape)
}

pub(super) fn tile(site: &Site<'_>) -> Inferred {
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

pub(super) fn expand(site: &Site<'_>) -> Inferred {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(start: i64, end: i64, step: i64) -> Cut {
        Cut {
            axis: 0,
            start: Some(Entry::Known(start)),
            end: Some(Entry::Known(end)),
            step: Some(step),
        }
    }

    /// The cases of NumPy's slicing, which the specification refers to.
    #[test]
    fn cuts_count_as_numpy_does() {
        for (start, end, step, size, count) in [
            (1, 3, 1, 4, 2),
            (0, i64::MAX, 1, 4, 4),
            (-1, i64::MIN, -1, 4, 4),
            (3, 0, -2, 4, 2),
            (0, -1, 1, 4, 3),
            (2, 1, 1, 4, 0),
            (5, 9, 1, 4, 0),
            (0, 4, 3, 4, 2),
            (0, 1, 1, 0, 0),
            (-1, i64::MIN, -1, 0, 0),
        ] {
            assert_eq!(
                cut(start, end, step).on(size).map(|c| c.2),
                Some(count),
                "{start}:{end}:{step} of {size}"
            );
        }
    }
}
