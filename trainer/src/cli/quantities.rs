//! Numbers and names that the commands about training take.

use pellucid_shared::card::Norm;
#[cfg(feature = "torch")]
use pellucid_shared::zoo::Architecture;

/// A number that is 0 or more.
pub(super) fn at_least_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err(format!("`{text}` must be a number that is 0 or more")),
    }
}

/// A number above 0.
#[cfg(feature = "torch")]
pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    match at_least_zero(text) {
        Ok(value) if value > 0.0 => Ok(value),
        _ => Err(format!("`{text}` must be a number above 0")),
    }
}

/// A number between 0 and 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match at_least_zero(text) {
        Ok(value) if value <= 1.0 => Ok(value),
        _ => Err(format!("`{text}` must be a number from 0 to 1")),
    }
}

/// A whole number that is 1 or more.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    at_least(1, text)
}

/// A whole number that is 2 or more.
#[cfg(feature = "torch")]
pub(super) fn at_least_two(text: &str) -> Result<usize, String> {
    at_least(2, text)
}

fn at_least(least: usize, text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&n| n >= least);
    number.ok_or_else(|| format!("`{text}` must be a whole number that is {least} or more"))
}

/// `l2` or `linf`.
pub(super) fn norm(text: &str) -> Result<Norm, String> {
    match text {
        "l2" => Ok(Norm::L2),
        "linf" => Ok(Norm::Linf),
        _ => Err(format!("`{text}` is no norm: l2 or linf")),
    }
}

/// The name of an architecture.
#[cfg(feature = "torch")]
pub(super) fn architecture(text: &str) -> Result<Architecture, String> {
    Architecture::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Architecture::ALL.iter().map(|a| a.name()).collect();
        format!("`{text}` is no architecture: {}", names.join(", "))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in ["-1", "NaN", "inf", "x", ""] {
            assert!(at_least_zero(wrong).is_err(), "{wrong}");
        }
        assert_eq!(at_least_zero("0"), Ok(0.0));
        assert!(share("1.1").is_err());
        assert_eq!(share("1"), Ok(1.0));
        for wrong in ["0", "-1", "1.5", ""] {
            assert!(at_least_one(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "torch")]
    #[test]
    fn what_training_takes_is_checked() {
        assert!(above_zero("0").is_err());
        assert!(at_least_two("1").is_err());
        assert!(architecture("resnet").is_err());
    }
}
