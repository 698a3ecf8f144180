//! Equal mean colour in all classes.

use super::super::colour::{Colour, WHITE, transmitted};
use super::Pigment;

/// How much stronger to make a lesion's pigment in each channel, so that the lesion's mean colour is that of a uniform
/// lesion of absorbance `mean` on skin of this tone.
///
/// Without this, a classifier could tell melanomas by their mean colour alone.
pub(super) fn gains(lesion: &[&Pigment], tone: Colour, mean: Colour) -> Colour {
    // Every pixel of a small picture, and about as many of a large one.
    let sample: Vec<&Pigment> = (lesion.iter().copied())
        .step_by((lesion.len() / 1500).max(1))
        .collect();
    std::array::from_fn(|channel| {
        let wanted = sample.len() as f32 * transmitted(mean[channel]);
        let white = WHITE[channel] / tone[channel];
        let left = |gain: f32| -> f32 {
            sample
                .iter()
                .map(|pigment| {
                    let through = transmitted(gain * pigment.absorbance[channel]);
                    through + (white - through) * pigment.white
                })
                .sum()
        };
        // The light that is left falls with the gain: bisection cannot miss.
        let (mut low, mut high) = (0.1, 8.0);
        for _ in 0..14 {
            let middle = 0.5 * (low + high);
            if left(middle) > wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    })
}
