//! Which of a model's nodes are convolutions that our kernels know, and the kernel for each.

use pellucid_kernels::{Accuracy, Convolution, Geometry, Transposed};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, KernelFormat, PoolSpec};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::operators::{Kernel, Own};

/// With fewer pixels than that a product of matrices is one of vectors, which tract does as well.
const FEWEST_PIXELS: usize = 4;

/// The operator for a node, and which of its inputs is the image, if a kernel of ours can do it.
pub(super) fn replacement(
    model: &TypedModel,
    node: &TypedNode,
    accuracy: Accuracy,
) -> TractResult<Replacement> {
    let found = if let Some(conv) = node.op_as::<Conv>() {
        convolution(model, node, conv, accuracy)?
    } else if let Some(deconv) = node.op_as::<Deconv>() {
        transposed(model, node, deconv)?
    } else if let Some(product) = node.op_as::<EinSum>() {
        pointwise(model, node, product, accuracy)?
    } else {
        None
    };
    Ok(found)
}

type Replacement = Option<(OutletId, Box<dyn TypedOp>)>;

/// A value's shape, where it is float32 and all of it is known.
pub(super) fn shape(model: &TypedModel, outlet: OutletId) -> TractResult<Option<TVec<usize>>> {
    let fact = model.outlet_fact(outlet)?;
    let known = fact
        .shape
        .as_concrete()
        .filter(|_| fact.datum_type == f32::datum_type() && fact.exotic_fact.is_none());
    Ok(known.map(|shape| shape.into()))
}

/// A constant's numbers.
pub(super) fn constant(model: &TypedModel, outlet: OutletId) -> TractResult<Option<Vec<f32>>> {
    let fact = model.outlet_fact(outlet)?;
    match &fact.konst {
        Some(value) if value.datum_type() == f32::datum_type() && fact.exotic_fact.is_none() => {
            Ok(Some(value.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
        }
        _ => Ok(None),
    }
}

/// One number per channel, of a constant that has one or as many.
fn per_channel(bias: Vec<f32>, channels: usize) -> Option<Vec<f32>> {
    match bias.len() {
        1 => Some(vec![bias[0]; channels]),
        length if length == channels => Some(bias),
        _ => None,
    }
}

/// What images and results are: `[images, height, width]` of two dimensions, planes of channels.
fn planes(spec: &PoolSpec, shape: &[usize]) -> Option<[usize; 3]> {
    match (spec.data_format, shape) {
        (DataFormat::NCHW, &[images, _, height, width]) => Some([images, height, width]),
        (DataFormat::CHW, &[_, height, width]) => Some([1, height, width]),
        _ => None,
    }
}

fn pair(values: &[usize]) -> [usize; 2] {
    std::array::from_fn(|axis| values.get(axis).copied().unwrap_or(1))
}

fn convolution(
    model: &TypedModel,
    node: &TypedNode,
    conv: &Conv,
    accuracy: Accuracy,
) -> TractResult<Replacement> {
    let spec = &conv.pool_spec;
    let &[image, weights, bias] = &node.inputs[..] else {
        return Ok(None);
    };
    let plain =
        conv.q_params.is_none() && spec.rank() == 2 && conv.kernel_fmt == KernelFormat::OIHW;
    let (Some(from), Some(to)) = (shape(model, image)?, shape(model, node.id.into())?) else {
        return Ok(None);
    };
    let (Some(before), Some(after)) = (planes(spec, &from), planes(spec, &to)) else {
        return Ok(None);
    };
    if !plain {
        return Ok(None);
    }
    let (Some(weights), Some(bias)) = (constant(model, weights)?, constant(model, bias)?) else {
        return Ok(None);
    };
    let padding = spec.computed_padding(&before[1..]);
    let geometry = Geometry {
        images: before[0],
        channels: spec.input_channels,
        filters: spec.output_channels,
        groups: conv.group,
        image: [before[1], before[2]],
        window: pair(&spec.kernel_shape),
        strides: pair(&spec.strides()),
        dilations: pair(&spec.dilations()),
        padding: [padding[0].pad_before, padding[1].pad_before],
        result: [after[1], after[2]],
    };
    let Some(bias) = per_channel(bias, geometry.filters) else {
        return Ok(None);
    };
    let (image, weights) = unscaled(model, image, weights, &geometry, false)?;
    Ok(made(geometry, &weights, &bias, accuracy, to).map(|op| (image, op)))
}

fn made(
    geometry: Geometry,
    weights: &[f32],
    bias: &[f32],
    accuracy: Accuracy,
    shape: TVec<usize>,
) -> Option<Box<dyn TypedOp>> {
    let kernel = Convolution::new(geometry, weights, bias, accuracy).ok()?;
    Some(Box::new(Own::plain(Kernel::Convolution(kernel), shape)))
}

fn transposed(model: &TypedModel, node: &TypedNode, deconv: &Deconv) -> TractResult<Replacement> {
    let spec = &deconv.pool_spec;
    let &[image, weights, bias] = &node.inputs[..] else {
        return Ok(None);
    };
    let plain = spec.rank() == 2 && deconv.kernel_format == KernelFormat::OIHW;
    let (Some(from), Some(to)) = (shape(model, image)?, shape(model, node.id.into())?) else {
        return Ok(None);
    };
    let (Some(before), Some(after)) = (planes(spec, &from), planes(spec, &to)) else {
        return Ok(None);
    };
    let (true, Some(weights), Some(bias)) =
        (plain, constant(model, weights)?, constant(model, bias)?)
    else {
        return Ok(None);
    };
    let padding = spec.padding.compute_for_deconv(
        &before[1..],
        &spec.kernel_shape,
        &spec.dilations(),
        &spec.strides(),
        &deconv.adjustments,
    )?;
    // The convolution that it is the transpose of.
    let geometry = Geometry {
        images: before[0],
        channels: spec.output_channels,
        filters: spec.input_channels,
        groups: deconv.group,
        image: [after[1], after[2]],
        window: pair(&spec.kernel_shape),
        strides: pair(&spec.strides()),
        dilations: pair(&spec.dilations()),
        padding: [padding[0].pad_before, padding[1].pad_before],
        result: [before[1], before[2]],
    };
    let Some(bias) = per_channel(bias, geometry.channels) else {
        return Ok(None);
    };
    let weights = filters_first(&weights, &geometry);
    let (image, weights) = unscaled(model, image, weights, &geometry, true)?;
    let Ok(kernel) = Transposed::new(geometry, &weights, &bias) else {
        return Ok(None);
    };
    let op = Own::plain(Kernel::Transposed(kernel), to);
    Ok(Some((image, Box::new(op))))
}

/// Where each channel of the image is multiplied by a number of its own first, as in the gradient of a batch normalization: the
/// image before, and weights that multiply by it. Zeros around the image stay zeros.
fn unscaled(
    model: &TypedModel,
    image: OutletId,
    mut weights: Vec<f32>,
    geometry: &Geometry,
    transposed: bool,
) -> TractResult<(OutletId, Vec<f32>)> {
    let unchanged = |weights| Ok((image, weights));
    let node = model.node(image.node);
    let (&[a, b], "Mul") = (&node.inputs[..], &*node.op.name()) else {
        return unchanged(weights);
    };
    let (before, scale) = match model.outlet_fact(a)?.konst.is_some() {
        true => (b, a),
        false => (a, b),
    };
    let channels = match transposed {
        true => geometry.filters,
        false => geometry.channels,
    };
    let axes = shape(model, scale)?;
    let standing = axes.is_some_and(|axes| axes[..] == [1, channels, 1, 1]);
    if !standing || shape(model, before)? != shape(model, image)? {
        return unchanged(weights);
    }
    let Some(scale) = constant(model, scale)? else {
        return unchanged(weights);
    };
    let taps = geometry.window[0] * geometry.window[1];
    let depth = geometry.channels / geometry.groups.max(1);
    let each = geometry.filters / geometry.groups.max(1);
    for (index, weight) in weights.iter_mut().enumerate() {
        let (filter, channel) = (index / (depth * taps), index / taps % depth);
        *weight *= match transposed {
            true => scale[filter],
            false => scale[filter / each * depth + channel],
        };
    }
    match weights.iter().all(|weight| weight.is_finite()) {
        true => Ok((before, weights)),
        false => Err(TractError::msg("a scaled weight is beyond all bounds")),
    }
}

/// tract has the weights of a transposed convolution by channel of the output first; the convolution's are by filter.
fn filters_first(weights: &[f32], geometry: &Geometry) -> Vec<f32> {
    let groups = geometry.groups.max(1);
    let (filters, channels) = (geometry.filters / groups, geometry.channels / groups);
    let taps = geometry.window[0] * geometry.window[1];
    let mut turned = Vec::with_capacity(weights.len());
    for group in weights.chunks_exact((filters * channels * taps).max(1)) {
        for filter in 0..filters {
            for channel in 0..channels {
                let start = (channel * filters + filter) * taps;
                turned.extend_from_slice(&group[start..start + taps]);
            }
        }
    }
    turned
}

/// A product of constant weights with planes, over their channels: `oi,nihw->nohw`.
fn pointwise(
    model: &TypedModel,
    node: &TypedNode,
    product: &EinSum,
    accuracy: Accuracy,
) -> TractResult<Replacement> {
    let (inputs, outputs) = product.axes.to_strs();
    if product.q_params.is_some() || inputs.len() != 2 || outputs.len() != 1 {
        return Ok(None);
    }
    let is_constant =
        |slot: usize| Ok::<_, TractError>(model.outlet_fact(node.inputs[slot])?.konst.is_some());
    let (image, weights) = match (is_constant(0)?, is_constant(1)?) {
        (false, true) => (0, 1),
        (true, false) => (1, 0),
        _ => return Ok(None),
    };
    let (Some(from), Some(to)) = (
        shape(model, node.inputs[image])?,
        shape(model, node.id.into())?,
    ) else {
        return Ok(None);
    };
    let Some(held) = shape(model, node.inputs[weights])? else {
        return Ok(None);
    };
    // Axes of one element are no axes.
    let axes = |names: &str, sizes: &[usize]| -> Vec<(char, usize)> {
        let axes = names.chars().zip(sizes.iter().copied());
        axes.filter(|(_, size)| *size != 1).collect()
    };
    let (read, written) = (axes(&inputs[image], &from), axes(&outputs[0], &to));
    let held = axes(&inputs[weights], &held);
    let same = read.iter().zip(&written).take_while(|(a, b)| a == b);
    let place = same.count();
    let (Some(&(inner, depth)), Some(&(outer, filters))) = (read.get(place), written.get(place))
    else {
        return Ok(None);
    };
    let fits = read[place + 1..] == written[place + 1..];
    let turned = match &held[..] {
        [a, b] if *a == (outer, filters) && *b == (inner, depth) => false,
        [a, b] if *a == (inner, depth) && *b == (outer, filters) => true,
        _ => return Ok(None),
    };
    let size = |axes: &[(char, usize)]| axes.iter().map(|(_, size)| size).product::<usize>();
    let pixels = size(&read[place + 1..]);
    if !fits || pixels < FEWEST_PIXELS {
        return Ok(None);
    }
    let Some(mut weights) = constant(model, node.inputs[weights])? else {
        return Ok(None);
    };
    if turned {
        let columns = weights;
        weights = (0..filters * depth)
            .map(|index| columns[index % depth * filters + index / depth])
            .collect();
    }
    let geometry = Geometry {
        images: size(&read[..place]),
        channels: depth,
        filters,
        groups: 1,
        image: [1, pixels],
        window: [1, 1],
        strides: [1, 1],
        dilations: [1, 1],
        padding: [0, 0],
        result: [1, pixels],
    };
    Ok(made(geometry, &weights, &[], accuracy, to).map(|op| (node.inputs[image], op)))
}
