//! Values on the command line; a wrong one is wrong usage.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;

/// Three numbers between commas, one per RGB channel.
pub(super) fn channels(text: &str) -> Result<[f32; 3], String> {
    let wrong =
        || format!("`{text}` is not three numbers between commas, such as 0.485,0.456,0.406");
    let numbers = text
        .split(',')
        .map(|part| part.trim().parse::<f32>().ok().filter(|x| x.is_finite()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(wrong)?;
    numbers.try_into().map_err(|_| wrong())
}

/// As [`channels`], above zero: what is divided by.
pub(super) fn positive_channels(text: &str) -> Result<[f32; 3], String> {
    let channels = channels(text)?;
    if channels.iter().all(|&x| x > 0.0) {
        Ok(channels)
    } else {
        Err(format!("`{text}`: a standard deviation is above 0"))
    }
}

/// A share in percent, 0 to 100.
pub(super) fn percent(text: &str) -> Result<f32, String> {
    between(text, 0.0, 100.0)
}

/// A number from 0 to 1.
pub(super) fn unit(text: &str) -> Result<f32, String> {
    between(text, 0.0, 1.0)
}

/// A number from 0 to 10: a strength of noise.
pub(super) fn share(text: &str) -> Result<f32, String> {
    between(text, 0.0, 10.0)
}

fn between(text: &str, low: f32, high: f32) -> Result<f32, String> {
    let number = text.parse().ok().filter(|x| (low..=high).contains(x));
    number.ok_or_else(|| format!("`{text}` is not a number from {low} to {high}"))
}

/// One of several names, as the type's own JSON spells it.
pub(super) fn named<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names)
        .try_map(|name| serde_json::from_value::<T>(serde_json::Value::String(name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_three_finite_numbers() {
        assert_eq!(channels("0.5, 1,-2"), Ok([0.5, 1.0, -2.0]));
        for wrong in ["", "1,2", "1,2,3,4", "1,2,x", "1,2,NaN", "1,2,inf"] {
            assert!(channels(wrong).is_err(), "{wrong}");
        }
        assert!(positive_channels("1,0,1").is_err());
    }

    #[test]
    fn shares_stay_in_their_range() {
        assert_eq!(percent("100"), Ok(100.0));
        assert_eq!(unit("0.25"), Ok(0.25));
        for wrong in ["-1", "101", "NaN", ""] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
        assert!(unit("1.01").is_err());
    }
}
