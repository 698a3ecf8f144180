//! Arithmetic on integers of which some are open dimensions. Open dimensions are never negative.

use super::super::Entry;

impl Entry {
    pub(super) fn minus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => {
                a.checked_sub(*b).map_or(Self::Unknown, Self::Known)
            }
            (difference, Self::Known(0)) => difference.clone(),
            (Self::Named(a), Self::Named(b)) if a == b => Self::Known(0),
            _ => Self::Unknown,
        }
    }

    /// Rounds towards zero, as integer division does in ONNX.
    pub(super) fn over(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => {
                a.checked_div(*b).map_or(Self::Unknown, Self::Known)
            }
            (quotient, Self::Known(1)) => quotient.clone(),
            // That size is not zero, or the graph could not run.
            _ => self.exactly_over(other).unwrap_or(Self::Unknown),
        }
    }

    /// The remainder, with the divisor's sign (Python's) or, for `fmod`, the dividend's (C's).
    pub(super) fn modulo(&self, other: &Self, fmod: bool) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => a.checked_rem(*b).map_or(Self::Unknown, |rest| {
                let turned = !fmod && rest != 0 && (rest < 0) != (*b < 0);
                Self::Known(if turned { rest + b } else { rest })
            }),
            _ if self.exactly_over(other).is_some() => Self::Known(0),
            _ => Self::Unknown,
        }
    }

    pub(super) fn least(&self, other: &Self) -> Self {
        self.extreme(other, i64::min)
    }

    pub(super) fn greatest(&self, other: &Self) -> Self {
        self.extreme(other, i64::max)
    }

    fn extreme(&self, other: &Self, of: fn(i64, i64) -> i64) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => Self::Known(of(*a, *b)),
            (Self::Named(a), Self::Named(b)) if a == b => self.clone(),
            // An open dimension is at least zero.
            (Self::Named(open), Self::Known(bound @ ..=0))
            | (Self::Known(bound @ ..=0), Self::Named(open)) => {
                if of(0, -1) == 0 {
                    Self::Named(open.clone())
                } else {
                    Self::Known(*bound)
                }
            }
            _ => Self::Unknown,
        }
    }

    /// The order of two entries, where it is known.
    pub(super) fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => Some(a.cmp(b)),
            (Self::Named(a), Self::Named(b)) if a == b => Some(std::cmp::Ordering::Equal),
            (Self::Named(_), Self::Known(..=-1)) => Some(std::cmp::Ordering::Greater),
            (Self::Known(..=-1), Self::Named(_)) => Some(std::cmp::Ordering::Less),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_and_remainder_round_as_onnx_does() {
        let k = Entry::Known;
        assert_eq!(k(-7).over(&k(2)), k(-3));
        assert_eq!(k(-7).modulo(&k(3), false), k(2));
        assert_eq!(k(7).modulo(&k(-3), false), k(-2));
        assert_eq!(k(-7).modulo(&k(3), true), k(-1));
        assert_eq!(k(1).over(&k(0)), Entry::Unknown);
        assert_eq!(k(i64::MIN).over(&k(-1)), Entry::Unknown);
        assert_eq!(k(i64::MIN).modulo(&k(-1), false), Entry::Unknown);
    }

    #[test]
    fn open_dimensions_follow_where_nothing_else_can_be() {
        let n = Entry::Named("N".into());
        assert_eq!(n.times(&Entry::Known(64)).over(&Entry::Known(64)), n);
        assert_eq!(
            n.times(&Entry::Known(64)).modulo(&Entry::Known(8), false),
            Entry::Known(0)
        );
        assert_eq!(n.times(&Entry::Known(-1)), Entry::Unknown);
        assert_eq!(n.greatest(&Entry::Known(0)), n);
        assert_eq!(n.least(&Entry::Known(-3)), Entry::Known(-3));
        assert_eq!(n.greatest(&Entry::Known(1)), Entry::Unknown);
        assert_eq!(
            n.order(&Entry::Known(-1)),
            Some(std::cmp::Ordering::Greater)
        );
        assert_eq!(n.order(&Entry::Known(0)), None);
    }
}
