//! Strengths to pixels.

use super::{ColourMap, Normalised};
use crate::bilinear;
use ::image::{Rgb, RgbImage};

/// The map in its colours, one pixel per value.
pub fn paint(map: &Normalised, colours: ColourMap) -> RgbImage {
    let (height, width) = map.values.dim();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        colours.colour(map.values[[y as usize, x as usize]])
    })
}

/// The map over the image that it explains. Each pixel covers the image by its strength times `opacity` (0 to 1), so that
/// what does not matter leaves the image as it is. A map of another size, such as Grad-CAM's, is interpolated.
pub fn overlay(base: &RgbImage, map: &Normalised, colours: ColourMap, opacity: f32) -> RgbImage {
    let (width, height) = base.dimensions();
    let values = bilinear::interpolate(map.values.view(), (height as usize, width as usize));
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

    #[test]
    fn a_map_of_another_size_covers_the_whole_image() {
        let base = RgbImage::new(6, 3);
        assert_eq!(
            overlay(&base, &map(), ColourMap::Blues, 1.0).dimensions(),
            (6, 3)
        );
    }
}
