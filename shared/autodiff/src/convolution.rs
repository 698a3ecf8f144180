//! Rules of the convolutions, which are linear in their input: the gradient of one is the other.

use super::AutodiffError;
use super::arithmetic::first;
use super::bounds::LONGEST_AXIS;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::{Attributes, Window, window};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Conv", conv),
    Operator::rule("ConvTranspose", conv_transpose),
];

/// Refuses a gradient with respect to a convolution's weights: only the way to the model's input is differentiated.
fn only_data_and_bias(context: &Context<'_>) -> Result<(), AutodiffError> {
    if context.wants(1) {
        let why = "its weights depend on the model's input, which is not supported";
        return Err(context.unsupported(why));
    }
    Ok(())
}

/// `y = w ∗ x + b`: `dx` is the transposed convolution of `dy` with the same weights, `db` the sum of `dy` over all but the
/// channels. With strides of 1 the transposed convolution is a convolution with turned weights, which runtimes do faster.
fn conv(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_data_and_bias(context)?;
    let (x, weight) = (context.input(0).to_owned(), context.input(1).to_owned());
    let kernel = context.spatial(&weight)?;
    let group = Attributes(context.node).int("group", 1)?;
    let mut dx = None;
    if context.wants(0) {
        let sizes = context.open_spatial(&x, kernel.len());
        let w = window(context.node, &sizes, Some(&kernel))?;
        dx = Some(
            match convolved(context, first(arriving), &weight, &w, group) {
                Some(dx) => dx,
                None => spread(context, first(arriving), &weight, &w, &sizes, group),
            },
        );
    }
    Ok(vec![dx, None, bias(context, arriving, kernel.len())])
}

/// The gradient of a convolution with strides of 1 as a convolution of `dy`, padded so that every window that an element of
/// the input lay in is met. `None` where there are strides, where padding is wider than the kernel reaches, or where the
/// shape of the weights is open.
fn convolved(
    context: &mut Context<'_>,
    dy: &str,
    weight: &str,
    w: &Window,
    group: i64,
) -> Option<String> {
    if w.strides.iter().any(|&stride| stride != 1) {
        return None;
    }
    let pads = |own: &[usize]| -> Option<Vec<usize>> {
        let windows = w.kernel.iter().zip(&w.dilations);
        let reach = windows.map(|(k, d)| d.checked_mul(k.checked_sub(1)?));
        reach
            .zip(own)
            .map(|(reach, &own)| reach?.checked_sub(own))
            .collect()
    };
    let pads = [pads(&w.before)?, pads(&w.after)?].concat();
    let turned = turned(context, weight, &w.kernel, group)?;
    let attributes = [
        ("kernel_shape", list(&w.kernel).into()),
        ("dilations", list(&w.dilations).into()),
        ("pads", list(&pads).into()),
        ("group", group.into()),
    ];
    Some(context.node("Conv", &[dy, &turned], attributes))
}

/// Weights `[M, C/g, *kernel]` with input and output channels exchanged within each group and every kernel turned by half a
/// turn: `[C, M/g, *kernel]`. Runtimes compute them once, when they load the model; the file does not hold them.
fn turned(context: &mut Context<'_>, weight: &str, kernel: &[usize], group: i64) -> Option<String> {
    let shape = context.shapes.numbers(weight)?;
    let groups = usize::try_from(group).ok().filter(|&g| g > 0)?;
    let (outputs, inputs) = (shape[0] / groups, shape[1]);
    let elements = kernel.iter().try_fold(1_usize, |n, &k| n.checked_mul(k))?;
    if shape.get(2..) != Some(kernel) || elements > LONGEST_AXIS {
        return None;
    }
    let split = context.ints(&list(&[groups, outputs, inputs, elements]));
    let mut kernels = context.op("Reshape", &[weight, &split]);
    if elements > 1 {
        let long = "its kernel is too large";
        context.reserve(elements.saturating_mul(2), long).ok()?;
        // Half a turn reverses the elements in row-major order.
        let reversed = context.ints(&(0..elements as i64).rev().collect::<Vec<_>>());
        kernels = context.node("Gather", &[&kernels, &reversed], [("axis", 3.into())]);
    }
    let exchanged = [("perm", [0, 2, 1, 3].to_vec().into())];
    let kernels = context.node("Transpose", &[&kernels], exchanged);
    let mut joined = vec![groups.checked_mul(inputs)?, outputs];
    joined.extend(kernel);
    let joined = context.ints(&list(&joined));
    Some(context.op("Reshape", &[&kernels, &joined]))
}

/// The cotangent of a convolution's bias.
fn bias(context: &mut Context<'_>, arriving: &[Option<String>], spatial: usize) -> Option<String> {
    context.wants(2).then(|| {
        let mut axes = vec![0];
        axes.extend(2..2 + spatial as i64);
        context.sum_over(first(arriving), &axes, false)
    })
}

fn list(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| v as i64).collect()
}

/// Carries `dy` from the positions of a window back to the node's input, whose spatial sizes are given: a transposed
/// convolution with `weight`. `output_padding` restores the rows and columns that the stride skipped at the end (Dumoulin
/// and Visin, *A guide to convolution arithmetic*, 2016). Along an axis of open size as many are made as can be, and the run
/// cuts off what is too many.
pub(super) fn spread(
    context: &mut Context<'_>,
    dy: &str,
    weight: &str,
    w: &Window,
    sizes: &[Option<usize>],
    group: i64,
) -> String {
    let (mut after, mut output_padding) = (w.after.clone(), vec![]);
    for (axis, size) in sizes.iter().enumerate() {
        let Some((size, positions)) = size.and_then(|s| Some((s, w.positions(axis, s)?))) else {
            output_padding.push(w.strides[axis] as i64 - 1);
            continue;
        };
        let reached = w.reach(axis, positions);
        let padded = size + w.before[axis] + w.after[axis];
        // A last window that only partly fits (ceil_mode) reaches beyond the padding; what lies there is cut off.
        after[axis] = after[axis].saturating_add(reached.saturating_sub(padded));
        output_padding.push(padded.saturating_sub(reached) as i64);
    }
    let mut attributes = vec![
        ("kernel_shape", list(&w.kernel).into()),
        ("strides", list(&w.strides).into()),
        ("dilations", list(&w.dilations).into()),
        ("pads", list(&[&w.before[..], &after[..]].concat()).into()),
        ("group", group.into()),
    ];
    if output_padding.iter().any(|&p| p != 0) {
        attributes.push(("output_padding", output_padding.into()));
    }
    let dx = context.node("ConvTranspose", &[dy, weight], attributes);
    if sizes.iter().all(Option::is_some) {
        return dx;
    }
    let x = context.input(0).to_owned();
    let rank = sizes.len() as i64 + 2;
    let (shape, first, last) = (
        context.op("Shape", &[&x]),
        context.ints(&[2]),
        context.ints(&[rank]),
    );
    let ends = context.op("Slice", &[&shape, &first, &last]);
    let starts = context.ints(&vec![0; sizes.len()]);
    let axes = context.ints(&(2..rank).collect::<Vec<_>>());
    context.op("Slice", &[&dx, &starts, &ends, &axes])
}

/// `y` is the transposed convolution of `x` with `w`: `dx` is the convolution of `dy` with the same weights. The rows and
/// columns that `output_padding` and `output_shape` add at the end are read by no window.
fn conv_transpose(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_data_and_bias(context)?;
    let weight = context.input(1).to_owned();
    let kernel = context.spatial(&weight)?;
    let group = Attributes(context.node).int("group", 1)?;
    let mut dx = None;
    if context.wants(0) {
        dx = Some(collect(context, first(arriving), &weight, &kernel, group)?);
    }
    Ok(vec![dx, None, bias(context, arriving, kernel.len())])
}

/// The convolution that [`conv_transpose`]'s gradient is.
fn collect(
    context: &mut Context<'_>,
    dy: &str,
    weight: &str,
    kernel: &[usize],
    group: i64,
) -> Result<String, AutodiffError> {
    let spatial = kernel.len();
    let x = context.input(0).to_owned();
    let y = context.output().to_owned();
    let inner = context.open_spatial(&x, spatial);
    let wanted = Attributes(context.node).ints("output_shape")?;
    let same = Attributes(context.node)
        .string("auto_pad", "NOTSET")?
        .starts_with("SAME");
    let automatic = same || wanted.is_some();
    // The padding of a transposed convolution does not follow from the size of its input as that of a convolution does.
    let mut explicit = context.node.clone();
    explicit.attribute.retain(|a| a.name != "auto_pad");
    let mut w = window(&explicit, &inner, Some(kernel))?;
    let mut outer = context.open_spatial(&y, spatial);
    for axis in 0..spatial {
        let given = wanted.and_then(|sizes| sizes.get(sizes.len().checked_sub(spatial)? + axis));
        let given = given.and_then(|&size| usize::try_from(size).ok());
        let scaled = inner[axis].map(|size| size.saturating_mul(w.strides[axis]));
        outer[axis] = outer[axis].or(given).or(scaled.filter(|_| same));
    }
    let mut dy = dy.to_owned();
    for axis in 0..spatial {
        let (Some(inner), Some(outer)) = (inner[axis], outer[axis]) else {
            if automatic {
                let why = "its padding follows from a size that the graph leaves open";
                return Err(context.unsupported(why));
            }
            continue;
        };
        // How far the windows reach: all of `dy` with its padding, or less where `y` is longer.
        let reached = w.reach(axis, inner);
        if automatic {
            w.before[axis] = first_pad(context, axis, reached, outer)?;
        }
        let read = reached.saturating_sub(w.before[axis]);
        w.after[axis] = read.saturating_sub(outer);
        if outer >= read.saturating_add(w.strides[axis]) {
            let (start, end) = (context.ints(&[0]), context.ints(&[read as i64]));
            dy = context.sliced(&dy, axis + 2, &start, &end);
        }
    }
    let attributes = [
        ("kernel_shape", list(&w.kernel).into()),
        ("strides", list(&w.strides).into()),
        ("dilations", list(&w.dilations).into()),
        ("pads", list(&[&w.before[..], &w.after[..]].concat()).into()),
        ("group", group.into()),
    ];
    Ok(context.node("Conv", &[&dy, weight], attributes))
}

/// How much a transposed convolution whose padding is not given cuts off at the beginning of an axis: half of what is too
/// much, the odd one at the end with `SAME_UPPER` and else at the beginning.
fn first_pad(
    context: &Context<'_>,
    axis: usize,
    reached: usize,
    outer: usize,
) -> Result<usize, AutodiffError> {
    let attributes = Attributes(context.node);
    let added = attributes
        .ints("output_padding")?
        .and_then(|added| added.get(axis))
        .map_or(0, |&added| added.max(0) as usize);
    let total = reached.saturating_add(added).saturating_sub(outer);
    Ok(match attributes.string("auto_pad", "NOTSET")? {
        "SAME_UPPER" => total / 2,
        _ => total - total / 2,
    })
}
