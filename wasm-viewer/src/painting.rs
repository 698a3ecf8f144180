//! Maps as pixels for the screen.

use ndarray::Array2;
use pellucid_shared::render::{ColourMap, Flag, Normalised, Sign, colour_bar, normalise, paint};
use serde::Deserialize;

use crate::picture::rgba;
use crate::smooth::smoothed;

/// How a map is shown, as the page writes it in JSON. None of it changes the map itself.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// What of the map is shown.
    pub sign: Sign,
    /// In which colours.
    pub colours: ColourMap,
    /// The share of the cumulative magnitude that may saturate, in percent.
    pub clip: f32,
    /// The standard deviation in pixels of the map by which it is smoothed; 0 for none.
    pub smooth: f32,
    /// Whether the map is painted opaque, on white, rather than to be laid over the picture.
    pub alone: bool,
    /// The attribution that is shown in the strongest colour, where it is not the map's own.
    pub scale: Option<f32>,
}

/// A map for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Painting {
    /// RGBA, one pixel per place, row by row.
    pub pixels: Vec<u8>,
    /// What is painted: per place −1 to 1, the strongest colour being 1.
    pub strengths: Vec<f32>,
    /// The attribution that is shown in the strongest colour.
    pub scale: f32,
    /// The one that would be, by what is clipped, if none were given.
    pub own_scale: f32,
    /// What the page should say about the map.
    pub flag: Option<Flag>,
}

/// Paints a map `[H, W]`, one pixel per place, as `pellucid explain` does.
///
/// For an overlay each pixel is as opaque as it is strong, which laid over the picture at some opacity is what
/// [`pellucid_shared::render::overlay`] computes; [`Style::alone`] paints it opaque, on white.
#[must_use]
pub fn paint_map(map: &Array2<f32>, style: &Style) -> Painting {
    let own = normalised(map, style);
    let own_scale = own.scale;
    let map = match style.scale {
        Some(scale) if scale > 0.0 && scale.is_finite() => rescaled(own, map, style, scale),
        _ => own,
    };
    let mut pixels = rgba(&paint(&map, style.colours));
    if !style.alone {
        for (pixel, strength) in pixels.chunks_exact_mut(4).zip(&map.values) {
            pixel[3] = (strength.abs() * 255.0).round() as u8;
        }
    }
    Painting {
        pixels,
        strengths: map.values.iter().copied().collect(),
        scale: map.scale,
        own_scale,
        flag: map.flag,
    }
}

/// The map by its own scale.
fn normalised(map: &Array2<f32>, style: &Style) -> Normalised {
    if style.smooth <= 0.0 {
        return normalise(map, style.sign, style.clip);
    }
    // Chosen before it is smoothed: what speaks for and against the class does not cancel where only one of them is shown.
    let chosen = map.mapv(|value| match style.sign {
        _ if !value.is_finite() => 0.0,
        Sign::All => value,
        Sign::Absolute => value.abs(),
        Sign::Positive => value.max(0.0),
        Sign::Negative => (-value).max(0.0),
    });
    let sign = match style.sign {
        Sign::All => Sign::All,
        _ => Sign::Absolute,
    };
    let mut shown = normalise(&smoothed(chosen, style.smooth), sign, style.clip);
    if map.iter().any(|value| !value.is_finite()) {
        shown.flag = Some(Flag::NonFinite);
    }
    shown
}

/// The map by a scale that is given; what lies beyond it saturates.
fn rescaled(own: Normalised, map: &Array2<f32>, style: &Style, scale: f32) -> Normalised {
    let whole = normalised(
        map,
        &Style {
            clip: 0.0,
            ..*style
        },
    );
    let factor = f64::from(whole.scale) / f64::from(scale);
    let values = whole
        .values
        .mapv(|value| (f64::from(value) * factor).clamp(-1.0, 1.0) as f32);
    Normalised {
        values,
        scale,
        ..own
    }
}

/// Colours from weakest to strongest, as RGBA, one row.
#[must_use]
pub fn legend(colours: ColourMap, width: u32) -> Vec<u8> {
    rgba(&colour_bar(colours, width, 1))
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use pellucid_shared::image::{RgbImage, to_rgb};
    use pellucid_shared::render::{collapse, overlay};

    use super::*;

    const STYLE: Style = Style {
        sign: Sign::Absolute,
        colours: ColourMap::Blues,
        clip: 1.0,
        smooth: 0.0,
        alone: false,
        scale: None,
    };
    const SIGNED: Style = Style {
        sign: Sign::All,
        colours: ColourMap::Diverging,
        ..STYLE
    };

    fn map() -> Array2<f32> {
        let gradient = Array3::from_shape_fn((3, 8, 8), |(c, y, x)| {
            (c as f32 - 0.7) * (x as f32 - 3.0) * 0.01 + y as f32 * 0.002
        });
        collapse(&gradient)
    }

    /// What a canvas does with two layers, against the library that draws the command line's pictures.
    #[test]
    fn laid_over_the_picture_it_is_the_librarys_overlay() {
        let base = Array3::from_shape_fn((3, 8, 8), |(c, y, x)| [x, y, 4][c] as f32 / 8.0);
        let base: RgbImage = to_rgb(&base.view());
        for (style, opacity) in [(STYLE, 1.0), (SIGNED, 0.6)] {
            let painting = paint_map(&map(), &style);
            let shown = normalise(&map(), style.sign, style.clip);
            let expected = overlay(&base, &shown, style.colours, opacity);
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
    fn alone_it_is_opaque_and_odd_maps_are_flagged() {
        let alone = |map: &Array2<f32>, style| {
            paint_map(
                map,
                &Style {
                    alone: true,
                    ..style
                },
            )
        };
        let painting = alone(&map(), STYLE);
        assert!(painting.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255));
        assert_eq!(painting.flag, None);
        let blank = alone(&Array2::zeros((4, 4)), SIGNED);
        assert_eq!(blank.flag, Some(Flag::AllZero));
        assert!(blank.pixels.iter().all(|&value| value == 255));
        let mut broken = map();
        broken[[1, 1]] = f32::NAN;
        for smooth in [0.0, 1.5] {
            let painting = paint_map(&broken, &Style { smooth, ..STYLE });
            assert_eq!(painting.flag, Some(Flag::NonFinite));
            assert!(painting.strengths.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn a_given_scale_makes_maps_comparable() {
        let own = paint_map(&map(), &SIGNED);
        let twice = Style {
            scale: Some(own.scale * 2.0),
            ..SIGNED
        };
        let shared = paint_map(&map(), &twice);
        assert_eq!(shared.own_scale, own.scale);
        assert_eq!(shared.scale, own.scale * 2.0);
        for (value, strength) in map().iter().zip(&shared.strengths) {
            assert!((value / shared.scale - strength).abs() < 1e-6);
        }
        let odd = Style {
            scale: Some(f32::NAN),
            ..SIGNED
        };
        assert_eq!(paint_map(&map(), &odd), own);
    }

    #[test]
    fn smoothing_one_sign_does_not_let_the_other_cancel_it() {
        let checks =
            Array2::from_shape_fn((16, 16), |(y, x)| if (x + y) % 2 == 0 { 1.0 } else { -1.0 });
        let smooth = |style: Style| {
            paint_map(
                &checks,
                &Style {
                    smooth: 2.0,
                    clip: 0.0,
                    ..style
                },
            )
        };
        assert!((smooth(STYLE).scale - 1.0).abs() < 1e-5);
        assert!(smooth(SIGNED).scale < 0.1);
        let negative = smooth(Style {
            sign: Sign::Negative,
            ..STYLE
        });
        assert!(negative.strengths.iter().all(|&strength| strength >= 0.0));
        assert!((negative.scale - 0.5).abs() < 0.1);
    }
}
