//! Rules of the pooling operators.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use crate::onnx::{Attributes, window};

/// `y = max x` over each window: the gradient goes to the element that was taken, once. The forward node's own
/// `Indices` output says which (first of equals, as libtorch), so forward and gradient cannot disagree. Windows may
/// overlap, so the elements are added up (`ScatterElements` with `reduction = add`, operator set 16).
pub(super) fn max_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if context.opset < 16 {
        return Err(context.unsupported(
            "the gradient of MaxPool needs ScatterElements with reduction, so operator set 16 or newer: export the model again",
        ));
    }
    if Attributes(context.node).int("storage_order", 0)? != 0 {
        return Err(context.unsupported("column-major indices are not supported"));
    }
    let indices = indices_output(context);
    let x = context.input(0).to_owned();
    let flat = context.ints(&[-1]);
    let dy = context.op("Reshape", &[first(arriving), &flat]);
    let positions = context.op("Reshape", &[&indices, &flat]);
    let one = context.ints(&[1]);
    let zeros = match context.shapes.numbers(&x) {
        Some(shape) => context.ints(&[shape.iter().product::<usize>() as i64]),
        None => {
            let count = context.op("Size", &[&x]);
            context.op("Reshape", &[&count, &one])
        }
    };
    let zero = context.scalar(0.0);
    let zeros = context.op("Expand", &[&zero, &zeros]);
    let attributes = [("axis", 0.into()), ("reduction", "add".into())];
    let scattered = context.node("ScatterElements", &[&zeros, &positions, &dy], attributes);
    Ok(vec![Some(context.reshape_like(&scattered, &x))])
}

/// The second output of the forward node; it is added where the model leaves it out.
fn indices_output(context: &mut Context<'_>) -> String {
    if let Some(name) = context.node.output.get(1).filter(|name| !name.is_empty()) {
        return name.clone();
    }
    let name = context
        .builder
        .fresh(&format!("{}/indices", context.output()));
    if let Some(node) = context
        .index
        .and_then(|index| context.builder.graph_mut().node.get_mut(index))
    {
        node.output.truncate(1);
        node.output.push(name.clone());
    }
    name
}

/// `y = mean x` over all spatial positions: `dx = dy / positions`, everywhere.
pub(super) fn global_average_pool(
    context: &mut Context<'_>,
    arriving: &[Option<String>],
) -> Cotangents {
    let x = context.input(0).to_owned();
    let positions: usize = context.spatial(&x)?.iter().product();
    let share = context.scalar(1.0 / positions as f32);
    let scaled = context.op("Mul", &[first(arriving), &share]);
    let shape = context.shape_of(&x);
    Ok(vec![Some(context.op("Expand", &[&scaled, &shape]))])
}

/// `y = mean x` over each window: `dy`, divided by each window's count of elements, goes back through a transposed
/// convolution with ones, channel by channel.
pub(super) fn average_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let (inner, outer) = (context.spatial(&x)?, context.spatial(&y)?);
    let Some(channels) = context.shape(&x)?[1].known() else {
        return Err(context.unsupported("its number of channels is unknown"));
    };
    let sizes: Vec<Option<usize>> = inner.iter().copied().map(Some).collect();
    let w = window(context.node, &sizes, None)?;
    let with_padding = Attributes(context.node).int("count_include_pad", 0)? != 0;

    let mut counts = ndarray::Array::ones(ndarray::IxDyn(&[]));
    let mut pads = vec![(0i64, 0i64); inner.len()];
    let mut output_padding = vec![];
    for axis in 0..inner.len() {
        let counted: Vec<f32> = (0..outer[axis])
            .map(|position| count(&w, axis, position, inner[axis], with_padding))
            .collect();
        let along = ndarray::Array1::from(counted).into_dyn();
        counts = outer_product(&counts, &along);
        let reached =
            (outer[axis] - 1) * w.strides[axis] + w.dilations[axis] * (w.kernel[axis] - 1) + 1;
        let padded = inner[axis] + w.before[axis] + w.after[axis];
        // A last window that only partly fits (ceil_mode) reaches beyond the padding; what lies there is cut off.
        let beyond = reached.saturating_sub(padded);
        pads[axis] = (w.before[axis] as i64, (w.after[axis] + beyond) as i64);
        output_padding.push(padded.saturating_sub(reached) as i64);
    }
    let mut shape = vec![1, 1];
    shape.extend_from_slice(&outer);
    let counts = counts
        .into_shape_with_order(ndarray::IxDyn(&shape))
        .map_err(|e| context.unsupported(e.to_string()))?;
    let counts = context.builder.floats("grad/counts", &counts);
    let shares = context.op("Div", &[first(arriving), &counts]);

    let mut kernel = vec![channels, 1];
    kernel.extend_from_slice(&w.kernel);
    let ones = context
        .builder
        .floats("grad/ones", &ndarray::ArrayD::ones(ndarray::IxDyn(&kernel)));
    let list = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
    let pads: Vec<i64> = pads
        .iter()
        .map(|p| p.0)
        .chain(pads.iter().map(|p| p.1))
        .collect();
    let attributes = [
        ("kernel_shape", list(&w.kernel).into()),
        ("strides", list(&w.strides).into()),
        ("dilations", list(&w.dilations).into()),
        ("pads", pads.into()),
        ("group", (channels as i64).into()),
        ("output_padding", output_padding.into()),
    ];
    Ok(vec![Some(context.node(
        "ConvTranspose",
        &[&shares, &ones],
        attributes,
    ))])
}

/// The number of elements that the window at `position` averages over, along one axis.
fn count(
    w: &crate::onnx::Window,
    axis: usize,
    position: usize,
    size: usize,
    with_padding: bool,
) -> f32 {
    let start = position * w.strides[axis];
    let end = if with_padding {
        w.before[axis] + size + w.after[axis]
    } else {
        w.before[axis] + size
    };
    let begin = if with_padding { 0 } else { w.before[axis] };
    let inside = (0..w.kernel[axis])
        .map(|k| start + k * w.dilations[axis])
        .filter(|&at| at >= begin && at < end)
        .count();
    inside.max(1) as f32
}

fn outer_product(a: &ndarray::ArrayD<f32>, b: &ndarray::ArrayD<f32>) -> ndarray::ArrayD<f32> {
    let mut shape = a.shape().to_vec();
    shape.extend_from_slice(b.shape());
    let values: Vec<f32> = a
        .iter()
        .flat_map(|x| b.iter().map(move |y| x * y))
        .collect();
    ndarray::ArrayD::from_shape_vec(ndarray::IxDyn(&shape), values).unwrap_or_default()
}
