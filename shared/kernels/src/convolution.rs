//! A convolution, by the kernel that suits it.

use crate::columns::Columns;
use crate::depthwise::Depthwise;
use crate::geometry::{Geometry, GeometryError, check_length};
use crate::lanes::{Lanes, Task, at, on_lanes, put};
use crate::scratch::Scratch;
use crate::winograd::{Four, Two, Winograd};

/// How exact a convolution has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accuracy {
    /// What decisions hang on: relative errors of 1e-6 at most.
    Decisions,
    /// What is read as it is: relative errors of 2e-6, in less time.
    Gradient,
}

/// What happens to the sums of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, low), high)`
    Within(f32, f32),
}

/// What is done to the sums on their way into the result.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// What is added to each of them; as long as the result.
    pub plus: Option<&'a [f32]>,
    /// What is done then.
    pub activation: Activation,
}

impl Finish<'_> {
    /// Nothing at all.
    pub const NOTHING: Finish<'static> = Finish {
        plus: None,
        activation: Activation::None,
    };
}

/// A convolution whose weights are in the form that its kernel wants.
#[derive(Debug, Clone)]
pub struct Convolution {
    geometry: Geometry,
    bias: Vec<f32>,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    Columns(Columns),
    Depthwise(Depthwise),
    Two(Winograd<2, 4, Two>),
    Four(Winograd<4, 6, Four>),
}

/// Up to so many weights a window of four results is used for the gradient: it takes four times their room, where two takes 1.8
/// times, and gains little where an image has few pixels and many channels.
const MOST_FOUR: usize = 256 * 256 * 9;
/// With fewer channels than that, transforming costs more than it saves.
const LEAST_CHANNELS: usize = 8;
/// With fewer windows than that, reading the larger weights does.
const LEAST_TILES: usize = 4;

impl Convolution {
    /// Takes weights as ONNX has them, `filters × channels of a group × height × width`, and one bias per filter, or none.
    ///
    /// # Errors
    /// [`GeometryError`] where lengths contradict the sizes, or nothing can be computed of these.
    pub fn new(
        geometry: Geometry,
        weights: &[f32],
        bias: &[f32],
        accuracy: Accuracy,
    ) -> Result<Self, GeometryError> {
        geometry.check()?;
        check_length("the weights", weights.len(), geometry.weights_length())?;
        if !bias.is_empty() {
            check_length("the bias", bias.len(), geometry.filters)?;
        }
        Ok(Self {
            geometry,
            bias: match bias {
                [] => vec![0.0; geometry.filters],
                _ => bias.to_vec(),
            },
            method: Method::of(&geometry, weights, accuracy),
        })
    }

    /// What it reads and writes.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What its weights take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let weights = match &self.method {
            Method::Columns(columns) => columns.len(),
            Method::Depthwise(depthwise) => depthwise.len(),
            Method::Two(winograd) => winograd.len(),
            Method::Four(winograd) => winograd.len(),
        };
        size_of::<f32>() * (weights + self.bias.len())
    }

    /// Convolves `image` into `result`. Tells whether all sums were finite, before the activation.
    ///
    /// # Errors
    /// [`GeometryError::Length`] where a length contradicts the sizes.
    pub fn run(
        &self,
        image: &[f32],
        finish: Finish<'_>,
        result: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<bool, GeometryError> {
        check_length("the image", image.len(), self.geometry.image_length())?;
        check_length("the result", result.len(), self.geometry.result_length())?;
        if let Some(plus) = finish.plus {
            check_length("what is added", plus.len(), self.geometry.result_length())?;
        }
        let plain = scratch.plain;
        let run = Run {
            convolution: self,
            image,
            finish,
            result,
            scratch,
        };
        Ok(on_lanes(run, plain))
    }
}

impl Method {
    fn of(geometry: &Geometry, weights: &[f32], accuracy: Accuracy) -> Self {
        let depth = geometry.depth();
        if depth == 1 && geometry.taps() > 1 {
            return Self::Depthwise(Depthwise::new(geometry, weights));
        }
        let square = geometry.window == [3, 3]
            && geometry.strides == [1, 1]
            && geometry.dilations == [1, 1]
            && depth.min(geometry.filters_each()) >= LEAST_CHANNELS;
        let tiles = |side: usize| {
            let [height, width] = geometry.result;
            height.div_ceil(side).saturating_mul(width.div_ceil(side))
        };
        if !square || tiles(2) < LEAST_TILES {
            return Self::Columns(Columns::new(geometry, weights));
        }
        let roomy = depth * geometry.filters * 9 <= MOST_FOUR;
        match accuracy == Accuracy::Gradient && roomy && tiles(4) >= LEAST_TILES {
            true => Self::Four(Winograd::new(geometry, weights)),
            false => Self::Two(Winograd::new(geometry, weights)),
        }
    }
}

struct Run<'a> {
    convolution: &'a Convolution,
    image: &'a [f32],
    finish: Finish<'a>,
    result: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl Task for Run<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const W: usize, L: Lanes<W>>(self) -> bool {
        let geometry = &self.convolution.geometry;
        let mut sink = Sink::<W, L> {
            bias: &self.convolution.bias,
            finish: self.finish,
            plane: geometry.result_plane(),
            filters: geometry.filters,
            result: self.result,
            check: L::splat(0.0),
        };
        let (image, scratch) = (self.image, self.scratch);
        match &self.convolution.method {
            Method::Columns(columns) => columns.run(geometry, image, &mut sink, scratch),
            Method::Depthwise(depthwise) => depthwise.run(geometry, image, &mut sink, scratch),
            Method::Two(winograd) => winograd.run(geometry, image, &mut sink, scratch),
            Method::Four(winograd) => winograd.run(geometry, image, &mut sink, scratch),
        }
        sink.is_finite()
    }
}

/// Where sums go: bias, what is added, activation, and whether they were numbers.
pub(crate) struct Sink<'a, const W: usize, L: Lanes<W>> {
    bias: &'a [f32],
    finish: Finish<'a>,
    plane: usize,
    filters: usize,
    result: &'a mut [f32],
    /// Zero times every sum, added up: NaN as soon as one is not finite.
    check: L,
}

impl<const W: usize, L: Lanes<W>> Sink<'_, W, L> {
    /// Takes the sums of a filter from a pixel on. The slice may be longer than `length`, by up to a vector.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn take(
        &mut self,
        image: usize,
        filter: usize,
        pixel: usize,
        sums: &[f32],
        length: usize,
    ) {
        let start = (image * self.filters + filter) * self.plane + pixel;
        let bias = self.bias[filter];
        let to = &mut self.result[start..][..length];
        let sums = &sums[..length];
        let plus = self.finish.plus.map(|plus| &plus[start..][..length]);
        let (zero, shift) = (L::splat(0.0), L::splat(bias));
        let (low, high) = match self.finish.activation {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Within(low, high) => (low, high),
        };
        let active = self.finish.activation != Activation::None;
        let (least, most) = (L::splat(low), L::splat(high));
        let whole = length / W * W;
        for place in (0..whole).step_by(W) {
            let mut sum = at::<W, L>(sums, place).add(shift);
            if let Some(plus) = plus {
                sum = sum.add(at(plus, place));
            }
            self.check = sum.mul_add(zero, self.check);
            if active {
                sum = sum.max(least).min(most);
            }
            put(to, place, sum);
        }
        let mut rest = [0.0; W];
        for place in whole..length {
            let sum = sums[place] + bias + plus.map_or(0.0, |plus| plus[place]);
            rest[place - whole] = sum;
            to[place] = match active {
                true => sum.max(low).min(high),
                false => sum,
            };
        }
        self.check = L::load(&rest).mul_add(zero, self.check);
    }

    fn is_finite(&self) -> bool {
        let mut check = [0.0; W];
        self.check.store(&mut check);
        check.iter().all(|&sum| sum == 0.0)
    }
}
