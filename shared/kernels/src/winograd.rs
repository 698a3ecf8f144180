//! Winograd's minimal filtering of 3×3 windows: F(m,3) computes m × m results with (m + 2)² multiplications instead of 9 m².
//!
//! The image is cut into tiles of m + 2 that overlap by two, tiles and weights are evaluated at m + 2 points each, and what belongs
//! to the same points is multiplied as matrices, over all channels. After Lavin and Gray, *Fast Algorithms for Convolutional
//! Neural Networks* (2015); the points of F(4,3), 0, ±√½, ±√2 and infinity, are those of Barabasz et al., *Error Analysis and
//! Improving the Accuracy of Winograd Convolution* (2018), whose errors are a third of those of 0, ±1, ±2.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::marker::PhantomData;

use crate::blocks::{Weights, place};
use crate::geometry::Geometry;
use crate::lanes::{Lanes, at, put};
use crate::phases::Split;
use crate::scratch::{CACHED, Scratch, room, zeros};
use crate::sink::Sink;

/// How `M` results in a row are computed by way of `A = M + 2` points.
pub(crate) trait Points<const M: usize, const A: usize> {
    /// A row of three weights at the points.
    fn weights(row: [f64; 3]) -> [f64; A];
    /// A row of `A` pixels at the points.
    fn pixels<const W: usize, L: Lanes<W>>(row: [L; A]) -> [L; A];
    /// The results out of the products at the points.
    fn results<const W: usize, L: Lanes<W>>(row: [L; A]) -> [L; M];
}

/// F(2,3): the points 0, ±1 and infinity.
#[derive(Debug, Clone)]
pub(crate) struct Two;

impl Points<2, 4> for Two {
    fn weights([a, b, c]: [f64; 3]) -> [f64; 4] {
        [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
    }

    #[inline(always)]
    fn pixels<const W: usize, L: Lanes<W>>([a, b, c, d]: [L; 4]) -> [L; 4] {
        [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
    }

    #[inline(always)]
    fn results<const W: usize, L: Lanes<W>>([a, b, c, d]: [L; 4]) -> [L; 2] {
        [a.add(b).add(c), b.sub(c).sub(d)]
    }
}

/// F(4,3): the points 0, ±√½, ±√2 and infinity, the roots of x⁵ − 2.5 x³ + x.
#[derive(Debug, Clone)]
pub(crate) struct Four;

impl Points<4, 6> for Four {
    fn weights([a, b, c]: [f64; 3]) -> [f64; 6] {
        let at = |x: f64, scale: f64| scale * (a + x * (b + x * c));
        [
            a,
            at(FRAC_1_SQRT_2, -1.0 / 1.5),
            at(-FRAC_1_SQRT_2, -1.0 / 1.5),
            at(SQRT_2, 1.0 / 6.0),
            at(-SQRT_2, 1.0 / 6.0),
            c,
        ]
    }

    #[inline(always)]
    fn pixels<const W: usize, L: Lanes<W>>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
        let number = |value: f64| L::splat(value as f32);
        let even = number(-2.0).mul_add(c, e);
        let odd = number(-2.0).mul_add(b, d).mul(number(FRAC_1_SQRT_2));
        let wide_even = number(-0.5).mul_add(c, e);
        let wide_odd = number(-0.5).mul_add(b, d).mul(number(SQRT_2));
        [
            number(-2.5).mul_add(c, a).add(e),
            even.add(odd),
            even.sub(odd),
            wide_even.add(wide_odd),
            wide_even.sub(wide_odd),
            number(-2.5).mul_add(d, b).add(f),
        ]
    }

    #[inline(always)]
    fn results<const W: usize, L: Lanes<W>>([a, b, c, d, e, f]: [L; 6]) -> [L; 4] {
        let number = |value: f64| L::splat(value as f32);
        let (even, odd) = (b.add(c), b.sub(c));
        let (wide_even, wide_odd) = (d.add(e), d.sub(e));
        let slope = odd.mul(number(FRAC_1_SQRT_2));
        [
            a.add(even).add(wide_even),
            number(SQRT_2).mul_add(wide_odd, slope),
            number(2.0).mul_add(wide_even, even.mul(number(0.5))),
            number(2.0 * SQRT_2).mul_add(wide_odd, number(0.5).mul_add(slope, f)),
        ]
    }
}

/// The weights at the points, a matrix for each pair of them in each group.
#[derive(Debug, Clone)]
pub(crate) struct Winograd<const M: usize, const A: usize, P> {
    groups: Vec<Vec<Weights>>,
    points: PhantomData<P>,
}

/// Channels that are written at once: 64 bytes, a line of the cache, with vectors of four. Divides the rows of a slab.
const TOGETHER: usize = 4;
/// The fewest tiles of a piece, so that the weights are not read too often.
const FEWEST: usize = 32;

impl<const M: usize, const A: usize, P: Points<M, A>> Winograd<M, A, P> {
    pub(crate) fn new(geometry: &Geometry, weights: &[f32]) -> Self {
        let (rows, depth) = (geometry.filters_each(), geometry.depth());
        let group = |weights: &[f32]| {
            let (windows, _) = weights.as_chunks::<9>();
            Weights::several(A * A, rows, depth, |row, column, to| {
                let at_points = transform::<M, A, P>(&windows[row * depth + column]);
                to.copy_from_slice(at_points.as_flattened());
            })
        };
        Self {
            groups: weights.chunks_exact(rows * depth * 9).map(group).collect(),
            points: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.iter().flatten().map(Weights::len).sum()
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
        let depth = geometry.depth();
        let [high, wide] = geometry.result.map(|size| size.div_ceil(M));
        let filters = geometry.filters_each();
        let most = (2 * CACHED / (A * A * (depth + filters))).max(FEWEST);
        let rows = most.div_ceil(wide).clamp(1, high);
        let tiles = Tiles {
            wide,
            split: Split {
                phases: M,
                width: wide.next_multiple_of(W) + W,
                before: geometry.padding[1],
            },
        };
        let channels = depth * geometry.image_plane();
        for (index, image) in image.chunks_exact(channels).enumerate() {
            let (image_index, group) = (index / geometry.groups, index % geometry.groups);
            for first in (0..high).step_by(rows) {
                let piece = first..high.min(first + rows);
                self.evaluate::<W, L>(geometry, &tiles, image, piece.clone(), scratch);
                let place = (image_index, group);
                self.multiply::<W, L>(geometry, &tiles, place, piece, sink, scratch);
            }
        }
    }

    /// The tiles of some rows at the points, as panels of `W` tiles with all channels, one pair of points after the other.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn evaluate<const W: usize, L: Lanes<W>>(
        &self,
        geometry: &Geometry,
        tiles: &Tiles,
        image: &[f32],
        piece: std::ops::Range<usize>,
        scratch: &mut Scratch,
    ) {
        let depth = geometry.depth();
        let (split, wide) = (&tiles.split, tiles.wide);
        let count = piece.len() * wide;
        let panels_each = count.div_ceil(W);
        // A row's last vector may reach beyond the next row's first.
        let stride = (count + split.width).next_multiple_of(W);
        let height = piece.len() * M + 2;
        let Scratch {
            panels,
            lines,
            spread,
            products,
            ..
        } = scratch;
        let panels = room(panels, A * A * panels_each * depth * W);
        let lines = zeros(lines, height * split.row());
        let spread = room(spread, TOGETHER * A * A * stride);
        let upright = room(products, A * split.row());
        let top = piece.start * M;
        for (channel, plane) in image.chunks_exact(geometry.image_plane()).enumerate() {
            for (row, line) in lines.chunks_exact_mut(split.row()).enumerate() {
                let y = (top + row).wrapping_sub(geometry.padding[0]);
                if y < geometry.image[0] {
                    let width = geometry.image[1];
                    split.split(&plane[y * width..][..width], line);
                }
            }
            let spread_here = &mut spread[channel % TOGETHER * A * A * stride..][..A * A * stride];
            for row in 0..piece.len() {
                let lines = &lines[row * M * split.row()..][..A * split.row()];
                for x in (0..split.row()).step_by(W) {
                    let column = std::array::from_fn(|y| at::<W, L>(lines, y * split.row() + x));
                    for (y, value) in P::pixels(column).into_iter().enumerate() {
                        put(upright, y * split.row() + x, value);
                    }
                }
                for y in 0..A {
                    let line = &upright[y * split.row()..][..split.row()];
                    for tile in (0..wide).step_by(W) {
                        let pixels = std::array::from_fn(|x| {
                            at::<W, L>(line, x % M * split.width + x / M + tile)
                        });
                        for (x, value) in P::pixels(pixels).into_iter().enumerate() {
                            put(spread_here, (y * A + x) * stride + row * wide + tile, value);
                        }
                    }
                }
            }
            let together = channel % TOGETHER + 1;
            if together == TOGETHER || channel + 1 == depth {
                let first = channel + 1 - together;
                for point in 0..A * A {
                    let panels = &mut panels[point * panels_each * depth * W..];
                    let (start, next) = place::<W>(first, depth, panels_each);
                    for panel in 0..panels_each {
                        let to = &mut panels[start + panel * next..][..together * W];
                        for channel in 0..together {
                            let place = (channel * A * A + point) * stride + panel * W;
                            put(to, channel * W, at::<W, L>(spread, place));
                        }
                    }
                }
            }
        }
    }

    /// The products at the points, and the results out of them.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn multiply<const W: usize, L: Lanes<W>>(
        &self,
        geometry: &Geometry,
        tiles: &Tiles,
        (image, group): (usize, usize),
        piece: std::ops::Range<usize>,
        sink: &mut Sink<'_, W, L>,
        scratch: &mut Scratch,
    ) {
        let depth = geometry.depth();
        let wide = tiles.wide;
        let count = piece.len() * wide;
        let whole = count.next_multiple_of(W);
        // Not a power of two: the same place at each point would fall into one set of the cache.
        let stride = whole + W;
        let panels = &scratch.panels[..A * A * whole * depth];
        let matrices = &self.groups[group];
        let blocks = matrices.first().map_or(&[][..], |matrix| &matrix.blocks);
        let tall: usize = blocks.iter().map(|block| block.height).sum();
        let products = room(&mut scratch.products, A * A * tall * stride);
        let flat = room(&mut scratch.lines, M * M * stride);
        let line = room(&mut scratch.spread, wide * M + W);
        // A matrix and its panels at a time: both stay in the cache.
        for (point, matrix) in matrices.iter().enumerate() {
            let panels = &panels[point * whole * depth..][..whole * depth];
            for block in blocks {
                let to = &mut products[(point * tall + block.first) * stride..];
                matrix.multiply::<W, L>(block, panels, &mut to[..block.height * stride], stride);
            }
        }
        for block in blocks {
            for row in 0..block.rows {
                let filter = group * geometry.filters_each() + block.first + row;
                for tile in (0..count).step_by(W) {
                    let upright: [[L; M]; A] = std::array::from_fn(|x| {
                        P::results(std::array::from_fn(|y| {
                            let place = ((y * A + x) * tall + block.first + row) * stride + tile;
                            at::<W, L>(products, place)
                        }))
                    });
                    let rows: [[L; A]; M] =
                        std::array::from_fn(|y| std::array::from_fn(|x| upright[x][y]));
                    for (y, row) in rows.into_iter().enumerate() {
                        for (x, value) in P::results(row).into_iter().enumerate() {
                            put(flat, (y * M + x) * stride + tile, value);
                        }
                    }
                }
                for tile_row in 0..piece.len() {
                    for y in 0..M {
                        let result_row = (piece.start + tile_row) * M + y;
                        if result_row >= geometry.result[0] {
                            break;
                        }
                        let (results, _) = line.as_chunks_mut::<M>();
                        for x in 0..M {
                            let from = &flat[(y * M + x) * stride + tile_row * wide..][..wide];
                            for (to, value) in results.iter_mut().zip(from) {
                                to[x] = *value;
                            }
                        }
                        let width = geometry.result[1];
                        sink.take(image, filter, result_row * width, line, width);
                    }
                }
            }
        }
    }
}

/// How the results are cut.
struct Tiles {
    /// Tiles in a row.
    wide: usize,
    split: Split,
}

/// A window's weights at each pair of points.
fn transform<const M: usize, const A: usize, P: Points<M, A>>(window: &[f32; 9]) -> [[f32; A]; A] {
    let row = |y: usize| std::array::from_fn(|x| f64::from(window[3 * y + x]));
    let rows: [[f64; A]; 3] = std::array::from_fn(|y| P::weights(row(y)));
    let mut at_points = [[0.0; A]; A];
    for x in 0..A {
        let column = P::weights([rows[0][x], rows[1][x], rows[2][x]]);
        for (y, value) in column.into_iter().enumerate() {
            at_points[y][x] = value as f32;
        }
    }
    at_points
}
