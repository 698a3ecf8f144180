//! What a `Slice` cuts out: <https://onnx.ai/onnx/operators/onnx__Slice.html>.

use super::super::pb::NodeProto;
use super::super::{Attributes, OnnxError};
use super::given::{Given, axes};
use super::site::{Inferred, Rule, Site, of_rank, one, unknown};
use super::{Dim, Entry, Shapes};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[("Slice", slice)];

/// What a `Slice` does to one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Counted from the front.
    pub axis: usize,
    start: Option<Entry>,
    end: Option<Entry>,
    step: Option<i64>,
}

/// Positions along an axis: so many from the first on, each a step behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// The first.
    pub start: usize,
    /// From one to the next; never zero.
    pub step: i64,
    /// How many.
    pub count: usize,
}

impl Positions {
    /// All of them, in order.
    pub fn all(self) -> impl Iterator<Item = usize> {
        let mut at = Some(self.start);
        std::iter::from_fn(move || {
            let here = at?;
            at = isize::try_from(self.step)
                .ok()
                .and_then(|step| here.checked_add_signed(step));
            Some(here)
        })
        .take(self.count)
    }
}

/// The cuts of a `Slice` of a value with `rank` axes: attributes before operator set 10, inputs from there on. `None` where only the run
/// tells along which axes it cuts.
///
/// # Errors
/// Where the value has no such axis, or an attribute is of another type.
pub fn cuts(node: &NodeProto, shapes: &Shapes, rank: usize) -> Result<Option<Vec<Cut>>, OnnxError> {
    let bounds = |name: &str, input: usize| -> Result<Option<Vec<Entry>>, OnnxError> {
        let attribute = Attributes(node).ints(name)?;
        Ok(
            match attribute.filter(|values| values.len() <= super::MOST_AXES) {
                Some(values) => Some(values.iter().map(|&v| Entry::Known(v)).collect()),
                None => node.input.get(input).and_then(|name| shapes.entries(name)),
            },
        )
    };
    let (starts, ends) = (bounds("starts", 1)?, bounds("ends", 2)?);
    let count = starts.as_ref().or(ends.as_ref()).map(Vec::len);
    let axes: Vec<usize> = match (shapes.given(node, "axes", 3)?, count) {
        (Given::Known(given), _) => axes(node, given, rank)?,
        (Given::Nothing, Some(count)) if count <= rank => (0..count).collect(),
        _ => return Ok(None),
    };
    let steps = shapes.given(node, "steps", 4)?;
    let cuts = axes.into_iter().enumerate().map(|(i, axis)| Cut {
        axis,
        start: starts.as_ref().and_then(|s| s.get(i)).cloned(),
        end: ends.as_ref().and_then(|e| e.get(i)).cloned(),
        step: match steps {
            Given::Nothing => Some(1),
            steps => steps.known().and_then(|s| s.get(i)).copied(),
        },
    });
    Ok(Some(cuts.collect()))
}

impl Cut {
    /// What is cut out of an axis of that size; `None` where only the run tells, or a bound is missing or the step zero.
    #[must_use]
    pub fn on(&self, size: usize) -> Option<Positions> {
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
        Some(Positions {
            start: usize::try_from(start).ok()?,
            step,
            count: usize::try_from(count).ok()?,
        })
    }

    fn dim(&self, dim: &Dim) -> Dim {
        /// Ends beyond this mean "to the end", whatever the size.
        const FAR: i64 = i32::MAX as i64;
        match dim {
            Dim::Known(size) => self
                .on(*size)
                .map_or(Dim::Unknown, |positions| Dim::Known(positions.count)),
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

fn slice(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let Some(cuts) = cuts(site.node, site.known, input.len())? else {
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
                cut(start, end, step).on(size).map(|c| c.all().count()),
                Some(count),
                "{start}:{end}:{step} of {size}"
            );
        }
    }
}
