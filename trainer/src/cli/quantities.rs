//! Numbers and names that the commands about training take.

use std::num::NonZeroUsize;

use pellucid_shared::card::Norm;
#[cfg(feature = "torch")]
use pellucid_shared::zoo::Architecture;

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
const MOST_RATE: f64 = 1000.0;
/// Two years.
#[cfg(feature = "torch")]
const MOST_MINUTES: f64 = 1e6;
/// Four months.
#[cfg(feature = "torch")]
const MOST_SECONDS: f64 = 1e7;

/// A whole number from `LEAST` to `MOST`.
pub(super) fn count<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (LEAST..=MOST).contains(n));
    number.ok_or_else(|| format!("`{text}` must be a whole number from {LEAST} to {MOST}"))
}

/// The same, with a type that knows that it is not 0.
pub(super) fn nonzero<const MOST: usize>(text: &str) -> Result<NonZeroUsize, String> {
    let number = count::<1, MOST>(text)?;
    NonZeroUsize::new(number).ok_or_else(|| format!("`{text}` must not be 0"))
}

fn number(text: &str, most: f64) -> Option<f64> {
    let number = text.parse::<f64>().ok();
    number.filter(|number| (0.0..=most).contains(number))
}

#[cfg(feature = "torch")]
fn above_zero(text: &str, most: f64) -> Result<f64, String> {
    let number = number(text, most).filter(|number| *number > 0.0);
    number.ok_or_else(|| format!("`{text}` must be a number above 0 and at most {most}"))
}

/// A learning rate.
#[cfg(feature = "torch")]
pub(super) fn rate(text: &str) -> Result<f64, String> {
    above_zero(text, MOST_RATE)
}

/// Threads of the CPU: beyond a few for each core they only wait for each other, and each takes memory.
#[cfg(feature = "torch")]
pub(super) fn threads(text: &str) -> Result<usize, String> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = (8 * cores).min(1024);
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| {
        format!(
            "`{text}` must be a whole number from 1 to {most}, as this machine has {cores} cores"
        )
    })
}

/// A weight decay.
#[cfg(feature = "torch")]
pub(super) fn decay(text: &str) -> Result<f64, String> {
    number(text, MOST_RATE)
        .ok_or_else(|| format!("`{text}` must be a number from 0 to {MOST_RATE}"))
}

/// Minutes that a training may take.
#[cfg(feature = "torch")]
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    above_zero(text, MOST_MINUTES)
}

/// Seconds that a measurement may take.
#[cfg(feature = "torch")]
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    above_zero(text, MOST_SECONDS)
}

/// A number between 0 and 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    number(text, 1.0).ok_or_else(|| format!("`{text}` must be a number from 0 to 1"))
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
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        for wrong in ["0", "-1", "1.5", "", "11", "99999999999999999999999"] {
            let error = count::<1, 10>(wrong).unwrap_err();
            assert!(error.ends_with("a whole number from 1 to 10"), "{error}");
            assert!(nonzero::<10>(wrong).is_err());
        }
        assert_eq!((count::<1, 10>("1"), count::<1, 10>("10")), (Ok(1), Ok(10)));
        assert_eq!(nonzero::<10>("7"), Ok(NonZeroUsize::new(7).unwrap()));
        for wrong in ["-1", "NaN", "inf", "x", "", "1.1"] {
            assert!(share(wrong).unwrap_err().contains("from 0 to 1"), "{wrong}");
        }
        assert_eq!((share("0"), share("1")), (Ok(0.0), Ok(1.0)));
    }

    #[cfg(feature = "torch")]
    #[test]
    fn what_training_takes_is_checked() {
        for (error, range) in [
            (rate("0"), "above 0 and at most 1000"),
            (rate("1e30"), "above 0 and at most 1000"),
            (rate("NaN"), "above 0 and at most 1000"),
            (decay("-1"), "from 0 to 1000"),
            (decay("inf"), "from 0 to 1000"),
            (minutes("1e9"), "at most 1000000"),
            (seconds("0"), "at most 10000000"),
        ] {
            assert!(error.clone().unwrap_err().contains(range), "{error:?}");
        }
        assert_eq!((rate("3e-4"), decay("0")), (Ok(3e-4), Ok(0.0)));
        assert!(architecture("resnet").is_err());
    }
}
