//! Colour maps.

use ::image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

/// Black.
pub const BLACK: Rgb<u8> = Rgb([0, 0, 0]);
/// White.
pub const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
/// The frame of a correct prediction.
pub const GREEN: Rgb<u8> = Rgb([26, 150, 65]);
/// The frame of a wrong prediction.
pub const RED: Rgb<u8> = Rgb([215, 25, 28]);

/// How a strength becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColourMap {
    /// White to blue, for magnitudes: the figures of Margeloiu et al. (2020). ColorBrewer's Blues, starting at pure white.
    #[default]
    Blues,
    /// Blue over white to red, for signed maps: red speaks for the class, blue against it. ColorBrewer's RdBu.
    Diverging,
    /// Purple over white to green, for signed maps: green speaks for the class, purple against it. ColorBrewer's PRGn. Its
    /// green stands out on skin, where red does not.
    PurpleGreen,
    /// Black over red to yellow, perceptually uniform, for magnitudes: matplotlib's inferno (van der Walt and Smith).
    Inferno,
    /// Black to white.
    Grey,
}

/// ColorBrewer 2.0 (Brewer and Harrower, Apache-2.0), nine classes; the first made white.
const BLUES: [[u8; 3]; 9] = [
    [255, 255, 255],
    [222, 235, 247],
    [198, 219, 239],
    [158, 202, 225],
    [107, 174, 214],
    [66, 146, 198],
    [33, 113, 181],
    [8, 81, 156],
    [8, 48, 107],
];

/// ColorBrewer 2.0, eleven classes, from blue to red; the middle made white, so that zero leaves no tint.
const DIVERGING: [[u8; 3]; 11] = [
    [5, 48, 97],
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [255, 255, 255],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
    [103, 0, 31],
];

/// ColorBrewer 2.0, eleven classes, from purple to green; the middle made white.
const PURPLE_GREEN: [[u8; 3]; 11] = [
    [64, 0, 75],
    [118, 42, 131],
    [153, 112, 171],
    [194, 165, 207],
    [231, 212, 232],
    [255, 255, 255],
    [217, 240, 211],
    [166, 219, 160],
    [90, 174, 97],
    [27, 120, 55],
    [0, 68, 27],
];

/// Every thirty-second of matplotlib 3.11's inferno (CC0).
const INFERNO: [[u8; 3]; 33] = [
    [0, 0, 4],
    [4, 3, 18],
    [11, 7, 36],
    [21, 11, 55],
    [33, 12, 74],
    [47, 10, 91],
    [61, 9, 101],
    [74, 12, 107],
    [87, 16, 110],
    [100, 21, 110],
    [113, 25, 110],
    [125, 30, 109],
    [138, 34, 106],
    [151, 39, 102],
    [163, 44, 97],
    [176, 49, 91],
    [188, 55, 84],
    [198, 61, 77],
    [208, 69, 69],
    [218, 78, 60],
    [227, 89, 51],
    [235, 100, 41],
    [241, 113, 31],
    [246, 126, 20],
    [249, 140, 10],
    [251, 155, 6],
    [252, 170, 15],
    [251, 186, 31],
    [249, 201, 50],
    [245, 217, 73],
    [242, 232, 101],
    [243, 245, 134],
    [252, 255, 164],
];

const GREY: [[u8; 3]; 2] = [[0, 0, 0], [255, 255, 255]];

impl ColourMap {
    /// The colour of a strength: −1 to 1 for the signed ones, 0 to 1 for the others, which show a negative strength
    /// by its magnitude. Out of range saturates; NaN is 0.
    pub fn colour(self, strength: f32) -> Rgb<u8> {
        let strength = if strength.is_nan() { 0.0 } else { strength };
        match self {
            Self::Diverging => interpolate(&DIVERGING, 0.5 + 0.5 * strength.clamp(-1.0, 1.0)),
            Self::PurpleGreen => interpolate(&PURPLE_GREEN, 0.5 + 0.5 * strength.clamp(-1.0, 1.0)),
            Self::Blues => interpolate(&BLUES, strength.abs().min(1.0)),
            Self::Inferno => interpolate(&INFERNO, strength.abs().min(1.0)),
            Self::Grey => interpolate(&GREY, strength.abs().min(1.0)),
        }
    }

    /// Whether it tells signs apart.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::Diverging | Self::PurpleGreen)
    }
}

/// The colour at `place` (0 to 1) on an evenly spaced table, linear in between.
fn interpolate(table: &[[u8; 3]], place: f32) -> Rgb<u8> {
    let at = place * (table.len() - 1) as f32;
    let low = (at as usize).min(table.len().saturating_sub(2));
    let share = at - low as f32;
    Rgb(std::array::from_fn(|channel| {
        let (a, b) = (
            f32::from(table[low][channel]),
            f32::from(table[low + 1][channel]),
        );
        (a + (b - a) * share).round() as u8
    }))
}

/// All colours of a map in order, the strongest on the right, or at the top when the bar is higher than wide. For
/// signed ones it runs from −1 to 1, for the others from 0 to 1.
pub fn colour_bar(colours: ColourMap, width: u32, height: u32) -> RgbImage {
    let lowest = if colours.is_signed() { -1.0 } else { 0.0 };
    RgbImage::from_fn(width, height, |x, y| {
        let (step, steps) = if height > width {
            (height - 1 - y, height)
        } else {
            (x, width)
        };
        let share = step as f32 / (steps.max(2) - 1) as f32;
        colours.colour(lowest + (1.0 - lowest) * share)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ColourMap; 5] = [
        ColourMap::Blues,
        ColourMap::Diverging,
        ColourMap::PurpleGreen,
        ColourMap::Inferno,
        ColourMap::Grey,
    ];

    #[test]
    fn ends_and_middles_are_the_published_colours() {
        assert_eq!(ColourMap::Blues.colour(0.0), WHITE);
        assert_eq!(ColourMap::Blues.colour(1.0), Rgb([8, 48, 107]));
        assert_eq!(ColourMap::Blues.colour(0.5), Rgb([107, 174, 214]));
        assert_eq!(ColourMap::Diverging.colour(0.0), WHITE);
        assert_eq!(ColourMap::Diverging.colour(1.0), Rgb([103, 0, 31]));
        assert_eq!(ColourMap::Diverging.colour(-1.0), Rgb([5, 48, 97]));
        assert_eq!(ColourMap::Grey.colour(0.5), Rgb([128; 3]));
    }

    /// matplotlib 3.11.2, `round(255 * inferno(t))`. Thirty-three points of 256 leave at most three levels between.
    #[test]
    fn inferno_agrees_with_matplotlib_between_its_points() {
        for (strength, expected) in [
            (0.03, [3, 2, 16]),
            (0.22, [74, 12, 107]),
            (0.47, [176, 49, 91]),
            (0.72, [246, 128, 19]),
            (0.91, [245, 219, 76]),
        ] {
            for (a, b) in ColourMap::Inferno
                .colour(strength)
                .0
                .into_iter()
                .zip(expected)
            {
                assert!(a.abs_diff(b) <= 3, "{a} for {b} at {strength}");
            }
        }
    }

    #[test]
    fn out_of_range_saturates() {
        for map in ALL {
            assert_eq!(map.colour(f32::NAN), map.colour(0.0));
            assert_eq!(map.colour(f32::INFINITY), map.colour(1.0));
            assert_eq!(
                map.colour(-7.0),
                map.colour(if map.is_signed() { -1.0 } else { 1.0 })
            );
        }
    }

    /// Relative luminance (Rec. 709) falls from white or rises from black without turning back, so that stronger looks
    /// stronger in print and to the colour-blind.
    #[test]
    fn brightness_is_monotone() {
        let brightness = |map: ColourMap, strength: f32| {
            let [red, green, blue] = map.colour(strength).0.map(f32::from);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        for map in ALL {
            for step in 0..100 {
                let (a, b) = (step as f32 / 100.0, (step + 1) as f32 / 100.0);
                let change = brightness(map, b) - brightness(map, a);
                let brighter = matches!(map, ColourMap::Inferno | ColourMap::Grey);
                assert!(
                    if brighter {
                        change > -0.8
                    } else {
                        change < 0.8
                    },
                    "{map:?} at {a}"
                );
            }
        }
    }

    #[test]
    fn bars_run_to_the_right_or_upwards() {
        let bar = colour_bar(ColourMap::Diverging, 9, 2);
        assert_eq!(
            (
                bar.get_pixel(0, 1),
                bar.get_pixel(4, 0),
                bar.get_pixel(8, 0)
            ),
            (&Rgb([5, 48, 97]), &WHITE, &Rgb([103, 0, 31]))
        );
        let bar = colour_bar(ColourMap::Blues, 1, 5);
        assert_eq!(
            (bar.get_pixel(0, 4), bar.get_pixel(0, 0)),
            (&WHITE, &Rgb([8, 48, 107]))
        );
        assert_eq!(colour_bar(ColourMap::Grey, 0, 0).dimensions(), (0, 0));
        assert_eq!(colour_bar(ColourMap::Grey, 1, 1).get_pixel(0, 0), &BLACK);
    }
}
