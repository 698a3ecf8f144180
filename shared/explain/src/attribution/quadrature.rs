use std::f64::consts::PI;

/// How an integral over [0, 1] becomes a weighted sum of `n` values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Gauss–Legendre: exact for polynomials of degree 2n − 1; Captum's default.
    #[default]
    GaussLegendre,
    /// The trapezoidal rule on n points, both ends among them: weights 1/(n − 1), half of it at the ends. (Captum 0.8
    /// divides by n, so that its weights sum to 1 − 1/n and its convergence delta does not vanish.)
    Trapezoid,
    /// The left ends of n equal parts.
    RiemannLeft,
    /// The middles of n equal parts.
    RiemannMiddle,
    /// The right ends of n equal parts.
    RiemannRight,
}

/// One point of a quadrature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// Where, in [0, 1].
    pub at: f64,
    /// How much it counts; the weights sum to 1.
    pub weight: f64,
}

impl Rule {
    /// The `n` points of the rule, from left to right; one point where `n` is 0.
    #[must_use]
    pub fn nodes(self, n: usize) -> Vec<Node> {
        let n = n.max(1);
        let even = |offset: f64| {
            let node = |i: usize| Node {
                at: (i as f64 + offset) / n as f64,
                weight: 1.0 / n as f64,
            };
            (0..n).map(node).collect()
        };
        match self {
            Self::GaussLegendre => gauss_legendre(n),
            Self::RiemannLeft => even(0.0),
            Self::RiemannMiddle => even(0.5),
            Self::RiemannRight => even(1.0),
            // A single trapezoid's point: the middle stands for both ends.
            Self::Trapezoid if n == 1 => even(0.5),
            Self::Trapezoid => {
                let last = n - 1;
                let node = |i: usize| Node {
                    at: i as f64 / last as f64,
                    weight: if i == 0 || i == last { 0.5 } else { 1.0 } / last as f64,
                };
                (0..n).map(node).collect()
            }
        }
    }
}

/// The roots of the Legendre polynomial of degree `n` by Newton's method, moved from [−1, 1] to [0, 1]
/// (Press et al., *Numerical Recipes*, third edition, section 4.6.1).
fn gauss_legendre(n: usize) -> Vec<Node> {
    let node = |i: usize| {
        let mut root = -(PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        // Newton's method doubles the digits; from this start it needs about five rounds.
        for _ in 0..16 {
            let value;
            (value, slope) = legendre(n, root);
            root -= value / slope;
        }
        Node {
            at: 0.5 * (1.0 + root),
            weight: 1.0 / ((1.0 - root * root) * slope * slope),
        }
    };
    (0..n).map(node).collect()
}

/// The Legendre polynomial of degree `n` ≥ 1 and its derivative, by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for degree in 2..=n {
        let k = degree as f64;
        (before, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
        );
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integral(rule: Rule, n: usize, f: impl Fn(f64) -> f64) -> f64 {
        rule.nodes(n)
            .iter()
            .map(|node| node.weight * f(node.at))
            .sum()
    }

    #[test]
    fn gauss_legendre_is_exact_up_to_degree_2n_minus_1_and_not_beyond() {
        for n in [1, 2, 3, 10, 50, 200] {
            for degree in 0..(2 * n).min(60) {
                let exact = 1.0 / (degree as f64 + 1.0);
                let found = integral(Rule::GaussLegendre, n, |x| x.powi(degree as i32));
                assert!((found - exact).abs() < 1e-13, "{n}, {degree}: {found}");
            }
        }
        assert!((integral(Rule::GaussLegendre, 2, |x| x.powi(4)) - 0.2).abs() > 1e-3);
    }

    #[test]
    fn every_rule_integrates_constants_and_comes_closer_with_more_points() {
        use Rule::*;
        for rule in [
            GaussLegendre,
            Trapezoid,
            RiemannLeft,
            RiemannMiddle,
            RiemannRight,
        ] {
            for n in [0, 1, 2, 7] {
                assert!(
                    (integral(rule, n, |_| 1.0) - 1.0).abs() < 1e-13,
                    "{rule:?} {n}"
                );
            }
            let error = |n| (integral(rule, n, f64::exp) - (1f64.exp() - 1.0)).abs();
            assert!(error(8) > error(64) || error(8) < 1e-13, "{rule:?}");
            assert!(error(64) < 0.02, "{rule:?}: {}", error(64));
        }
        // e^x rises: the left ends lie below, the right ones above.
        assert!(integral(RiemannLeft, 9, f64::exp) < 1f64.exp() - 1.0);
        assert!(integral(RiemannRight, 9, f64::exp) > 1f64.exp() - 1.0);
    }
}
