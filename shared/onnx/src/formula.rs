//! Formulas for sizes that are open until a graph runs.

use std::fmt::{self, Display};

/// A size that is open until the graph runs, such as `N`, `12*N` or `((H-1)/2+1)`: a number times factors.
///
/// Equal formulas are equal sizes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Formula {
    /// Beside factors at least one.
    pub(super) number: i128,
    /// In order.
    pub(super) factors: Vec<Factor>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Factor {
    /// `(of + offset) / divisor + 1`, rounded down.
    Positions {
        of: Box<Formula>,
        offset: i64,
        divisor: usize,
    },
    /// What a file calls the size.
    Name(String),
    /// The size of a value along an axis, of which nothing else is known.
    Axis(String, usize),
}

impl From<&str> for Formula {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl From<String> for Formula {
    fn from(name: String) -> Self {
        Factor::Name(name).into()
    }
}

impl From<Factor> for Formula {
    fn from(factor: Factor) -> Self {
        Self {
            number: 1,
            factors: vec![factor],
        }
    }
}

impl Formula {
    /// The size of a value along an axis, whatever it is.
    pub(super) fn axis(value: &str, axis: usize) -> Self {
        Factor::Axis(value.to_owned(), axis).into()
    }

    /// A number without factors.
    pub(super) fn number(number: i128) -> Self {
        Self {
            number,
            factors: vec![],
        }
    }

    /// The number that it is, where it has no factors.
    pub(super) fn as_number(&self) -> Option<i128> {
        (self.factors.is_empty() || self.number == 0).then_some(self.number)
    }

    /// The formula, unless it is a negative multiple of a size.
    fn not_negative(self) -> Option<Self> {
        (self.factors.is_empty() || self.number >= 0).then_some(self)
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (open, number) = match (self.as_number(), other.as_number()) {
            (Some(a), Some(b)) => return a.checked_add(b).map(Self::number),
            (None, Some(number)) => (self, number),
            (Some(number), None) => (other, number),
            (None, None) if self == other => return self.times(Self::number(2)),
            (None, None) => return None,
        };
        open.positions(i64::try_from(number.checked_sub(1)?).ok()?, 1)
    }

    pub(super) fn times(mut self, other: Self) -> Option<Self> {
        self.number = self.number.checked_mul(other.number)?;
        self.factors.extend(other.factors);
        self.factors.sort_unstable();
        self.not_negative()
    }

    /// The quotient, where it is known to leave no remainder.
    pub(super) fn over(mut self, other: &Self) -> Option<Self> {
        if self.number.checked_rem(other.number)? != 0 {
            return None;
        }
        self.number /= other.number;
        for factor in &other.factors {
            let found = self.factors.iter().position(|own| own == factor)?;
            self.factors.remove(found);
        }
        self.not_negative()
    }

    /// `(self + offset) / divisor + 1`, rounded down. Of such positions it is again one step over what these count: with a window of
    /// steps behind another, and a number added, the sum is one division.
    pub(super) fn positions(self, offset: i64, divisor: usize) -> Option<Self> {
        let (of, offset, divisor) = match (self.number, &self.factors[..]) {
            (
                1,
                [
                    Factor::Positions {
                        of,
                        offset: first,
                        divisor: inner,
                    },
                ],
            ) => {
                let steps = offset.checked_add(1)?;
                let further = steps.checked_mul(i64::try_from(*inner).ok()?)?;
                (
                    of.clone(),
                    first.checked_add(further)?,
                    inner.checked_mul(divisor)?,
                )
            }
            _ => (Box::new(self), offset, divisor),
        };
        Some(match (offset, divisor) {
            (-1, 1) => *of,
            _ => Factor::Positions {
                of,
                offset,
                divisor,
            }
            .into(),
        })
    }

    /// Whether it counts along an axis of which nothing else is known.
    pub(super) fn is_of_an_axis(&self) -> bool {
        self.factors.iter().any(|factor| match factor {
            Factor::Positions { of, .. } => of.is_of_an_axis(),
            Factor::Name(_) => false,
            Factor::Axis(..) => true,
        })
    }

    /// About how many bytes it takes beside itself.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.factors.iter().map(|factor| match factor {
            Factor::Positions { of, .. } => size_of::<Self>() + of.bytes(),
            Factor::Name(name) | Factor::Axis(name, _) => name.len(),
        });
        size_of_val(&self.factors[..]) + inner.sum::<usize>()
    }
}

impl Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if self.number != 1 || self.factors.is_empty() {
            write!(f, "{}", self.number)?;
            between = "*";
        }
        for factor in &self.factors {
            write!(f, "{between}{factor}")?;
            between = "*";
        }
        Ok(())
    }
}

impl Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Positions {
                of,
                offset,
                divisor: 1,
            } => write!(f, "({of}{:+})", i128::from(*offset) + 1),
            Self::Positions {
                of,
                offset: 0,
                divisor,
            } => write!(f, "({of}/{divisor}+1)"),
            Self::Positions {
                of,
                offset,
                divisor,
            } => write!(f, "(({of}{offset:+})/{divisor}+1)"),
            Self::Name(name) => f.write_str(name),
            Self::Axis(value, axis) => write!(f, "{value}#{axis}"),
        }
    }
}
