//! Smoothing a map for the eye.

use ndarray::{Array2, Axis, Zip};

/// Deviations beyond which the Gaussian's tail is left out.
const REACH: f32 = 3.0;

/// A map under a Gaussian of this standard deviation in pixels, weighed over what lies inside the map, so that its rim
/// does not fade. Nothing changes for 0 and what is no number above it.
pub(crate) fn smoothed(map: Array2<f32>, deviation: f32) -> Array2<f32> {
    if !(deviation > 0.0 && deviation.is_finite()) {
        return map;
    }
    let widest = map.nrows().max(map.ncols());
    let reach = ((deviation * REACH).ceil() as usize).min(widest);
    let weight = |offset: usize| (-0.5 * (offset as f32 / deviation).powi(2)).exp();
    let weights: Vec<f32> = (0..=reach).map(weight).collect();
    [Axis(0), Axis(1)]
        .into_iter()
        .fold(map, |map, axis| along(&map, axis, &weights))
}

/// The weighted mean of every pixel's neighbours along an axis; `weights` by their distance.
fn along(map: &Array2<f32>, axis: Axis, weights: &[f32]) -> Array2<f32> {
    let mut result = Array2::zeros(map.dim());
    let lanes = map.lanes(axis);
    Zip::from(result.lanes_mut(axis))
        .and(lanes)
        .for_each(|mut to, from| {
            for place in 0..from.len() {
                let first = place.saturating_sub(weights.len() - 1);
                let last = (place + weights.len()).min(from.len());
                let (mut sum, mut whole) = (0.0, 0.0);
                for neighbour in first..last {
                    let weight = weights[neighbour.abs_diff(place)];
                    sum += weight * from[neighbour];
                    whole += weight;
                }
                to[place] = sum / whole;
            }
        });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_a_bell_and_an_even_map_stays() {
        let mut point = Array2::zeros((41, 41));
        point[[20, 20]] = 1.0;
        let bell = smoothed(point, 2.0);
        let ratio = bell[[20, 22]] / bell[[20, 20]];
        assert!((ratio - (-0.5_f32).exp()).abs() < 1e-5, "{ratio}");
        assert!((bell.sum() - 1.0).abs() < 1e-5);
        assert_eq!(bell[[20, 23]], bell[[23, 20]]);
        let even = smoothed(Array2::from_elem((5, 9), 0.25), 3.0);
        assert!(even.iter().all(|value| (value - 0.25).abs() < 1e-6));
    }

    #[test]
    fn nothing_to_smooth_changes_nothing() {
        let map = Array2::from_shape_fn((3, 4), |(y, x)| (y * 4 + x) as f32);
        for deviation in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(smoothed(map.clone(), deviation), map);
        }
        assert_eq!(smoothed(Array2::zeros((0, 3)), 1.0).dim(), (0, 3));
    }
}
