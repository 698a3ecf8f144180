//! Convolution as a product of matrices. The image's columns are packed a piece at a time, so that the matrix of all of them, as
//! many times the image as the window has elements, is never there.

use crate::blocks::{TALLEST, Weights, place};
use crate::geometry::Geometry;
use crate::lanes::Lanes;
use crate::scratch::{CACHED, Scratch, room};
use crate::sink::Sink;

#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// One matrix per group.
    groups: Vec<Weights>,
}

/// The fewest and most pixels of a piece.
const PIXELS: (usize, usize) = (56, 512);

impl Columns {
    pub(crate) fn new(geometry: &Geometry, weights: &[f32]) -> Self {
        let (rows, depth) = (geometry.filters_each(), geometry.depth() * geometry.taps());
        let group = |weights: &[f32]| {
            Weights::new(rows, depth, |row, column| weights[row * depth + column])
        };
        Self {
            groups: weights.chunks_exact(rows * depth).map(group).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.iter().map(Weights::len).sum()
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
        let rows = geometry.depth() * geometry.taps();
        let pixels = geometry.result_plane();
        let piece = (CACHED / rows)
            .clamp(PIXELS.0, PIXELS.1)
            .min(pixels)
            .next_multiple_of(W);
        let panels = room(&mut scratch.panels, rows * piece);
        let products = room(&mut scratch.products, TALLEST * (piece + W));
        let line = room(&mut scratch.lines, piece);
        let channels = geometry.depth() * geometry.image_plane();
        for (index, image) in image.chunks_exact(channels).enumerate() {
            let (image_index, group) = (index / geometry.groups, index % geometry.groups);
            let weights = &self.groups[group];
            for start in (0..pixels).step_by(piece) {
                let count = piece.min(pixels - start);
                let whole = count.next_multiple_of(W);
                let panels = &mut panels[..rows * whole];
                pack::<W>(
                    geometry,
                    image,
                    start..start + count,
                    &mut line[..whole],
                    panels,
                );
                let stride = whole + W;
                for block in &weights.blocks {
                    weights.multiply::<W, L>(block, panels, products, stride);
                    for row in 0..block.rows {
                        let filter = group * geometry.filters_each() + block.first + row;
                        let sums = &products[row * stride..][..whole];
                        sink.take(image_index, filter, start, sums, count);
                    }
                }
            }
        }
    }
}

/// For each element of the window in each channel the numbers that it meets at these pixels, in panels of `W` pixels.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn pack<const W: usize>(
    geometry: &Geometry,
    image: &[f32],
    pixels: std::ops::Range<usize>,
    line: &mut [f32],
    panels: &mut [f32],
) {
    let rows = geometry.depth() * geometry.taps();
    let plain = geometry.taps() == 1
        && geometry.strides == [1, 1]
        && geometry.padding == [0, 0]
        && geometry.image == geometry.result;
    line.fill(0.0);
    for (channel, plane) in image.chunks_exact(geometry.image_plane()).enumerate() {
        for tap in 0..geometry.taps() {
            if plain {
                line[..pixels.len()].copy_from_slice(&plane[pixels.clone()]);
            } else {
                fill(geometry, plane, tap, pixels.clone(), line);
            }
            let row = channel * geometry.taps() + tap;
            let (first, next) = place::<W>(row, rows, line.len() / W);
            for (panel, values) in panels[first..].chunks_mut(next).zip(line.chunks_exact(W)) {
                panel[..W].copy_from_slice(values);
            }
        }
    }
}

/// What an element of the window meets in a plane.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn fill(
    geometry: &Geometry,
    plane: &[f32],
    tap: usize,
    pixels: std::ops::Range<usize>,
    line: &mut [f32],
) {
    let [height, width] = geometry.image;
    let wide = geometry.result[1];
    let shift = [
        tap / geometry.window[1] * geometry.dilations[0],
        tap % geometry.window[1] * geometry.dilations[1],
    ];
    let step = geometry.strides[1];
    // The pixels of a row whose element lies within the image.
    let first = geometry.padding[1].saturating_sub(shift[1]).div_ceil(step);
    let last = (width + geometry.padding[1])
        .saturating_sub(shift[1])
        .div_ceil(step);
    let mut pixel = pixels.start;
    while pixel < pixels.end {
        let (row, from) = (pixel / wide, pixel % wide);
        let to = wide.min(from + pixels.end - pixel);
        let line = &mut line[pixel - pixels.start..][..to - from];
        pixel += to - from;
        let y = row * geometry.strides[0] + shift[0];
        let within = (geometry.padding[0]..height + geometry.padding[0]).contains(&y);
        let (first, last) = (first.clamp(from, to), last.clamp(from, to));
        if !within || first >= last {
            line.fill(0.0);
            continue;
        }
        let source = &plane[(y - geometry.padding[0]) * width..][..width];
        let source = &source[first * step + shift[1] - geometry.padding[1]..];
        line[..first - from].fill(0.0);
        line[last - from..].fill(0.0);
        let line = &mut line[first - from..last - from];
        match step {
            1 => line.copy_from_slice(&source[..line.len()]),
            2 => copy_each::<2>(source, line),
            _ => line
                .iter_mut()
                .zip(source.iter().step_by(step))
                .for_each(|(to, from)| *to = *from),
        }
    }
}

#[inline(always)]
fn copy_each<const STEP: usize>(source: &[f32], line: &mut [f32]) {
    let (chunks, rest) = source.as_chunks::<STEP>();
    let whole = chunks.len().min(line.len());
    for (to, from) in line.iter_mut().zip(chunks) {
        *to = from[0];
    }
    if let (Some(to), Some(from)) = (line.get_mut(whole), rest.first()) {
        *to = *from;
    }
}
