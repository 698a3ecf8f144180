//! Values on the command line; a wrong one is wrong usage.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use pellucid_shared::card::usable;
use serde::de::DeserializeOwned;

/// Three numbers between commas, one per RGB channel, or one for all.
pub(super) fn channels(text: &str) -> Result<[f32; 3], String> {
    let wrong =
        || format!("`{text}` is not three numbers between commas, such as 0.485,0.456,0.406");
    let numbers = text
        .split(',')
        .map(|part| part.trim().parse::<f32>().ok().filter(|x| x.is_finite()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(wrong)?;
    match numbers[..] {
        [one] => Ok([one; 3]),
        _ => numbers.try_into().map_err(|_| wrong()),
    }
}

/// As [`channels`], and such that images can be divided by it.
pub(super) fn positive_channels(text: &str) -> Result<[f32; 3], String> {
    let channels = channels(text)?;
    usable([0.0; 3], channels).map(|()| channels)
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
mod tests {
    use super::*;

    #[test]
    fn channels_are_three_finite_numbers() {
        assert_eq!(channels("0.5, 1,-2"), Ok([0.5, 1.0, -2.0]));
        assert_eq!(channels("0.5"), Ok([0.5; 3]));
        for wrong in ["", "1,2", "1,2,3,4", "1,2,x", "1,2,NaN", "1,2,inf"] {
            assert!(channels(wrong).is_err(), "{wrong}");
        }
        for wrong in ["1,0,1", "1,1,1e-45", "-1"] {
            assert!(positive_channels(wrong).is_err(), "{wrong}");
        }
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
