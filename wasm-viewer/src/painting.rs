//! Gradients as pixels for the screen.

use ndarray::Array3;
use pellucid_shared::render::{ColourMap, Flag, Sign, collapse, colour_bar, normalise, paint};
use serde::{Deserialize, Serialize};

use crate::picture::rgba;

/// The share of the cumulative magnitude that may saturate, in percent: Captum's and the paper's usual value.
const OUTLIER_PERCENT: f32 = 1.0;

/// What of the gradient, summed over the channels, is shown: what brightening a pixel does to the class's score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// How much it does, white to blue.
    Magnitude,
    /// How much it does for the class, in red, or against it, in blue.
    Signed,
}

impl Style {
    fn sign(self) -> Sign {
        match self {
            Self::Magnitude => Sign::Absolute,
            Self::Signed => Sign::All,
        }
    }

    fn colours(self) -> ColourMap {
        match self {
            Self::Magnitude => ColourMap::Blues,
            Self::Signed => ColourMap::Diverging,
        }
    }
}

/// A map for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Painting {
    /// RGBA, one pixel per place, row by row.
    pub pixels: Vec<u8>,
    /// The gradient that is shown in the strongest colour, per unit of the network's own input.
    pub scale: f32,
    /// What the page should say about the map.
    pub flag: Option<Flag>,
}

/// Paints a gradient `[3, H, W]`, one pixel per place, as `pellucid explain` does.
///
/// For an overlay each pixel is as opaque as it is strong, which laid over the picture at some opacity is what
/// [`pellucid_shared::render::overlay`] computes; `alone` paints it opaque, on white.
#[must_use]
pub fn paint_gradient(gradient: &Array3<f32>, style: Style, alone: bool) -> Painting {
    let map = normalise(&collapse(gradient), style.sign(), OUTLIER_PERCENT);
    let mut pixels = rgba(&paint(&map, style.colours()));
    if !alone {
        for (pixel, strength) in pixels.chunks_exact_mut(4).zip(&map.values) {
            pixel[3] = (strength.abs() * 255.0).round() as u8;
        }
    }
    Painting {
        pixels,
        scale: map.scale,
        flag: map.flag,
    }
}

/// The colours of a style from weakest to strongest, as RGBA, one row.
#[must_use]
pub fn legend(style: Style, width: u32) -> Vec<u8> {
    rgba(&colour_bar(style.colours(), width, 1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use pellucid_shared::image::{RgbImage, to_rgb};
    use pellucid_shared::render::overlay;

    use super::*;

    fn gradient() -> Array3<f32> {
        Array3::from_shape_fn((3, 8, 8), |(c, y, x)| {
            (c as f32 - 0.7) * (x as f32 - 3.0) * 0.01 + y as f32 * 0.002
        })
    }

    /// What a canvas does with two layers, against the library that draws the command line's pictures.
    #[test]
    fn laid_over_the_picture_it_is_the_librarys_overlay() {
        let base = Array3::from_shape_fn((3, 8, 8), |(c, y, x)| [x, y, 4][c] as f32 / 8.0);
        let base: RgbImage = to_rgb(&base.view());
        for (style, opacity) in [(Style::Magnitude, 1.0), (Style::Signed, 0.6)] {
            let painting = paint_gradient(&gradient(), style, false);
            let map = normalise(&collapse(&gradient()), style.sign(), OUTLIER_PERCENT);
            let expected = overlay(&base, &map, style.colours(), opacity);
            let layers = base.pixels().zip(painting.pixels.chunks_exact(4));
            for ((under, over), expected) in layers.zip(expected.pixels()) {
                let alpha = f32::from(over[3]) / 255.0 * opacity;
                for channel in 0..3 {
                    let (under, over) = (f32::from(under.0[channel]), f32::from(over[channel]));
                    let seen = under + (over - under) * alpha;
                    assert!((seen - f32::from(expected.0[channel])).abs() <= 1.5);
                }
            }
        }
    }

    #[test]
    fn alone_it_is_opaque_and_odd_gradients_are_flagged() {
        let painting = paint_gradient(&gradient(), Style::Magnitude, true);
        assert!(painting.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255));
        assert_eq!(painting.flag, None);
        let blank = paint_gradient(&Array3::zeros((3, 4, 4)), Style::Signed, true);
        assert_eq!(blank.flag, Some(Flag::AllZero));
        assert!(blank.pixels.iter().all(|&value| value == 255));
    }
}
