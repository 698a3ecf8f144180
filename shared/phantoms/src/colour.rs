//! Colours and how pigment changes them.

use super::noise::mix;

/// Red, green, blue: display values in [0, 1], or an absorbance per channel.
pub(super) type Colour = [f32; 3];

/// Channel by channel from `a` to `b`.
pub(super) fn blend(a: Colour, b: Colour, t: f32) -> Colour {
    std::array::from_fn(|channel| mix(a[channel], b[channel], t))
}

/// `a` + `amount` · `b`, channel by channel.
pub(super) fn add(a: Colour, b: Colour, amount: f32) -> Colour {
    std::array::from_fn(|channel| a[channel] + amount * b[channel])
}

/// All channels times `factor`.
pub(super) fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

/// The share of light that passes an absorbance (Beer–Lambert, e^−x), as (1 + x/8)^−8: the exponential itself is not the
/// same on every platform. Negative absorbance brightens, down to −1.
pub(super) fn transmitted(absorbance: f32) -> f32 {
    let root = 1.0 / (1.0 + absorbance.max(-1.0) / 8.0);
    let square = root * root;
    let fourth = square * square;
    fourth * fourth
}

/// Melanin near the surface: brown.
pub(super) const BROWN: Colour = [0.62, 1.02, 1.24];
/// Melanin at the very surface, dense: nearly black.
pub(super) const BLACK: Colour = [1.75, 1.95, 1.85];
/// Melanin deep in the dermis, seen through scattering tissue (Tyndall effect): blue-grey.
pub(super) const BLUE: Colour = [1.06, 0.84, 0.50];
/// Blood.
pub(super) const RED: Colour = [0.10, 0.62, 0.50];
/// Scar or keratin, which scatter all light back.
pub(super) const WHITE: Colour = [0.94, 0.89, 0.86];
