//! The rule of image resizing.
//!
//! Every mode of `Resize` is linear and separable: along each axis, an output element is a weighted sum of input elements,
//! whose weights depend on sizes and scales alone. They are computed here as the specification says, as a matrix per axis;
//! the gradient multiplies by its transpose.

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::bounds::LARGEST_TABLE;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::{Attributes, Dim};

pub(super) const OPERATORS: &[Operator] = &[Operator::rule("Resize", resize)];

/// `y = W x` along each resized axis: `dx = Wᵀ dy`.
fn resize(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let rank = context.rank(context.input(0))?;
    let interpolation = Interpolation::read(context)?;
    let mut dx = first(arriving).to_owned();
    for line in lines(context, rank)? {
        if !line.is_identity(&interpolation) {
            let reach = interpolation.row_length(&line);
            let longest = "it resizes an axis that is too long";
            context.reserve(line.from.saturating_mul(line.to), longest)?;
            if line.to.saturating_mul(reach) > LARGEST_TABLE {
                return Err(context.unsupported(longest));
            }
            let transposed = interpolation.weights(&line).reversed_axes();
            dx = context.along(&dx, rank, line.axis, &transposed);
        }
    }
    Ok(vec![Some(dx)])
}

/// One axis: its sizes and its scale. Coordinates are computed in float32, as the runtimes do.
struct Line {
    axis: usize,
    from: usize,
    to: usize,
    scale: f32,
    /// Begin and end of the region that is resized, as shares of the axis (`tf_crop_and_resize`).
    region: (f32, f32),
}

impl Line {
    fn is_identity(&self, interpolation: &Interpolation) -> bool {
        self.scale == 1.0
            && self.from == self.to
            && interpolation.coordinates != Coordinates::CropAndResize
    }
}

/// The axes that are resized. An axis of unknown size is left as it is where its scale is 1.
fn lines(context: &Context<'_>, rank: usize) -> Result<Vec<Line>, AutodiffError> {
    let attributes = Attributes(context.node);
    let axes = match attributes.ints("axes")? {
        Some(axes) => axes
            .iter()
            .map(|&axis| context.axis(axis, rank))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    let x = context.input(0).to_owned();
    let sizes: Vec<Option<usize>> = axes
        .iter()
        .map(|&axis| context.size_along(&x, axis))
        .collect();
    let scales = scales(context, &axes, &sizes)?;
    // A size that follows from other sizes is rounded, one that follows from a scale cut off.
    let by_sizes = !context.input(3).is_empty();
    let rounding = if by_sizes { 0.5 } else { 0.0 };
    let regions = context.shapes.floats(context.input(1)).unwrap_or_default();
    let mut lines = vec![];
    for (index, (&axis, scale)) in axes.iter().zip(scales).enumerate() {
        if !scale.is_finite() || scale <= 0.0 {
            let why = format!("its scale {scale} along axis {axis} is not a positive number");
            return Err(context.unsupported(why));
        }
        let Some(from) = sizes[index] else {
            if scale == 1.0 {
                continue;
            }
            return Err(context.open_shape(&x));
        };
        let to = context
            .size_along(context.output(), axis)
            .unwrap_or((scale * from as f32 + rounding) as usize);
        let region = match regions[..].get(index).zip(regions.get(index + axes.len())) {
            Some((&begin, &end)) => (begin, end),
            None => (0.0, 1.0),
        };
        lines.push(Line {
            axis,
            from,
            to,
            scale,
            region,
        });
    }
    Ok(lines)
}

/// The scale of each resized axis: given, or the ratio of the sizes.
fn scales(
    context: &Context<'_>,
    axes: &[usize],
    from: &[Option<usize>],
) -> Result<Vec<f32>, AutodiffError> {
    let held = context.shapes.floats(context.input(2));
    if let Some(scales) = held.filter(|scales| !scales.is_empty()) {
        return if scales.len() == axes.len() {
            Ok(scales)
        } else {
            Err(context.unsupported("its scales and axes differ in number"))
        };
    }
    let wanted = context.shapes.constant(context.input(3));
    let policy = Attributes(context.node).string("keep_aspect_ratio_policy", "stretch")?;
    if wanted.is_none() && (context.input(3).is_empty() || policy != "stretch") {
        return Err(context.unsupported("its scales or sizes are computed at run time"));
    }
    let mut ratios = vec![];
    for (index, &axis) in axes.iter().enumerate() {
        let to = match wanted {
            Some(sizes) => sizes.get(index).copied().map(|size| size as f32),
            None => context
                .size_along(context.output(), axis)
                .map(|size| size as f32),
        };
        ratios.push(match (from[index], to) {
            (Some(from), Some(to)) => to / from as f32,
            _ if keeps_size(context, axis) => 1.0,
            _ => return Err(context.open_shape(context.input(0))),
        });
    }
    let common = match policy {
        "not_larger" => ratios.iter().copied().reduce(f32::min),
        "not_smaller" => ratios.iter().copied().reduce(f32::max),
        _ => None,
    };
    Ok(match common {
        Some(scale) => vec![scale; ratios.len()],
        None => ratios,
    })
}

/// Whether an axis of open size, such as the batch, is as long in the output.
fn keeps_size(context: &Context<'_>, axis: usize) -> bool {
    let along = |value: &str| context.shapes.get(value).and_then(|shape| shape.get(axis));
    let (from, to) = (along(context.input(0)), along(context.output()));
    from == to && from.is_some_and(|dim| *dim != Dim::Unknown)
}

/// How a position of the output maps to one of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    CropAndResize,
}

impl Coordinates {
    /// The input's coordinate of the output's position `to`.
    fn of(self, to: usize, line: &Line) -> f32 {
        let (to, from_size, scale) = (to as f32, line.from as f32, line.scale);
        let to_size = scale * from_size;
        let half_pixel = (to + 0.5) / scale - 0.5;
        match self {
            Self::HalfPixel => half_pixel,
            Self::HalfPixelSymmetric => {
                let adjustment = line.to as f32 / to_size;
                from_size / 2.0 * (1.0 - adjustment) + half_pixel
            }
            Self::PytorchHalfPixel if line.to == 1 => -0.5,
            Self::PytorchHalfPixel => half_pixel,
            Self::AlignCorners if line.to == 1 => 0.0,
            Self::AlignCorners => to * (from_size - 1.0) / (to_size - 1.0),
            Self::Asymmetric => to / scale,
            Self::CropAndResize => {
                let (begin, end) = line.region;
                let within = if line.to == 1 {
                    0.5 * (end - begin) * (from_size - 1.0)
                } else {
                    to * (end - begin) * (from_size - 1.0) / (to_size - 1.0)
                };
                begin * (from_size - 1.0) + within
            }
        }
    }
}

/// How the elements around a coordinate are weighted.
#[derive(Clone, Copy)]
enum Mode {
    Nearest(fn(f32) -> f32),
    Linear,
    /// Keys, *Cubic convolution interpolation*, 1981; the parameter is his `a`.
    Cubic(f32),
}

impl Mode {
    /// Over how many elements to each side the weights reach.
    fn reach(self) -> f32 {
        match self {
            Self::Nearest(_) | Self::Linear => 1.0,
            Self::Cubic(_) => 2.0,
        }
    }

    /// The weight of an element at a distance.
    fn kernel(self, distance: f32) -> f32 {
        let t = distance.abs();
        match self {
            Self::Cubic(a) if t <= 1.0 => ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0,
            Self::Cubic(a) if t < 2.0 => ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a,
            Self::Cubic(_) => 0.0,
            Self::Nearest(_) | Self::Linear => (1.0 - t).max(0.0),
        }
    }
}

/// A node's mode of interpolation.
struct Interpolation {
    mode: Mode,
    coordinates: Coordinates,
    antialias: bool,
    exclude_outside: bool,
}

impl Interpolation {
    fn read(context: &Context<'_>) -> Result<Self, AutodiffError> {
        let attributes = Attributes(context.node);
        let coordinates = match attributes.string("coordinate_transformation_mode", "half_pixel")? {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_crop_and_resize" => Coordinates::CropAndResize,
            other => {
                let why = format!("its coordinates `{other}` are not supported");
                return Err(context.unsupported(why));
            }
        };
        let mode = match attributes.string("mode", "nearest")? {
            "nearest" => Mode::Nearest(rounding(context)?),
            "linear" => Mode::Linear,
            "cubic" => Mode::Cubic(attributes.float("cubic_coeff_a", -0.75)?),
            other => {
                return Err(context.unsupported(format!("its mode `{other}` is not supported")));
            }
        };
        Ok(Self {
            mode,
            coordinates,
            antialias: attributes.int("antialias", 0)? != 0,
            exclude_outside: attributes.int("exclude_outside", 0)? != 0,
        })
    }

    /// The weights along an axis: `[to, from]`.
    fn weights(&self, line: &Line) -> Array2<f32> {
        let mut weights = Array2::zeros((line.to, line.from));
        if line.from == 0 {
            return weights;
        }
        let last = line.from - 1;
        for to in 0..line.to {
            let at = self.coordinates.of(to, line);
            // What lies outside takes the extrapolation value, which does not depend on the input.
            if self.coordinates == Coordinates::CropAndResize && !(0.0..=last as f32).contains(&at)
            {
                continue;
            }
            for (from, weight) in self.row(at, line) {
                let inside = from.clamp(0, last as i64) as usize;
                weights[[to, inside]] += weight;
            }
        }
        weights
    }

    /// How many elements [`Self::row`] looks at.
    fn row_length(&self, line: &Line) -> usize {
        let scale = if self.antialias {
            line.scale.min(1.0)
        } else {
            1.0
        };
        (2.0 * self.mode.reach() / scale).ceil() as usize
    }

    /// The elements around a coordinate, which may lie outside the axis (its border counts there), with their weights.
    fn row(&self, at: f32, line: &Line) -> Vec<(i64, f32)> {
        if let Mode::Nearest(round) = self.mode {
            return vec![(round(at) as i64, 1.0)];
        }
        // Against aliasing the kernel is widened where the image shrinks.
        let scale = if self.antialias {
            line.scale.min(1.0)
        } else {
            1.0
        };
        let base = at.ceil() - 1.0;
        let first = (-self.mode.reach() / scale).floor() as i64 + 1;
        let mut row: Vec<(i64, f32)> = (first..2 - first)
            .map(|offset| {
                let from = (base as i64).saturating_add(offset);
                (from, self.mode.kernel((from as f32 - at) * scale))
            })
            .filter(|(from, _)| !self.exclude_outside || (0..line.from as i64).contains(from))
            .collect();
        let total: f32 = row.iter().map(|(_, weight)| weight).sum();
        row.iter_mut().for_each(|(_, weight)| *weight /= total);
        row
    }
}

/// How a coordinate becomes the nearest element's.
fn rounding(context: &Context<'_>) -> Result<fn(f32) -> f32, AutodiffError> {
    let mode = Attributes(context.node).string("nearest_mode", "round_prefer_floor")?;
    Ok(match mode {
        "round_prefer_floor" => |at| (at - 0.5).ceil(),
        "round_prefer_ceil" => |at| (at + 0.5).floor(),
        "floor" => f32::floor,
        "ceil" => f32::ceil,
        other => {
            return Err(context.unsupported(format!("its rounding `{other}` is not supported")));
        }
    })
}
