//! Dimensions and the arithmetic on them.
//!
//! An open dimension is known by a name: `N`, a product such as `12*N`, or a formula such as `((H-1)/2+1)`. Equal names
//! stand for equal sizes, so that two ways through a network whose sizes follow from the same input can be seen to fit.

/// One dimension of a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A number of elements.
    Known(usize),
    /// The same number wherever this name stands, such as the batch size `N` or its multiple `12*N`.
    Named(String),
    /// Anything.
    Unknown,
}

/// The dimensions of a value, outermost first.
pub type Shape = Vec<Dim>;

/// Names longer than this say too little for what they cost: the dimension counts as unknown.
const LONGEST_NAME: usize = 200;

impl Dim {
    /// The size, where it is a number.
    #[must_use]
    pub fn known(&self) -> Option<usize> {
        match self {
            Self::Known(size) => Some(*size),
            _ => None,
        }
    }

    /// A dimension of that name, unless it is longer than names should be.
    pub(super) fn named(name: String) -> Self {
        if name.is_empty() || name.len() > LONGEST_NAME {
            Self::Unknown
        } else {
            Self::Named(name)
        }
    }

    /// The product of two dimensions.
    pub(super) fn times(&self, other: &Self) -> Self {
        match (Monomial::of(self), Monomial::of(other)) {
            (Some(a), Some(b)) => a.times(b).map_or(Self::Unknown, Monomial::dim),
            // Whatever the other factor is.
            _ if *self == Self::Known(0) || *other == Self::Known(0) => Self::Known(0),
            _ => Self::Unknown,
        }
    }

    /// The quotient of two dimensions, where it is known to leave no remainder.
    pub(super) fn exactly_over(&self, other: &Self) -> Option<Self> {
        Monomial::of(self)?
            .over(Monomial::of(other)?)
            .map(Monomial::dim)
    }

    /// `(self + offset) / divisor + 1` rounded down: the positions of a window over an open dimension.
    pub(super) fn stepped(&self, offset: i64, divisor: usize) -> Self {
        match self {
            Self::Named(name) if divisor == 1 && offset == -1 => Self::Named(name.clone()),
            Self::Named(name) if divisor == 1 => {
                Self::named(format!("({name}{:+})", offset.saturating_add(1)))
            }
            Self::Named(name) if offset == 0 => Self::named(format!("({name}/{divisor}+1)")),
            Self::Named(name) => Self::named(format!("(({name}{offset:+})/{divisor}+1)")),
            _ => Self::Unknown,
        }
    }
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// About how many bytes a shape takes.
pub(super) fn bytes(shape: &Shape) -> usize {
    let names = shape.iter().map(|dim| match dim {
        Dim::Named(name) => name.len(),
        _ => 0,
    });
    size_of_val(&shape[..]) + names.sum::<usize>()
}

/// The product of all dimensions: 1 where there are none.
pub(super) fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> Dim {
    dims.into_iter()
        .fold(Dim::Known(1), |product, dim| product.times(dim))
}

/// A number times names, in alphabetical order: `12*N`.
struct Monomial {
    factor: usize,
    names: Vec<String>,
}

impl Monomial {
    fn of(dim: &Dim) -> Option<Self> {
        match dim {
            Dim::Known(factor) => Some(Self {
                factor: *factor,
                names: vec![],
            }),
            Dim::Named(name) => Some(Self::parse(name)),
            Dim::Unknown => None,
        }
    }

    fn parse(name: &str) -> Self {
        let mut monomial = Self {
            factor: 1,
            names: vec![],
        };
        for part in split_factors(name) {
            let number = part.parse::<usize>().ok();
            match number.and_then(|number| monomial.factor.checked_mul(number)) {
                Some(factor) => monomial.factor = factor,
                None => monomial.names.push(part.to_owned()),
            }
        }
        monomial.names.sort_unstable();
        monomial
    }

    fn times(mut self, other: Self) -> Option<Self> {
        self.factor = self.factor.checked_mul(other.factor)?;
        self.names.extend(other.names);
        self.names.sort_unstable();
        Some(self)
    }

    fn over(mut self, other: Self) -> Option<Self> {
        if other.factor == 0 || !self.factor.is_multiple_of(other.factor) {
            return None;
        }
        self.factor /= other.factor;
        for name in &other.names {
            let found = self.names.iter().position(|own| own == name)?;
            self.names.remove(found);
        }
        Some(self)
    }

    fn dim(self) -> Dim {
        if self.factor == 0 || self.names.is_empty() {
            return Dim::Known(self.factor);
        }
        let mut name = self.names.join("*");
        if self.factor != 1 {
            name = format!("{}*{name}", self.factor);
        }
        Dim::named(name)
    }
}

/// The factors of a product: split at every `*` that stands in no parentheses.
fn split_factors(name: &str) -> Vec<&str> {
    let mut depth = 0usize;
    name.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '*' && depth == 0
    })
    .collect()
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
    use super::*;

    fn named(name: &str) -> Dim {
        Dim::Named(name.into())
    }

    #[test]
    fn products_of_names_multiply_and_divide() {
        let windows = product([&named("N"), &Dim::Known(8), &Dim::Known(8)]);
        assert_eq!(windows, named("64*N"));
        assert_eq!(windows.exactly_over(&Dim::Known(64)), Some(named("N")));
        assert_eq!(windows.exactly_over(&named("N")), Some(Dim::Known(64)));
        assert_eq!(windows.exactly_over(&Dim::Known(3)), None);
        assert_eq!(windows.exactly_over(&Dim::Known(0)), None);
        assert_eq!(Dim::Known(usize::MAX).times(&Dim::Known(2)), Dim::Unknown);
        assert_eq!(Dim::Unknown.times(&Dim::Known(0)), Dim::Known(0));
    }

    #[test]
    fn a_formula_is_one_factor() {
        let half = named("H").stepped(-1, 2);
        assert_eq!(half, named("((H-1)/2+1)"));
        let doubled = half.times(&Dim::Known(2));
        assert_eq!(doubled, named("2*((H-1)/2+1)"));
        assert_eq!(doubled.exactly_over(&half), Some(Dim::Known(2)));
        assert_eq!(named("H").stepped(-1, 1), named("H"));
    }

    #[test]
    fn names_do_not_grow_without_end() {
        let mut dim = named("H");
        for _ in 0..100 {
            dim = dim.stepped(-3, 2);
        }
        assert_eq!(dim, Dim::Unknown);
    }
}
