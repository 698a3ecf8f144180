//! Where an attribution lies.

use ndarray::Array2;

/// The share of an attribution's mass, Σ|a|, that lies inside a mask; both `[H, W]`. 0 to 1.
///
/// Wang et al. (2020), *Score-CAM*, section 4.3, call it the energy-based pointing game; they have no negative values, of
/// which the magnitude counts here. An attribution that knows nothing of the mask has the mask's own share of the area.
///
/// `None` where the shapes differ or there is no finite mass above 0 to share.
#[must_use]
pub fn mass_inside(attribution: &Array2<f32>, mask: &Array2<bool>) -> Option<f64> {
    if attribution.dim() != mask.dim() {
        return None;
    }
    let (mut inside, mut all) = (0.0, 0.0);
    for (value, &within) in attribution.iter().zip(mask) {
        let mass = f64::from(value.abs());
        all += mass;
        inside += if within { mass } else { 0.0 };
    }
    (all > 0.0 && all.is_finite()).then(|| inside / all)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;

    #[test]
    fn magnitudes_inside_are_shared_by_those_everywhere() {
        let mask = arr2(&[[true, false], [true, false]]);
        let attribution = arr2(&[[-3.0, 0.5], [0.0, 0.5]]);
        assert_eq!(mass_inside(&attribution, &mask), Some(0.75));
        let even = Array2::from_elem((2, 2), 1e-30);
        assert_eq!(mass_inside(&even, &mask), Some(0.5));
    }

    #[test]
    fn nothing_to_share_is_no_number() {
        let mask = arr2(&[[true, false]]);
        for attribution in [[0.0, 0.0], [f32::NAN, 1.0], [1.0, f32::INFINITY]] {
            assert_eq!(mass_inside(&arr2(&[attribution]), &mask), None);
        }
        assert_eq!(mass_inside(&arr2(&[[1.0]]), &mask), None);
    }
}
