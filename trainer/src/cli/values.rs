//! What options take: names out of a few, and numbers within limits. A wrong value is wrong usage.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use pellucid_shared::card::{Norm, usable};

/// Bytes of a model card or a file of labels.
pub(super) const MOST_TEXT: u64 = 64 << 20;
/// Images of a step, or that a network is run on at a time.
pub(super) const MOST_BATCH: usize = 65_536;
/// Images of a data set; as many phantoms are drawn at the most.
pub(super) const MOST_IMAGES: usize = 10_000_000;
/// Epochs, and epochs without a better one.
#[cfg(feature = "torch")]
pub(super) const MOST_EPOCHS: usize = 1_000_000;
/// Steps of an attack, and repetitions of one or of a measurement.
pub(super) const MOST_STEPS: usize = 10_000;
/// Learning rates and weight decays.
#[cfg(feature = "torch")]
pub(super) const MOST_RATE: f64 = 1000.0;
/// Two years.
#[cfg(feature = "torch")]
pub(super) const MOST_MINUTES: f64 = 1e6;
/// Four months.
#[cfg(feature = "torch")]
pub(super) const MOST_SECONDS: f64 = 1e7;

/// The balls of attacks.
pub(super) const NORMS: [(&str, Norm); 5] = [
    ("l2", Norm::L2),
    ("linf", Norm::Linf),
    ("l1", Norm::L1),
    ("unconstrained", Norm::Unconstrained),
    ("fourier", Norm::Fourier),
];

/// One of a few names, which `--help` and the refusal of any other list. For types that know nothing of command lines;
/// this crate's own derive [`clap::ValueEnum`].
pub(super) fn one_of<T: Clone + Send + Sync + 'static>(
    choices: impl IntoIterator<Item = (&'static str, T)>,
) -> impl TypedValueParser<Value = T> {
    let choices: Vec<_> = choices.into_iter().collect();
    let names: Vec<&'static str> = choices.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(names).try_map(move |given| {
        let chosen = choices.iter().find(|(name, _)| *name == given);
        chosen
            .map(|(_, value)| value.clone())
            .ok_or("it is not in the list")
    })
}

/// A number from `low` to `high`.
pub(super) fn between<T>(
    low: T,
    high: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| (&low..=&high).contains(&number));
        number.ok_or_else(|| format!("`{text}` must be a number from {low} to {high}"))
    }
}

/// A number from 0 to 1.
pub(super) fn fraction<T>(text: &str) -> Result<T, String>
where
    T: From<u8> + FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    between(T::from(0), T::from(1))(text)
}

/// A number above 0 and up to `most`.
#[cfg(feature = "torch")]
pub(super) fn above_zero(
    most: f64,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| *number > 0.0 && *number <= most);
        number.ok_or_else(|| format!("`{text}` must be a number above 0 and at most {most}"))
    }
}

/// A whole number from `least` to `most`.
pub(super) fn count(
    least: usize,
    most: usize,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| format!("`{text}` must be a whole number from {least} to {most}"))
    }
}

/// A whole number from 1 to `most`, with a type that knows that it is not 0.
pub(super) fn nonzero(
    most: usize,
) -> impl Fn(&str) -> Result<NonZeroUsize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = NonZeroUsize::new(count(1, most)(text)?);
        number.ok_or_else(|| format!("`{text}` must not be 0"))
    }
}

/// Threads of the CPU: beyond a few for each core they only wait for each other, and each takes memory.
#[cfg(feature = "torch")]
pub(super) fn threads(text: &str) -> Result<usize, String> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = (8 * cores).min(1024);
    count(1, most)(text).map_err(|refusal| format!("{refusal}, as this machine has {cores} cores"))
}

/// Three numbers between commas, one per RGB channel, or one for all.
pub(super) fn channels(text: &str) -> Result<[f32; 3], String> {
    let wrong =
        || format!("`{text}` must be three numbers between commas, such as 0.485,0.456,0.406");
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
    fn numbers_out_of_range_are_refused_with_the_range() {
        for wrong in ["0", "-1", "1.5", "", "11", "99999999999999999999999"] {
            let error = count(1, 10)(wrong).unwrap_err();
            assert!(error.ends_with("a whole number from 1 to 10"), "{error}");
            assert!(nonzero(10)(wrong).is_err());
        }
        assert_eq!((count(1, 10)("1"), count(1, 10)("10")), (Ok(1), Ok(10)));
        assert_eq!(nonzero(10)("7"), Ok(NonZeroUsize::new(7).unwrap()));
        for wrong in ["-1", "NaN", "inf", "x", "", "1.1"] {
            let error = fraction::<f64>(wrong).unwrap_err();
            assert!(error.contains("from 0 to 1"), "{error}");
            assert!(fraction::<f32>(wrong).is_err());
        }
        assert_eq!((fraction("0"), fraction("1")), (Ok(0.0), Ok(1.0)));
        assert_eq!(between(0.0_f32, 100.0)("100"), Ok(100.0));
        for wrong in ["-1", "101", "NaN", ""] {
            assert!(between(0.0_f32, 100.0)(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "torch")]
    #[test]
    fn what_is_above_zero_has_a_limit() {
        for wrong in ["0", "-1", "1e30", "NaN", "inf", ""] {
            let error = above_zero(MOST_RATE)(wrong).unwrap_err();
            assert!(error.contains("above 0 and at most 1000"), "{error}");
        }
        assert_eq!(above_zero(MOST_RATE)("3e-4"), Ok(3e-4));
    }
}
