//! One number per pixel.

use ndarray::{Array2, Array3, Axis};

/// The sum over the channels of a `[C, H, W]` attribution, as Captum does it: the pixel's contribution, channels that
/// disagree cancelling. `[H, W]`.
pub fn collapse(attribution: &Array3<f32>) -> Array2<f32> {
    attribution.sum_axis(Axis(0))
}

/// The greatest absolute value over the channels of a `[C, H, W]` attribution, as Simonyan et al. (2014, section 3) define
/// a class saliency map: how much the pixel matters in the channel where it matters most. NaN stays NaN. `[H, W]`.
pub fn collapse_absolute(attribution: &Array3<f32>) -> Array2<f32> {
    attribution.fold_axis(Axis(0), 0.0, |&most, &value| {
        if most.is_nan() || value.is_nan() {
            f32::NAN
        } else {
            f32::max(most, value.abs())
        }
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, arr2, arr3};

    use super::*;

    #[test]
    fn sums_cancel_and_magnitudes_do_not() {
        let attribution = arr3(&[[[1.0, -4.0]], [[-1.0, 1.0]], [[0.5, 2.0]]]);
        assert_eq!(collapse(&attribution), arr2(&[[0.5, -1.0]]));
        assert_eq!(collapse_absolute(&attribution), arr2(&[[1.0, 4.0]]));
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_no_channels_are_zero() {
        let attribution = arr3(&[[[f32::NAN]], [[3.0]]]);
        assert!(collapse_absolute(&attribution)[[0, 0]].is_nan());
        assert_eq!(
            collapse_absolute(&Array3::zeros((0, 1, 2))),
            arr2(&[[0.0, 0.0]])
        );
    }
}
