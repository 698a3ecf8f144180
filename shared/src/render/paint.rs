//! Strengths to pixels.

use ::image::{Rgb, RgbImage};
use ndarray::Array2;

use super::{ColourMap, Normalised};

/// The map in its colours, one pixel per value.
pub fn paint(map: &Normalised, colours: ColourMap) -> RgbImage {
    let (height, width) = map.values.dim();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        colours.colour(map.values[[y as usize, x as usize]])
    })
}

/// The map over the image that it explains. Each pixel covers the image by its strength times `opacity` (0 to 1), so that
/// what does not matter leaves the image as it is. A map of another size, such as Grad-CAM's, is [`resample`]d.
pub fn overlay(base: &RgbImage, map: &Normalised, colours: ColourMap, opacity: f32) -> RgbImage {
    let (width, height) = base.dimensions();
    let values = resample(&map.values, width, height);
    RgbImage::from_fn(width, height, |x, y| {
        let strength = values[[y as usize, x as usize]];
        let alpha = (strength.abs() * opacity).clamp(0.0, 1.0);
        let (under, over) = (base.get_pixel(x, y).0, colours.colour(strength).0);
        // `as` sends a NaN of a hand-made map to 0.
        Rgb(std::array::from_fn(|channel| {
            let (under, over) = (f32::from(under[channel]), f32::from(over[channel]));
            (under + (over - under) * alpha).round() as u8
        }))
    })
}

/// Bilinear interpolation of a map `[H, W]` to `[height, width]`, pixel centres on pixel centres: PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`. An empty map becomes zeros.
pub fn resample(map: &Array2<f32>, width: u32, height: u32) -> Array2<f32> {
    let (rows, columns) = map.dim();
    let shape = (height as usize, width as usize);
    if map.dim() == shape {
        return map.clone();
    }
    if map.is_empty() {
        return Array2::zeros(shape);
    }
    let across: Vec<Between> = (0..width).map(|x| Between::of(x, width, columns)).collect();
    let down: Vec<Between> = (0..height).map(|y| Between::of(y, height, rows)).collect();
    Array2::from_shape_fn(shape, |(y, x)| {
        let (y, x) = (&down[y], &across[x]);
        let top = x.mix(map[[y.low, x.low]], map[[y.low, x.high]]);
        let bottom = x.mix(map[[y.high, x.low]], map[[y.high, x.high]]);
        y.mix(top, bottom)
    })
}

/// Two neighbours on one axis, and how far from the lower to the higher.
struct Between {
    low: usize,
    high: usize,
    share: f32,
}

impl Between {
    fn of(to: u32, of: u32, from: usize) -> Self {
        let place = ((to as f32 + 0.5) * from as f32 / of as f32 - 0.5).max(0.0);
        let low = (place as usize).min(from - 1);
        Self {
            low,
            high: (low + 1).min(from - 1),
            share: place - low as f32,
        }
    }

    fn mix(&self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::super::{Sign, normalise};
    use super::*;

    fn map() -> Normalised {
        normalise(&arr2(&[[-2.0, 0.0, 1.0, 2.0]]), Sign::All, 0.0)
    }

    #[test]
    fn each_value_has_its_colour() {
        let picture = paint(&map(), ColourMap::Diverging);
        assert_eq!(picture.dimensions(), (4, 1));
        for (x, strength) in [-1.0, 0.0, 0.5, 1.0].into_iter().enumerate() {
            assert_eq!(
                picture.get_pixel(x as u32, 0),
                &ColourMap::Diverging.colour(strength)
            );
        }
    }

    #[test]
    fn opacity_follows_strength() {
        let base = RgbImage::from_pixel(4, 1, Rgb([100, 100, 100]));
        let over = overlay(&base, &map(), ColourMap::Diverging, 1.0);
        assert_eq!(over.get_pixel(0, 0), &ColourMap::Diverging.colour(-1.0));
        assert_eq!(over.get_pixel(1, 0), &Rgb([100, 100, 100]));
        assert_eq!(over.get_pixel(3, 0), &ColourMap::Diverging.colour(1.0));
        // Half strength at opacity 0.5 covers a quarter. At 0.5 the map has its colour between the third and fourth of five.
        let [red, ..] = overlay(&base, &map(), ColourMap::Diverging, 0.5)
            .get_pixel(2, 0)
            .0;
        let [full, ..] = ColourMap::Diverging.colour(0.5).0;
        assert_eq!(
            red,
            (100.0 + (f32::from(full) - 100.0) * 0.25).round() as u8
        );
        assert_eq!(overlay(&base, &map(), ColourMap::Blues, 0.0), base);
        assert_eq!(
            overlay(&base, &map(), ColourMap::Blues, f32::NAN).dimensions(),
            (4, 1)
        );
    }

    /// By hand, as PyTorch documents `align_corners=False`: source = (target + 0.5) · 2/4 − 0.5 = −0.25, 0.25, 0.75, 1.25,
    /// clamped to the first and last pixel.
    #[test]
    fn coarse_maps_are_interpolated_between_pixel_centres() {
        let fine = resample(&arr2(&[[0.0, 4.0], [8.0, 12.0]]), 4, 4);
        assert_eq!(fine.row(0).to_vec(), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(fine.column(1).to_vec(), [1.0, 3.0, 7.0, 9.0]);
        assert_eq!(
            resample(&Array2::zeros((0, 3)), 2, 2),
            Array2::<f32>::zeros((2, 2))
        );
        let base = RgbImage::new(6, 3);
        assert_eq!(
            overlay(&base, &map(), ColourMap::Blues, 1.0).dimensions(),
            (6, 3)
        );
    }
}
