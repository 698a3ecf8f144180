//! Equal mean colour in all classes.

use super::super::colour::{Colour, WHITE, transmitted};
use super::Pigment;

/// How much stronger to make a lesion's pigment in each channel, so that all the light it takes away equals what a
/// uniform lesion of absorbance `mean` over `area` pixels would take from skin of this tone.
///
/// Without this, a classifier could tell melanomas by their mean colour alone.
pub(super) fn gains(
    pixels: &[(usize, usize, Pigment)],
    tone: Colour,
    mean: Colour,
    area: f32,
) -> Colour {
    // Every pixel of a small picture, and about as many of a large one.
    let step = (pixels.len() / 2000).max(1);
    let share = area / step as f32;
    std::array::from_fn(|channel| {
        let wanted = share * (1.0 - transmitted(mean[channel]));
        let taken = |gain: f32| -> f32 {
            pixels
                .iter()
                .step_by(step)
                .map(|(_, _, pigment)| {
                    let through = transmitted(gain * pigment.absorbance[channel]);
                    1.0 - through - (WHITE[channel] / tone[channel] - through) * pigment.white
                })
                .sum()
        };
        // Light taken away grows with the gain: bisection cannot miss.
        let (mut low, mut high) = (0.1, 8.0);
        for _ in 0..14 {
            let middle = 0.5 * (low + high);
            if taken(middle) < wanted {
                low = middle
            } else {
                high = middle
            }
        }
        0.5 * (low + high)
    })
}
