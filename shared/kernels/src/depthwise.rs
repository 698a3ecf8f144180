//! Convolution of each channel on its own.

use crate::geometry::Geometry;
use crate::lanes::{Lanes, at, put};
use crate::phases::Split;
use crate::scratch::{Scratch, room, zeros};
use crate::sink::Sink;

#[derive(Debug, Clone)]
pub(crate) struct Depthwise {
    weights: Vec<f32>,
}

/// Vectors that are added up at a time: with fewer, an addition waits for the one before.
const TOGETHER: usize = 4;

impl Depthwise {
    pub(crate) fn new(_: &Geometry, weights: &[f32]) -> Self {
        Self {
            weights: weights.to_vec(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn run<const W: usize, L: Lanes<W>>(
        &self,
        geometry: &Geometry,
        image: &[f32],
        sink: &mut Sink<'_, W, L>,
        scratch: &mut Scratch,
    ) {
        let [high, wide] = geometry.result;
        let step = geometry.strides[1];
        let reach = (geometry.window[1] - 1) * geometry.dilations[1] / step;
        let room_wide = wide.next_multiple_of(TOGETHER * W);
        let split = Split {
            phases: step,
            width: (room_wide + reach + 1).next_multiple_of(W),
            before: geometry.padding[1],
        };
        // The rows that are read: those of the image and the zeros around them.
        let rows =
            (high - 1) * geometry.strides[0] + (geometry.window[0] - 1) * geometry.dilations[0] + 1;
        let lines = zeros(&mut scratch.lines, rows * split.row());
        let sums = room(&mut scratch.products, room_wide);
        let taps = geometry.taps();
        let places: Vec<usize> = (0..taps)
            .map(|tap| {
                let x = tap % geometry.window[1] * geometry.dilations[1];
                tap / geometry.window[1] * geometry.dilations[0] * split.row()
                    + x % step * split.width
                    + x / step
            })
            .collect();
        let each = geometry.filters_each();
        for (index, plane) in image.chunks_exact(geometry.image_plane()).enumerate() {
            let (image_index, channel) = (index / geometry.channels, index % geometry.channels);
            for (row, line) in plane.chunks_exact(geometry.image[1]).zip(
                lines
                    .chunks_exact_mut(split.row())
                    .skip(geometry.padding[0]),
            ) {
                split.split(row, line);
            }
            for filter in channel * each..(channel + 1) * each {
                let weights = &self.weights[filter * taps..][..taps];
                for y in 0..high {
                    let lines = &lines[y * geometry.strides[0] * split.row()..];
                    match taps {
                        9 => row::<9, W, L>(lines, weights, &places, sums),
                        25 => row::<25, W, L>(lines, weights, &places, sums),
                        _ => row_of_any::<W, L>(lines, weights, &places, sums),
                    }
                    sink.take(image_index, filter, y * wide, sums, wide);
                }
            }
        }
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn row<const TAPS: usize, const W: usize, L: Lanes<W>>(
    lines: &[f32],
    weights: &[f32],
    places: &[usize],
    to: &mut [f32],
) {
    if let (Some(weights), Some(places)) =
        (weights.first_chunk::<TAPS>(), places.first_chunk::<TAPS>())
    {
        row_of_any::<W, L>(lines, weights, places, to);
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn row_of_any<const W: usize, L: Lanes<W>>(
    lines: &[f32],
    weights: &[f32],
    places: &[usize],
    to: &mut [f32],
) {
    for start in (0..to.len()).step_by(TOGETHER * W) {
        let mut sums = [L::splat(0.0); TOGETHER];
        for (&weight, &place) in weights.iter().zip(places) {
            let weight = L::splat(weight);
            let values = &lines[place + start..][..TOGETHER * W];
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum = weight.mul_add(at(values, index * W), *sum);
            }
        }
        for (index, sum) in sums.into_iter().enumerate() {
            put(to, start + index * W, sum);
        }
    }
}
