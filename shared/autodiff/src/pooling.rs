//! Rules of the pooling operators.

use ndarray::{ArrayD, IxDyn};

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::convolution::spread;
use super::rule::Operator;
use onnx_edit::{Attributes, Window, window};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("AveragePool", average_pool),
    Operator::rule("GlobalAveragePool", global_average_pool),
    Operator::rule("MaxPool", max_pool),
];

/// `y = max x` over each window: the gradient goes to the element that was taken, once. The forward node's own
/// `Indices` output says which (first of equals, as libtorch), so forward and gradient cannot disagree. Windows may
/// overlap, so the elements are added up.
fn max_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let indices = match Attributes(context.node).int("storage_order", 0)? {
        0 => indices_output(context),
        _ => row_major_indices(context),
    };
    let x = context.input(0).to_owned();
    let dx = context.gathered(first(arriving), &indices, &x);
    Ok(vec![Some(dx)])
}

/// The second output of the forward node; it is added where the model leaves it out.
pub(super) fn indices_output(context: &mut Context<'_>) -> String {
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

/// The indices of a node whose own are column-major: those of a copy.
fn row_major_indices(context: &mut Context<'_>) -> String {
    let pooled = context.again(context.node.input.clone());
    let indices = context.builder.fresh(&format!("{pooled}/indices"));
    if let Some(node) = context.builder.graph_mut().node.last_mut() {
        node.attribute.retain(|a| a.name != "storage_order");
        node.output.truncate(1);
        node.output.push(indices.clone());
    }
    indices
}

/// `y = mean x` over all spatial positions: `dx = dy / positions`, everywhere.
fn global_average_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let axes: Vec<i64> = (2..context.rank(&x)? as i64).collect();
    let share = context.share(first(arriving), &axes);
    let shape = context.shape_of(&x);
    Ok(vec![Some(context.op("Expand", &[&share, &shape]))])
}

/// `y = mean x` over each window: `dy`, divided by each window's count of elements, goes back through a transposed
/// convolution with ones, channel by channel.
fn average_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (w, sizes) = pool_window(context)?;
    let counts = counts(context, &w, &sizes)?;
    let counts = context.floats(&counts);
    let shares = context.op("Div", &[first(arriving), &counts]);
    Ok(vec![Some(spread_evenly(context, &shares, &w, &sizes)?)])
}

/// A pooling node's window, and the spatial sizes of its input where they are known.
pub(super) fn pool_window(
    context: &Context<'_>,
) -> Result<(Window, Vec<Option<usize>>), AutodiffError> {
    let kernel = Attributes(context.node)
        .ints("kernel_shape")?
        .unwrap_or_default();
    let sizes = context.open_spatial(context.input(0), kernel.len());
    Ok((window(context.node, &sizes, None)?, sizes))
}

/// Carries `dy` from the positions of a window back to all elements of the window, channel by channel. Where the number of
/// channels is not known, each is an image of its own.
///
/// # Errors
/// Where the window is too large to be spelled out.
pub(super) fn spread_evenly(
    context: &mut Context<'_>,
    dy: &str,
    w: &Window,
    sizes: &[Option<usize>],
) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let elements = w
        .kernel
        .iter()
        .fold(1usize, |all, &k| all.saturating_mul(k));
    context.reserve(elements, "its window is too large")?;
    let channels = context.size_along(&x, 1).filter(|channels| {
        let further = elements.saturating_mul(channels.saturating_sub(1));
        context.reserve(further, "its window is too large").is_ok()
    });
    let kernel = [&[channels.unwrap_or(1), 1][..], &w.kernel].concat();
    let ones = context.floats(&ArrayD::ones(IxDyn(&kernel)));
    if let Some(channels) = channels {
        return Ok(spread(context, dy, &ones, w, sizes, channels as i64));
    }
    let (shape, from) = (context.op("Shape", &[dy]), context.ints(&[2]));
    let to = context.ints(&[sizes.len() as i64 + 2]);
    let plane = context.op("Slice", &[&shape, &from, &to]);
    let apart = context.ints(&[-1, 1]);
    let images = context.node("Concat", &[&apart, &plane], [("axis", 0.into())]);
    let dy = context.op("Reshape", &[dy, &images]);
    let dx = spread(context, &dy, &ones, w, sizes, 1);
    Ok(context.reshape_like(&dx, &x))
}

/// The number of elements that each window averages over: `[1, 1, positions…]`, or a scalar where every window is whole.
fn counts(
    context: &mut Context<'_>,
    w: &Window,
    sizes: &[Option<usize>],
) -> Result<ArrayD<f32>, AutodiffError> {
    let with_padding = Attributes(context.node).int("count_include_pad", 0)? != 0;
    let padded = w.before.iter().chain(&w.after).any(|&pad| pad != 0);
    if !w.ceil && (with_padding || !padded) {
        let whole = w.kernel.iter().map(|&k| k as f32).product::<f32>();
        return Ok(ndarray::arr0(whole).into_dyn());
    }
    let mut shape = vec![1, 1];
    let mut counts = vec![1.0];
    for (axis, size) in sizes.iter().enumerate() {
        let Some((size, positions)) = size.and_then(|s| Some((s, w.positions(axis, s)?))) else {
            return Err(context.open_shape(context.input(0)));
        };
        context.reserve(
            positions.saturating_mul(counts.len()),
            "it has too many windows",
        )?;
        let along: Vec<f32> = (0..positions)
            .map(|position| count(w, axis, position, size, with_padding))
            .collect();
        counts = counts
            .iter()
            .flat_map(|x| along.iter().map(move |y| x * y))
            .collect();
        shape.push(positions);
    }
    ArrayD::from_shape_vec(IxDyn(&shape), counts).map_err(|e| context.unsupported(e.to_string()))
}

/// The number of elements that the window at `position` averages over, along one axis.
fn count(w: &Window, axis: usize, position: usize, size: usize, with_padding: bool) -> f32 {
    let start = position.saturating_mul(w.strides[axis]);
    let (begin, end) = match with_padding {
        true => (0, w.before[axis] + size + w.after[axis]),
        false => (w.before[axis], w.before[axis] + size),
    };
    // Of the elements `start + k * dilation`, those before a bound.
    let before = |bound: usize| {
        let steps = bound.saturating_sub(start).div_ceil(w.dilations[axis]);
        steps.min(w.kernel[axis])
    };
    (before(end) - before(begin)).max(1) as f32
}
