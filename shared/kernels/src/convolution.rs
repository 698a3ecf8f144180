//! A convolution, by the kernel that suits it.

use crate::columns::Columns;
use crate::depthwise::Depthwise;
use crate::geometry::{Geometry, GeometryError, check_length};
use crate::lanes::{Lanes, Task, on_lanes};
use crate::scratch::Scratch;
use crate::sink::{Finish, Sink};
use crate::winograd::{Four, Two, Winograd};

/// How exact a convolution has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accuracy {
    /// What decisions hang on: relative errors of 1e-6 at most.
    Decisions,
    /// What is read as it is: relative errors of 2e-6, in less time.
    Gradient,
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
        let bias = &self.convolution.bias;
        let mut sink = Sink::<W, L>::new(geometry, bias, self.finish, self.result);
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
