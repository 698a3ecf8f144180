//! The transpose of a convolution: what carries a gradient back through one.

use crate::blocks::{TALLEST, Weights, place};
use crate::geometry::{Geometry, GeometryError, check_length};
use crate::lanes::{Lanes, Task, on_lanes};
use crate::phases::Split;
use crate::scratch::{CACHED, Scratch, room};

/// A transposed convolution, given by the convolution that it is the transpose of: it reads that one's result and writes its image.
#[derive(Debug, Clone)]
pub struct Transposed {
    geometry: Geometry,
    bias: Vec<f32>,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    /// Few channels: every weight times the image, one after the other.
    Direct(Vec<f32>),
    /// One matrix per group, with a row for each of the weights that one channel of the input meets.
    Matrix(Vec<Weights>),
}

/// Up to so many channels of the input a product of matrices does not pay.
const FEW: usize = 2;
/// The fewest and most pixels of a piece.
const PIXELS: (usize, usize) = (56, 512);

impl Transposed {
    /// Takes weights as ONNX has them, `channels of the input × channels of a group of the output × height × width`, which is
    /// how the convolution has them too, and one bias per channel of the output, or none.
    ///
    /// # Errors
    /// [`GeometryError`] where lengths contradict the sizes, or nothing can be computed of these.
    pub fn new(geometry: Geometry, weights: &[f32], bias: &[f32]) -> Result<Self, GeometryError> {
        geometry.check()?;
        check_length("the weights", weights.len(), geometry.weights_length())?;
        if !bias.is_empty() {
            check_length("the bias", bias.len(), geometry.channels)?;
        }
        let (inner, rows) = (geometry.filters_each(), geometry.depth() * geometry.taps());
        let method = match inner <= FEW {
            true => Method::Direct(weights.to_vec()),
            false => Method::Matrix(
                weights
                    .chunks_exact(inner * rows)
                    .map(|group| {
                        Weights::new(rows, inner, |row, column| group[column * rows + row])
                    })
                    .collect(),
            ),
        };
        Ok(Self {
            geometry,
            bias: match bias {
                [] => vec![0.0; geometry.channels],
                _ => bias.to_vec(),
            },
            method,
        })
    }

    /// The convolution that it is the transpose of.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What its weights take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let weights = match &self.method {
            Method::Direct(weights) => weights.len(),
            Method::Matrix(groups) => groups.iter().map(Weights::len).sum(),
        };
        size_of::<f32>() * (weights + self.bias.len())
    }

    /// Computes `to`, as long as the convolution's image, from `from`, as long as its result.
    ///
    /// # Errors
    /// [`GeometryError::Length`] where a length contradicts the sizes.
    pub fn run(
        &self,
        from: &[f32],
        to: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), GeometryError> {
        check_length("the input", from.len(), self.geometry.result_length())?;
        check_length("the output", to.len(), self.geometry.image_length())?;
        let plain = scratch.plain;
        let run = Run {
            transposed: self,
            from,
            to,
            scratch,
        };
        on_lanes(run, plain);
        Ok(())
    }
}

struct Run<'a> {
    transposed: &'a Transposed,
    from: &'a [f32],
    to: &'a mut [f32],
    scratch: &'a mut Scratch,
}

/// The output with what falls beside it, one row after the other, each split by the stride.
struct Canvas<'a> {
    geometry: &'a Geometry,
    split: Split,
    rows: usize,
    values: &'a mut [f32],
}

impl Task for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const W: usize, L: Lanes<W>>(self) {
        let geometry = &self.transposed.geometry;
        let reach = |axis: usize| {
            let touched = (geometry.result[axis] - 1) * geometry.strides[axis]
                + (geometry.window[axis] - 1) * geometry.dilations[axis]
                + 1;
            touched.max(geometry.padding[axis] + geometry.image[axis])
        };
        let split = Split {
            phases: geometry.strides[1],
            width: reach(1).div_ceil(geometry.strides[1]),
            before: geometry.padding[1],
        };
        let (rows, depth) = (reach(0), geometry.depth());
        // A channel at a time where nothing is gained by more.
        let together = match &self.transposed.method {
            Method::Direct(_) => 1,
            Method::Matrix(_) => depth,
        };
        let Scratch {
            panels,
            products,
            lines,
            ..
        } = self.scratch;
        let mut canvas = Canvas {
            geometry,
            split,
            rows,
            values: room(lines, together * rows * split.row()),
        };
        let inputs = geometry.filters_each() * geometry.result_plane();
        let outputs = depth * geometry.image_plane();
        let parts = self
            .from
            .chunks_exact(inputs)
            .zip(self.to.chunks_exact_mut(outputs));
        for (index, (from, to)) in parts.enumerate() {
            let group = index % geometry.groups;
            let bias = &self.transposed.bias[group * depth..][..depth];
            match &self.transposed.method {
                Method::Direct(weights) => {
                    let each = geometry.filters_each() * depth * geometry.taps();
                    let weights = &weights[group * each..][..each];
                    let planes = to.chunks_exact_mut(geometry.image_plane());
                    for (channel, (to, &bias)) in planes.zip(bias).enumerate() {
                        canvas.values.fill(0.0);
                        canvas.add_direct(from, weights, channel);
                        canvas.show(0, bias, to);
                    }
                }
                Method::Matrix(groups) => {
                    canvas.values.fill(0.0);
                    canvas.add_products::<W, L>(from, &groups[group], panels, products);
                    let planes = to.chunks_exact_mut(geometry.image_plane());
                    for (channel, (to, &bias)) in planes.zip(bias).enumerate() {
                        canvas.show(channel, bias, to);
                    }
                }
            }
        }
    }
}

impl Canvas<'_> {
    /// Where the products of a row of the input with an element of the window go.
    #[inline(always)]
    fn line(&mut self, channel: usize, tap: usize, y: usize) -> &mut [f32] {
        let geometry = self.geometry;
        let row = y * geometry.strides[0] + tap / geometry.window[1] * geometry.dilations[0];
        let x = tap % geometry.window[1] * geometry.dilations[1];
        let start = (channel * self.rows + row) * self.split.row()
            + x % self.split.phases * self.split.width
            + x / self.split.phases;
        &mut self.values[start..][..geometry.result[1]]
    }

    /// A channel of the output, on a canvas that holds no other.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn add_direct(&mut self, from: &[f32], weights: &[f32], channel: usize) {
        let geometry = self.geometry;
        let (taps, depth) = (geometry.taps(), geometry.depth());
        for (inner, plane) in from.chunks_exact(geometry.result_plane()).enumerate() {
            let weights = &weights[(inner * depth + channel) * taps..][..taps];
            for (y, row) in plane.chunks_exact(geometry.result[1]).enumerate() {
                for (tap, &weight) in weights.iter().enumerate() {
                    let line = self.line(0, tap, y);
                    for (to, value) in line.iter_mut().zip(row) {
                        *to += weight * value;
                    }
                }
            }
        }
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn add_products<const W: usize, L: Lanes<W>>(
        &mut self,
        from: &[f32],
        weights: &Weights,
        panels: &mut Vec<f32>,
        products: &mut Vec<f32>,
    ) {
        let geometry = self.geometry;
        let (inner, taps) = (geometry.filters_each(), geometry.taps());
        let [high, wide] = geometry.result;
        let pixels = (CACHED / inner).clamp(PIXELS.0, PIXELS.1);
        let piece = (pixels / wide).clamp(1, high);
        let longest = (piece * wide).next_multiple_of(W);
        let panels = room(panels, inner * longest);
        let products = room(products, TALLEST * (longest + W));
        for start in (0..high).step_by(piece) {
            let rows = piece.min(high - start);
            let count = rows * wide;
            let whole = count.next_multiple_of(W);
            let panels = &mut panels[..inner * whole];
            for (channel, plane) in from.chunks_exact(high * wide).enumerate() {
                let line = &plane[start * wide..][..count];
                let (first, next) = place::<W>(channel, inner, whole / W);
                for (panel, values) in panels[first..].chunks_mut(next).zip(line.chunks(W)) {
                    let to = &mut panel[..W];
                    to[..values.len()].copy_from_slice(values);
                    to[values.len()..].fill(0.0);
                }
            }
            let stride = whole + W;
            for block in &weights.blocks {
                weights.multiply::<W, L>(block, panels, products, stride);
                for row in 0..block.rows {
                    let (channel, tap) = ((block.first + row) / taps, (block.first + row) % taps);
                    let products = &products[row * stride..][..count];
                    for (y, products) in products.chunks_exact(wide).enumerate() {
                        let line = self.line(channel, tap, start + y);
                        for (to, value) in line.iter_mut().zip(products) {
                            *to += value;
                        }
                    }
                }
            }
        }
    }

    /// A channel of the output, out of its rows.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn show(&self, channel: usize, bias: f32, to: &mut [f32]) {
        let geometry = self.geometry;
        let lines = &self.values[channel * self.rows * self.split.row()..];
        let lines = lines
            .chunks_exact(self.split.row())
            .skip(geometry.padding[0]);
        let phases = self.split.phases;
        for (to, line) in to.chunks_exact_mut(geometry.image[1]).zip(lines) {
            for phase in 0..phases {
                // The first pixel that this part holds.
                let first = (phase + phases - self.split.before % phases) % phases;
                let place = phase * self.split.width + (self.split.before + first) / phases;
                let pixels = to.iter_mut().skip(first).step_by(phases);
                for (to, value) in pixels.zip(line.get(place..).unwrap_or_default()) {
                    *to = value + bias;
                }
            }
        }
    }
}
