//! Thresholds at which a class is found with a wanted sensitivity, and what that costs.

use std::str::FromStr;

use serde::Serialize;

/// What `--operating-point` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The class, by code, name or number.
    pub class: String,
    /// The least share of its images that are to be found, above 0 and up to 1.
    pub sensitivity: f64,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` must be a class and a sensitivity above 0 and up to 1, such as mel=0.95"
            )
        };
        let (class, sensitivity) = text.rsplit_once('=').ok_or_else(wrong)?;
        let sensitivity: f64 = sensitivity.trim().parse().map_err(|_| wrong())?;
        if class.is_empty() || !(sensitivity > 0.0 && sensitivity <= 1.0) {
            return Err(wrong());
        }
        Ok(Self {
            class: class.to_owned(),
            sensitivity,
        })
    }
}

/// A threshold of one class and what it does, `null` where the data have no image of the class, or none of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// The class's code.
    pub class: String,
    /// The sensitivity that was wanted.
    pub wanted: f64,
    /// An image counts as one of the class from this score on: the highest at which the sensitivity is reached on these images.
    pub threshold: Option<f64>,
    /// The share of the class's images that are found.
    pub sensitivity: Option<f64>,
    /// Its 95 % interval, after Wilson.
    pub sensitivity_interval: Option<[f64; 2]>,
    /// The share of the other images that are not taken for it.
    pub specificity: Option<f64>,
    /// Its 95 % interval, after Wilson.
    pub specificity_interval: Option<[f64; 2]>,
}

impl OperatingPoint {
    /// At a score for each image, and whether it shows the class.
    pub(super) fn of(class: &str, wanted: f64, scores: &[f64], is: &[bool]) -> Self {
        let of_kind = |kind: bool| -> Vec<f64> {
            let pairs = scores.iter().zip(is);
            pairs
                .filter(|(_, is)| **is == kind)
                .map(|(s, _)| *s)
                .collect()
        };
        let (mut own, others) = (of_kind(true), of_kind(false));
        own.sort_by(|a, b| b.total_cmp(a));
        // The smallest number of them that is that share or more; 0.95 of 20 are 19, however float64 rounds.
        let needed = (1..=own.len()).find(|&n| n as f64 >= wanted * own.len() as f64 - 1e-9);
        let threshold = needed.map(|needed| own[needed - 1]);
        let found = |of: &[f64]| {
            let threshold = threshold.filter(|_| !of.is_empty())?;
            Some((of.iter().filter(|s| **s >= threshold).count(), of.len()))
        };
        let (found_own, found_others) = (found(&own), found(&others));
        let kept = found_others.map(|(taken, all)| (all - taken, all));
        let share = |counts: Option<(usize, usize)>| counts.map(|(n, of)| n as f64 / of as f64);
        let interval = |counts: Option<(usize, usize)>| counts.map(|(n, of)| wilson(n, of));
        Self {
            class: class.to_owned(),
            wanted,
            threshold,
            sensitivity: share(found_own),
            sensitivity_interval: interval(found_own),
            specificity: share(kept),
            specificity_interval: interval(kept),
        }
    }
}

/// The 95 % interval of a share (Wilson, *Probable inference, the law of succession, and statistical inference*, 1927), which has a width where all or none are found.
fn wilson(found: usize, of: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let (n, share) = (of as f64, found as f64 / of as f64);
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_a_class_and_a_share() {
        let wanted: Wanted = "mel=0.95".parse().unwrap();
        assert_eq!((&wanted.class[..], wanted.sensitivity), ("mel", 0.95));
        assert_eq!("a=b=1".parse::<Wanted>().unwrap().class, "a=b");
        for wrong in [
            "mel", "=0.9", "mel=", "mel=0", "mel=1.01", "mel=-1", "mel=NaN", "mel=x", "",
        ] {
            let error = wrong.parse::<Wanted>().unwrap_err();
            assert!(error.contains("above 0 and up to 1"), "{error}");
        }
    }

    /// By hand: of the class's scores 0.9, 0.8, 0.6, 0.3 three are 75 % and reach down to 0.6; of the others 0.7 and 0.6 are taken for it.
    #[test]
    fn the_threshold_is_the_highest_that_finds_enough() {
        let scores = [0.9, 0.8, 0.6, 0.3, 0.7, 0.6, 0.5, 0.1, 0.2];
        let is: Vec<bool> = (0..9).map(|index| index < 4).collect();
        let point = |wanted| OperatingPoint::of("mel", wanted, &scores, &is);
        for (wanted, threshold, sensitivity, specificity) in [
            (0.75, 0.6, 0.75, 0.6),
            (0.70, 0.6, 0.75, 0.6),
            (0.76, 0.3, 1.0, 0.4),
            (1.0, 0.3, 1.0, 0.4),
            (0.01, 0.9, 0.25, 1.0),
        ] {
            let point = point(wanted);
            assert_eq!(point.threshold, Some(threshold), "{wanted}");
            assert_eq!(point.sensitivity, Some(sensitivity), "{wanted}");
            assert_eq!(point.specificity, Some(specificity), "{wanted}");
        }
        let none = OperatingPoint::of("mel", 0.9, &scores, &[false; 9]);
        assert_eq!((none.threshold, none.specificity), (None, None));
        let all = OperatingPoint::of("mel", 0.9, &scores, &[true; 9]);
        assert_eq!((all.threshold, all.specificity), (Some(0.1), None));
    }

    /// Wilson's interval of 19 of 20 is 0.7639 to 0.9911 and of 20 of 20 is 0.8389 to 1 (the closed form, worked apart).
    #[test]
    fn intervals_are_wilsons() {
        for (found, of, low, high) in [
            (19, 20, 0.763_869, 0.991_119),
            (20, 20, 0.838_875, 1.0),
            (0, 1, 0.0, 0.793_450),
        ] {
            let [a, b] = wilson(found, of);
            assert!((a - low).abs() < 1e-5 && (b - high).abs() < 1e-5, "{a} {b}");
        }
    }
}
