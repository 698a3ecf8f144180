//! Squares of slopes, which may be too small or too large for float32.

use ndarray::Array3;

/// Maps whose greatest value lies in between keep their smaller values exactly in float32, which ends at 1e−38 and 3e38.
const FITTING: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

/// Squares in float32, and the power of ten that they are divided by: 1 where they fit as they are.
pub(super) fn fitted(squares: &Array3<f64>) -> (Array3<f32>, f64) {
    let greatest = squares.iter().copied().fold(0.0, f64::max);
    let factor = match greatest.is_finite() && greatest > 0.0 && !FITTING.contains(&greatest) {
        true => 10f64.powf(greatest.log10().floor()),
        false => 1.0,
    };
    (squares.mapv(|square| (square / factor) as f32), factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: [f64; 3]) -> (Vec<f32>, f64) {
        let squares = Array3::from_shape_vec((3, 1, 1), values.to_vec()).unwrap();
        let (map, factor) = fitted(&squares);
        (map.into_raw_vec_and_offset().0, factor)
    }

    #[test]
    fn what_float32_cannot_hold_is_divided_by_a_power_of_ten() {
        let (map, factor) = fit([4e-50, 1e-50, 0.0]);
        assert!((factor / 1e-50 - 1.0).abs() < 1e-12);
        assert_eq!(map, [4.0, 1.0, 0.0]);
        assert!(fit([1e80, 0.0, 0.0]).0.iter().all(|v| v.is_finite()));
        assert_eq!(fit([0.25, 1e-40, 0.0]), (vec![0.25, 1e-40, 0.0], 1.0));
        assert_eq!(fit([0.0; 3]), (vec![0.0; 3], 1.0));
        assert!(fit([f64::NAN, 1.0, 0.0]).0[0].is_nan());
    }
}
