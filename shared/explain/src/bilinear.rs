//! Maps at another size.

use ndarray::{Array2, ArrayView2};

/// Bilinear interpolation to another size with half-pixel centres and clamped edges: PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`. `[h, w]` to `[height, width]`; zeros where the map is empty.
pub(crate) fn interpolate(
    map: ArrayView2<'_, f32>,
    (height, width): (usize, usize),
) -> Array2<f32> {
    let (rows, columns) = map.dim();
    if rows == 0 || columns == 0 {
        return Array2::zeros((height, width));
    }
    let ys: Vec<Place> = (0..height).map(|y| place(y, rows, height)).collect();
    let xs: Vec<Place> = (0..width).map(|x| place(x, columns, width)).collect();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let (y, x) = (&ys[y], &xs[x]);
        let row = |row: usize| mix(map[[row, x.low]], map[[row, x.high]], x.share);
        mix(row(y.low), row(y.high), y.share)
    })
}

/// `low` where the share is 0, even beside a value that is no number.
fn mix(low: f32, high: f32, share: f32) -> f32 {
    if share == 0.0 {
        low
    } else {
        low * (1.0 - share) + high * share
    }
}

/// Between which two source positions a target position lies, and how near the second.
struct Place {
    low: usize,
    high: usize,
    share: f32,
}

fn place(target: usize, from: usize, to: usize) -> Place {
    let exact = ((target as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
    let low = (exact as usize).min(from - 1);
    Place {
        low,
        high: (low + 1).min(from - 1),
        share: (exact - low as f64) as f32,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    /// `torch.nn.functional.interpolate(torch.tensor([[[[0., 4.], [8., 16.]]]]), (4, 4), mode="bilinear")`, by hand: the
    /// targets lie at −0.25 (clamped), 0.25, 0.75 and 1.25 (clamped).
    #[test]
    fn two_by_two_to_four_by_four() {
        let up = interpolate(arr2(&[[0.0, 4.0], [8.0, 16.0]]).view(), (4, 4));
        let expected = arr2(&[
            [0.0, 1.0, 3.0, 4.0],
            [2.0, 3.25, 5.75, 7.0],
            [6.0, 7.75, 11.25, 13.0],
            [8.0, 10.0, 14.0, 16.0],
        ]);
        assert_eq!(up, expected);
    }

    #[test]
    fn the_same_size_is_the_identity_and_nothing_is_zero() {
        let map = arr2(&[[1.0, -2.0, f32::NAN]]);
        let same = interpolate(map.view(), (1, 3));
        assert_eq!(same.as_slice().unwrap()[..2], [1.0, -2.0]);
        assert!(same[[0, 2]].is_nan());
        let empty = Array2::zeros((0, 4));
        assert_eq!(
            interpolate(empty.view(), (2, 2)),
            Array2::<f32>::zeros((2, 2))
        );
    }
}
