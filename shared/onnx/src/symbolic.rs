//! Integers as far as they are known before a graph runs: sizes, and what sizes are computed from.

use super::formula::Formula;

/// An integer as far as it is known before the graph runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Symbolic<N> {
    /// A number.
    Known(N),
    /// An open size, such as the batch `N` or its multiple `12*N`: the same number wherever the same formula stands.
    Named(Formula),
    /// Anything.
    Unknown,
}

/// One dimension of a shape.
pub type Dim = Symbolic<usize>;

/// One integer that a graph computes from shapes.
pub type Entry = Symbolic<i64>;

/// The dimensions of a value, outermost first.
pub type Shape = Vec<Dim>;

/// Formulas that take more bytes than this say too little for what they cost: the size counts as unknown.
const LONGEST_FORMULA: usize = 512;

impl<N: Copy> Symbolic<N> {
    /// The number, where it is one.
    #[must_use]
    pub fn known(&self) -> Option<N> {
        match self {
            Self::Known(number) => Some(*number),
            _ => None,
        }
    }

    /// What a formula says, unless it is longer than formulas should be.
    pub(super) fn named(formula: Formula) -> Self {
        if formula.bytes() > LONGEST_FORMULA {
            Self::Unknown
        } else {
            Self::Named(formula)
        }
    }

    /// As an integer of another type; unknown where that does not hold it.
    fn convert<M: TryFrom<N>>(&self) -> Symbolic<M> {
        match self {
            Self::Known(number) => M::try_from(*number).map_or(Symbolic::Unknown, Symbolic::Known),
            Self::Named(formula) => Symbolic::Named(formula.clone()),
            Self::Unknown => Symbolic::Unknown,
        }
    }
}

impl Entry {
    /// The dimension that this entry is the size of; unknown where it is negative.
    #[must_use]
    pub fn dim(&self) -> Dim {
        self.convert()
    }
}

impl From<Dim> for Entry {
    fn from(dim: Dim) -> Self {
        dim.convert()
    }
}

impl<N: Copy + TryInto<i128> + TryFrom<i128>> Symbolic<N> {
    /// A number as a formula without factors.
    fn formula(&self) -> Option<Formula> {
        match self {
            Self::Known(number) => (*number).try_into().ok().map(Formula::number),
            Self::Named(formula) => Some(formula.clone()),
            Self::Unknown => None,
        }
    }

    fn of(formula: Option<Formula>) -> Self {
        match formula.map(|formula| (formula.as_number(), formula)) {
            Some((Some(number), _)) => N::try_from(number).map_or(Self::Unknown, Self::Known),
            Some((None, open)) => Self::named(open),
            None => Self::Unknown,
        }
    }

    /// The sum.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let terms = self.formula().zip(other.formula());
        Self::of(terms.and_then(|(a, b)| a.plus(b)))
    }

    /// The product.
    pub(super) fn times(&self, other: &Self) -> Self {
        let factors = [self.formula(), other.formula()];
        // Whatever the other factor is.
        if let Some(zero) = factors.iter().flatten().find(|f| f.as_number() == Some(0)) {
            return Self::of(Some(zero.clone()));
        }
        let [a, b] = factors;
        Self::of(a.zip(b).and_then(|(a, b)| a.times(b)))
    }

    /// The quotient, where it is known to leave no remainder.
    pub(super) fn exactly_over(&self, other: &Self) -> Option<Self> {
        let quotient = self.formula()?.over(&other.formula()?)?;
        Some(Self::of(Some(quotient)))
    }

    /// `(self + offset) / divisor + 1` rounded down: the positions of a window over an open dimension; unknown of a number.
    pub(super) fn stepped(&self, offset: i64, divisor: usize) -> Self {
        match self {
            Self::Named(open) => Self::of(open.clone().positions(offset, divisor)),
            _ => Self::Unknown,
        }
    }
}

impl<N: std::fmt::Display> std::fmt::Display for Symbolic<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(number) => number.fmt(f),
            Self::Named(formula) => formula.fmt(f),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// A shape as people read it: `[N, 3, 224, 224]`.
#[must_use]
pub fn shape_text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// About how many bytes a shape takes.
pub(super) fn bytes(shape: &[Dim]) -> usize {
    let formulas = shape.iter().map(|dim| match dim {
        Dim::Named(formula) => formula.bytes(),
        _ => 0,
    });
    size_of_val(shape) + formulas.sum::<usize>()
}

/// The product of all dimensions: 1 where there are none.
pub(super) fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> Dim {
    dims.into_iter()
        .fold(Dim::Known(1), |product, dim| product.times(dim))
}

/// The shape of an element-wise operation on two values, by ONNX's multidirectional broadcasting
/// (<https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md>); `None` where two sizes do not fit.
#[must_use]
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let at = |shape: &[Dim], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own].clone(),
        None => Dim::Known(1),
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (Dim::Known(1), other) | (other, Dim::Known(1)) => Some(other),
            (Dim::Known(x), Dim::Known(y)) => (x == y).then_some(Dim::Known(x)),
            // A size other than one settles what the other side must be.
            (Dim::Known(x), _) | (_, Dim::Known(x)) => Some(Dim::Known(x)),
            (x, y) => Some(if x == y { x } else { Dim::Unknown }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::formula::Factor;
    use super::*;

    fn named(name: &str) -> Dim {
        Dim::Named(name.into())
    }

    #[test]
    fn products_of_names_multiply_and_divide() {
        let windows = product([&named("N"), &Dim::Known(8), &Dim::Known(8)]);
        assert_eq!(windows.to_string(), "64*N");
        assert_eq!(windows.exactly_over(&Dim::Known(64)), Some(named("N")));
        assert_eq!(windows.exactly_over(&named("N")), Some(Dim::Known(64)));
        assert_eq!(windows.exactly_over(&Dim::Known(3)), None);
        assert_eq!(windows.exactly_over(&Dim::Known(0)), None);
        assert_eq!(Dim::Known(usize::MAX).times(&Dim::Known(2)), Dim::Unknown);
        assert_eq!(Dim::Unknown.times(&Dim::Known(0)), Dim::Known(0));
    }

    /// A file may call a size whatever it likes.
    #[test]
    fn a_name_is_never_taken_for_a_product() {
        let named = named("64*N");
        assert_eq!(named.exactly_over(&Dim::Known(64)), None);
        assert_ne!(Dim::Named("N".into()).times(&Dim::Known(64)), named);
    }

    #[test]
    fn a_count_of_positions_is_one_factor() {
        let half = named("H").stepped(-1, 2);
        assert_eq!(half.to_string(), "((H-1)/2+1)");
        let doubled = half.times(&Dim::Known(2));
        assert_eq!(doubled.to_string(), "2*((H-1)/2+1)");
        assert_eq!(doubled.exactly_over(&half), Some(Dim::Known(2)));
        assert_eq!(named("H").stepped(-1, 1), named("H"));
    }

    /// Held to counting itself.
    #[test]
    fn positions_of_positions_are_one_division() {
        let count = |size: i64, offset: i64, divisor: i64| (size + offset).div_euclid(divisor) + 1;
        for (first, then) in [((-3, 2), (-1, 3)), ((0, 2), (4, 1)), ((5, 1), (-6, 4))] {
            let steps =
                |dim: Dim, (offset, divisor): (i64, i64)| dim.stepped(offset, divisor as usize);
            let formula = steps(steps(named("H"), first), then);
            let Dim::Named(Formula { number: 1, factors }) = formula else {
                panic!("{formula}");
            };
            let [
                Factor::Positions {
                    of,
                    offset,
                    divisor,
                },
            ] = &factors[..]
            else {
                panic!("{factors:?}");
            };
            assert_eq!(**of, "H".into());
            for size in -20..50 {
                let twice = count(count(size, first.0, first.1), then.0, then.1);
                assert_eq!(count(size, *offset, *divisor as i64), twice, "{size}");
            }
        }
        let whole = named("H").plus(&Dim::Known(2)).stepped(-3, 1);
        assert_eq!(whole, named("H"), "what is padded and cut away");
    }

    #[test]
    fn formulas_do_not_grow_without_end() {
        let mut dim = named("H");
        for _ in 0..100 {
            dim = dim.stepped(-3, 2).times(&Dim::Known(2));
        }
        assert_eq!(dim, Dim::Unknown);
    }
}
