//! Small values that shapes are computed from: integers, of which some may be open dimensions, and floats.

use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::super::symbolic::{Dim, Entry};

/// Values with more elements than this are data, not arithmetic on shapes, and are not followed.
pub(super) const MOST_ELEMENTS: usize = 64;
/// Values with more axes than this are not followed.
const MOST_AXES: usize = 8;

/// A small tensor whose elements are known, at least in part.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Small {
    /// Integers and booleans (0 and 1).
    Ints(ArrayD<Entry>),
    /// Floats; `None` where one is not known.
    Floats(ArrayD<Option<f32>>),
}

impl Small {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Ints(entries) => entries.shape(),
            Self::Floats(values) => values.shape(),
        }
    }

    /// The integers, where it holds such.
    pub(super) fn ints(&self) -> Option<ArrayViewD<'_, Entry>> {
        match self {
            Self::Ints(entries) => Some(entries.view()),
            Self::Floats(_) => None,
        }
    }

    /// The floats, where it holds such.
    pub(super) fn floats(&self) -> Option<ArrayViewD<'_, Option<f32>>> {
        match self {
            Self::Floats(values) => Some(values.view()),
            Self::Ints(_) => None,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let formula = |entry: &Entry| match entry {
            Entry::Named(formula) => formula.bytes(),
            _ => 0,
        };
        match self {
            Self::Ints(entries) => {
                entries.len() * (size_of::<Entry>() + size_of::<i64>())
                    + entries.iter().map(formula).sum::<usize>()
            }
            Self::Floats(values) => values.len() * size_of::<Option<f32>>(),
        }
    }

    /// A vector of integers.
    pub(super) fn vector(entries: Vec<Entry>) -> Self {
        Self::Ints(ndarray::arr1(&entries).into_dyn())
    }

    /// A single integer.
    pub(super) fn scalar(entry: Entry) -> Self {
        Self::Ints(ndarray::arr0(entry).into_dyn())
    }
}

/// Whether a shape is small enough for its values to be followed.
pub(super) fn is_small(shape: &[usize]) -> bool {
    shape.len() <= MOST_AXES
        && shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size))
            .is_some_and(|elements| elements <= MOST_ELEMENTS)
        // Beside a zero any other size fits; what is computed along that axis must stay small too.
        && shape.iter().all(|&size| size <= MOST_ELEMENTS)
}

/// An array of that shape; `None` where the shape is too large to follow or the elements are of another number.
pub(super) fn array<T>(shape: &[usize], elements: Vec<T>) -> Option<ArrayD<T>> {
    is_small(shape)
        .then(|| ArrayD::from_shape_vec(IxDyn(shape), elements).ok())
        .flatten()
}

/// The shape as numbers, where it is all numbers and small.
pub(super) fn small_shape(dims: &[Dim]) -> Option<Vec<usize>> {
    if dims.len() > MOST_AXES {
        return None;
    }
    let shape: Vec<usize> = dims.iter().map(Dim::known).collect::<Option<_>>()?;
    is_small(&shape).then_some(shape)
}
