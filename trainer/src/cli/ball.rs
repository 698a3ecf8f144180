//! Radii of attacks and lengths of their steps.

use pellucid_shared::card::Norm;

/// Beyond the longest distance between any two images, also where somebody takes pixels for 0 to 255.
const MOST: f64 = 1e6;

/// A number from 0 to [`MOST`], or a fraction of two, as attacks on 8-bit images are given: `0.03`, `8/255`.
pub(super) fn length(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let value = match text.split_once('/') {
        Some((above, below)) => match (number(above), number(below)) {
            (Some(above), Some(below)) if below > 0.0 => Some(above / below),
            _ => None,
        },
        None => number(text),
    };
    value
        .filter(|value| (0.0..=MOST).contains(value))
        .ok_or_else(|| {
            format!("`{text}` must be a number that is 0 or more and at most {MOST}, such as 0.03, or a fraction, such as 8/255")
        })
}

/// In L∞, what attacks on any images use at most is 0.3; on photographs it is 16/255.
const MOST_PER_VALUE: f64 = 0.3;
/// In L2, the share of the longest distance between two images. Figures in use are below 0.03, on small ones below 0.08.
const MOST_OF_LONGEST: f64 = 0.1;
/// From here on a radius in L2 is taken for one on images of 0 to 255; below, one in L∞.
const LEVELS: f64 = 60.0;

/// What to say of a radius that is larger than makes sense in its ball of images of `side`×`side` pixels.
pub(super) fn too_large(norm: Norm, epsilon: f64, side: u32) -> Option<String> {
    let longest = (3.0 * f64::from(side).powi(2)).sqrt();
    let (ball, so_much, meant) = match norm {
        Norm::Linf if epsilon > MOST_PER_VALUE => {
            let so_much = if epsilon >= 1.0 {
                "replaces the image by any other".to_owned()
            } else {
                format!("changes every value of the image by up to {epsilon}")
            };
            let levels = (1.0..LEVELS).contains(&epsilon);
            let meant = if levels {
                format!("{epsilon}/255")
            } else {
                "8/255".to_owned()
            };
            ("L∞", so_much, meant)
        }
        Norm::L2 if epsilon > MOST_OF_LONGEST * longest => {
            let so_much = format!(
                "is {:.0} % of the longest distance between two images of {side}×{side} pixels",
                100.0 * epsilon / longest
            );
            let meant = if epsilon >= LEVELS {
                epsilon / 255.0
            } else {
                longest / 100.0
            };
            ("L2", so_much, rounded(meant))
        }
        _ => return None,
    };
    Some(format!(
        "ε = {epsilon} in the {ball} ball {so_much}, since pixels lie in [0, 1]: something like {meant} was probably meant"
    ))
}

/// Two significant digits.
fn rounded(value: f64) -> String {
    let digits = (1 - value.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_numbers() {
        for (text, value) in [
            ("8/255", 8.0 / 255.0),
            ("0.5/255", 0.5 / 255.0),
            (" 16 / 255 ", 16.0 / 255.0),
            ("0/255", 0.0),
            ("0.03", 0.03),
            ("1e-3", 1e-3),
            ("3", 3.0),
        ] {
            assert_eq!(length(text), Ok(value), "{text}");
        }
        for wrong in [
            "",
            "/",
            "8/",
            "/255",
            "8/0",
            "0/0",
            "-8/255",
            "8/-255",
            "8/255/2",
            "8:255",
            "0,03",
            "x",
            "NaN",
            "inf",
            "inf/inf",
            "1e308/1e-308",
            "1e7",
            "1e308",
            "-1",
        ] {
            let error = length(wrong).unwrap_err();
            assert!(error.contains("0 or more"), "{error}");
        }
    }

    #[test]
    fn radii_beyond_their_ball_are_told_with_what_was_meant() {
        for (norm, epsilon, side, meant) in [
            (Norm::Linf, 8.0, 224, "something like 8/255"),
            (Norm::Linf, 255.0, 32, "something like 8/255"),
            (Norm::Linf, 7.65, 224, "something like 7.65/255"),
            (Norm::Linf, 1.0, 224, "replaces the image"),
            (Norm::Linf, 0.5, 64, "something like 8/255"),
            (Norm::L2, 255.0, 224, "66 % of the longest distance"),
            (Norm::L2, 255.0, 512, "something like 1.0"),
            (Norm::L2, 765.0, 224, "something like 3.0"),
            (Norm::L2, 8.0, 32, "something like 0.55"),
        ] {
            let told = too_large(norm, epsilon, side).unwrap();
            assert!(told.contains(meant) && !told.contains('\n'), "{told}");
        }
    }

    #[test]
    fn radii_in_use_are_not_remarked_upon() {
        for (norm, epsilon, side) in [
            (Norm::Linf, 8.0 / 255.0, 224),
            (Norm::Linf, 16.0 / 255.0, 32),
            // MNIST's.
            (Norm::Linf, 0.3, 28),
            (Norm::L2, 0.5, 32),
            (Norm::L2, 2.0, 28),
            (Norm::L2, 3.0, 224),
            // Margeloiu et al. (2020).
            (Norm::L2, 9.0, 224),
            (Norm::L2, 0.0, 32),
        ] {
            assert_eq!(too_large(norm, epsilon, side), None);
        }
    }
}
