//! Attributions to the range of a colour map.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Which attributions to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The magnitude of all: shown in [0, 1].
    #[default]
    Absolute,
    /// What speaks for the class: shown in [0, 1], the rest is 0.
    Positive,
    /// What speaks against it, as magnitude: shown in [0, 1], the rest is 0.
    Negative,
    /// All with their signs: shown in [−1, 1].
    All,
}

/// What a viewer should say about a map beside showing it. The gravest is given when several hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flag {
    /// Some values were NaN or infinite; they are shown as zero.
    NonFinite,
    /// No value is left of the sign asked for: the map is blank, and rightly so.
    AllZero,
    /// The scale is below [`TINY`]. The map is shown at full contrast, but may be rounding noise.
    Tiny,
}

/// The scale below which Captum warns that it cannot show a map faithfully.
pub const TINY: f32 = 1e-5;

/// A map, ready to be painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// `[H, W]`, in [−1, 1] for [`Sign::All`] and in [0, 1] for the others.
    pub values: Array2<f32>,
    /// The attribution that is shown as 1, in the attribution's own unit; 0 when the map is blank.
    pub scale: f32,
    /// Whether `values` are signed.
    pub signed: bool,
    /// What is unusual about the map.
    pub flag: Option<Flag>,
}

/// Scales a map `[H, W]` so that its outliers saturate.
///
/// `outlier_percent` (0 to 100; 1 or 2 are usual) is, as in Captum's `visualize_image_attr`, a share of the *cumulative
/// magnitude*, not of the pixels: with magnitudes sorted upwards, the scale is the first at which the running sum reaches
/// 100 − `outlier_percent` percent of the total. Values beyond it are clipped to ±1.
pub fn normalise(map: &Array2<f32>, sign: Sign, outlier_percent: f32) -> Normalised {
    let finite = map.iter().all(|value| value.is_finite());
    let chosen = map.mapv(|value| match sign {
        _ if !value.is_finite() => 0.0,
        Sign::All => value,
        Sign::Absolute => value.abs(),
        Sign::Positive => value.max(0.0),
        Sign::Negative => (-value).max(0.0),
    });
    let scale = scale(&chosen, outlier_percent);
    let flag = if !finite {
        Some(Flag::NonFinite)
    } else if scale == 0.0 {
        Some(Flag::AllZero)
    } else if scale < TINY {
        Some(Flag::Tiny)
    } else {
        None
    };
    let values = if scale == 0.0 {
        Array2::zeros(map.dim())
    } else {
        // In 64 bits, since the reciprocal of the smallest 32-bit numbers overflows.
        chosen.mapv(|value| (f64::from(value) / f64::from(scale)).clamp(-1.0, 1.0) as f32)
    };
    Normalised {
        values,
        scale,
        signed: sign == Sign::All,
        flag,
    }
}

/// The magnitude that is shown as 1: never 0 while any value is not.
fn scale(values: &Array2<f32>, outlier_percent: f32) -> f32 {
    let mut magnitudes: Vec<f32> = (values.iter().map(|value| value.abs()))
        .filter(|&magnitude| magnitude > 0.0)
        .collect();
    magnitudes.sort_unstable_by(f32::total_cmp);
    let total: f64 = magnitudes.iter().copied().map(f64::from).sum();
    let shown = total * (1.0 - f64::from(outlier_percent) / 100.0);
    let mut sum = 0.0;
    let reached = magnitudes.iter().find(|&&magnitude| {
        sum += f64::from(magnitude);
        sum >= shown
    });
    // Not reached when the share is negative or NaN: nothing is an outlier then.
    reached.or(magnitudes.last()).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, arr2};

    use super::*;

    fn map() -> Array2<f32> {
        arr2(&[[1.0, -2.0], [4.0, -3.0]])
    }

    /// By hand: the magnitudes 1, 2, 3, 4 sum to 10, their running sum is 1, 3, 6, 10. Of the mass, 40 % are outliers if
    /// the scale is 3 (6 ≥ 6), though it is one pixel in four; 39.9 % are not enough for that (6 < 6.01).
    #[test]
    fn outliers_are_a_share_of_the_mass_and_not_of_the_pixels() {
        assert_eq!(normalise(&map(), Sign::Absolute, 0.0).scale, 4.0);
        assert_eq!(normalise(&map(), Sign::Absolute, 2.0).scale, 4.0);
        assert_eq!(normalise(&map(), Sign::Absolute, 39.9).scale, 4.0);
        let clipped = normalise(&map(), Sign::Absolute, 40.0);
        assert_eq!(clipped.scale, 3.0);
        assert_eq!(clipped.values, arr2(&[[1.0 / 3.0, 2.0 / 3.0], [1.0, 1.0]]));
        assert_eq!(clipped.flag, None);
    }

    #[test]
    fn each_sign_shows_its_part() {
        let positive = normalise(&map(), Sign::Positive, 0.0);
        assert_eq!(positive.values, arr2(&[[0.25, 0.0], [1.0, 0.0]]));
        let negative = normalise(&map(), Sign::Negative, 0.0);
        assert_eq!(
            (negative.scale, negative.values),
            (3.0, arr2(&[[0.0, 2.0 / 3.0], [0.0, 1.0]]))
        );
        let all = normalise(&map(), Sign::All, 40.0);
        assert_eq!(all.values, arr2(&[[1.0 / 3.0, -2.0 / 3.0], [1.0, -1.0]]));
        assert!(all.signed && !negative.signed);
    }

    /// The rule of Captum's `_cumulative_sum_threshold` (captum/attr/_utils/visualization.py), run with NumPy 2.4.6 in float64 on
    /// `((i·7919) mod 1009 − 504)·|(i·7919) mod 1009 − 504| / 504²` for i = 0..400, 20×20:
    /// `v = np.sort(np.abs(m)); c = np.cumsum(v); v[np.where(c >= c[-1]*0.01*(100 - p))[0][0]]`.
    #[test]
    fn scales_agree_with_captums_rule() {
        let map = Array::from_shape_fn((20, 20), |(y, x)| {
            let value = ((20 * y + x) * 7919 % 1009) as f32 - 504.0;
            value * value.abs() / (504.0 * 504.0)
        });
        for (sign, percent, expected) in CAPTUM {
            let scale = f64::from(normalise(&map, sign, percent).scale);
            assert!(
                (scale - expected).abs() < 1e-6,
                "{sign:?} {percent}: {scale} for {expected}"
            );
        }
    }

    const CAPTUM: [(Sign, f32, f64); 13] = [
        (Sign::Absolute, 1.0, 0.996035682792),
        (Sign::Absolute, 2.0, 0.992079239103),
        (Sign::Absolute, 10.0, 0.941361961451),
        (Sign::Absolute, 50.0, 0.629881582263),
        (Sign::All, 2.0, 0.992079239103),
        (Sign::Positive, 1.0, 0.992079239103),
        (Sign::Positive, 2.0, 0.988130668934),
        (Sign::Positive, 10.0, 0.945216049383),
        (Sign::Positive, 50.0, 0.636196145125),
        (Sign::Negative, 1.0, 1.000000000000),
        (Sign::Negative, 2.0, 0.996035682792),
        (Sign::Negative, 10.0, 0.933677406148),
        (Sign::Negative, 50.0, 0.629881582263),
    ];

    #[test]
    fn tiny_maps_are_shown_in_full_and_flagged() {
        for tiny in [1e-6, 1e-30, f32::from_bits(1)] {
            let shown = normalise(&arr2(&[[tiny, 0.0, -tiny]]), Sign::All, 1.0);
            assert_eq!(shown.values, arr2(&[[1.0, 0.0, -1.0]]));
            assert_eq!((shown.scale, shown.flag), (tiny, Some(Flag::Tiny)));
        }
        assert_eq!(normalise(&arr2(&[[TINY]]), Sign::All, 1.0).flag, None);
    }

    #[test]
    fn blank_broken_and_empty_maps_do_not_crash() {
        for sign in [Sign::Absolute, Sign::Positive, Sign::Negative, Sign::All] {
            for percent in [0.0, 1.0, 100.0, 1000.0, -5.0, f32::NAN] {
                let blank = normalise(&Array2::zeros((2, 3)), sign, percent);
                assert_eq!((blank.scale, blank.flag), (0.0, Some(Flag::AllZero)));
                assert_eq!(blank.values, Array2::<f32>::zeros((2, 3)));
                let broken = arr2(&[[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 2.0, -2.0]]);
                let shown = normalise(&broken, sign, percent);
                assert_eq!((shown.scale, shown.flag), (2.0, Some(Flag::NonFinite)));
                assert_eq!(
                    shown.values.slice(ndarray::s![0, ..3]),
                    Array::<f32, _>::zeros(3)
                );
                assert_eq!(
                    normalise(&Array2::zeros((0, 0)), sign, percent)
                        .values
                        .len(),
                    0
                );
            }
        }
        // Nothing speaks for the class.
        assert_eq!(
            normalise(&arr2(&[[-1.0]]), Sign::Positive, 1.0).flag,
            Some(Flag::AllZero)
        );
        // Sums of the greatest numbers do not overflow.
        assert_eq!(
            normalise(&arr2(&[[f32::MAX, f32::MAX]]), Sign::Absolute, 0.0).values,
            arr2(&[[1.0, 1.0]])
        );
    }
}
