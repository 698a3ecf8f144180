//! Reductions over axes: rules first, then definitions.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use crate::onnx::{Attributes, Dim};

/// The axes of a reduction, counted from the front.
///
/// # Errors
/// Where they cannot be told before the graph runs.
pub(super) fn reduced_axes(context: &Context<'_>) -> Result<Vec<i64>, AutodiffError> {
    let rank = context.rank(context.input(0))? as i64;
    let attributes = Attributes(context.node);
    let given = match (attributes.ints("axes")?, context.input(1)) {
        (Some(axes), _) => axes.to_vec(),
        (None, "") => vec![],
        (None, axes) => context
            .shapes
            .constant(axes)
            .ok_or_else(|| context.unsupported("its axes are computed at run time"))?
            .to_vec(),
    };
    if given.is_empty() && attributes.int("noop_with_empty_axes", 0)? == 0 {
        return Ok((0..rank).collect());
    }
    Ok(given
        .into_iter()
        .map(|axis| if axis < 0 { axis + rank } else { axis })
        .collect())
}

/// A value of the reduction's output shape (the output itself or its cotangent) with the reduced axes kept as size 1, so
/// that it broadcasts against the input.
pub(super) fn kept(context: &mut Context<'_>, value: &str) -> Result<String, AutodiffError> {
    let axes = reduced_axes(context)?;
    if Attributes(context.node).int("keepdims", 1)? != 0 || axes.is_empty() {
        return Ok(value.to_owned());
    }
    Ok(context.unsqueeze(value, &axes))
}

/// `y = Σ x` over axes: `dx` is `dy` repeated along them.
pub(super) fn reduce_sum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = kept(context, first(arriving))?;
    let x = context.input(0).to_owned();
    let shape = context.shape_of(&x);
    Ok(vec![Some(context.op("Expand", &[&dy, &shape]))])
}

/// `y = mean x` over axes: as [`reduce_sum`], divided by the number of elements that each mean is over.
pub(super) fn reduce_mean(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axes = reduced_axes(context)?;
    let x = context.input(0).to_owned();
    let shape = context.shape(&x)?;
    let count: Option<usize> = axes
        .iter()
        .map(|&a| shape.get(a as usize).and_then(Dim::known))
        .product();
    let Some(count) = count else {
        return Err(AutodiffError::OpenShape {
            node: crate::onnx::node_name(context.node),
            value: x,
        });
    };
    let share = context.scalar(1.0 / count as f32);
    let scaled = context.op("Mul", &[first(arriving), &share]);
    reduce_sum(context, &[Some(scaled)])
}

/// `y = √Σ x²`: `dx = dy · x / y`, and 0 where `y = 0`, as in PyTorch.
pub(super) fn reduce_l2(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let zero = context.scalar(0.0);
    let quotient = context.op("Div", &[first(arriving), &y]);
    let positive = context.op("Greater", &[&y, &zero]);
    let safe = context.op("Where", &[&positive, &quotient, &zero]);
    let safe = kept(context, &safe)?;
    Ok(vec![Some(context.op("Mul", &[&x, &safe]))])
}

/// `y = ln Σ eˣ`: `dx = dy · e^(x − y)`, which does not overflow as the definition's own gradient would.
pub(super) fn reduce_log_sum_exp(
    context: &mut Context<'_>,
    arriving: &[Option<String>],
) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let (y, dy) = (kept(context, &y)?, kept(context, first(arriving))?);
    let below = context.op("Sub", &[&x, &y]);
    let share = context.op("Exp", &[&below]);
    Ok(vec![Some(context.op("Mul", &[&dy, &share]))])
}

/// A definition's last node: the sum of `value` over the axes of the node that is defined.
fn summed(context: &mut Context<'_>, value: &str) -> Result<String, AutodiffError> {
    let axes = reduced_axes(context)?;
    let keep = Attributes(context.node).int("keepdims", 1)? != 0;
    if axes.is_empty() {
        return Ok(context.op("Identity", &[value]));
    }
    Ok(context.sum_over(value, &axes, keep))
}

/// `y = Σ |x|`.
pub(super) fn reduce_l1(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let size = context.op("Abs", &[&x]);
    summed(context, &size)
}

/// `y = Σ x²`.
pub(super) fn reduce_sum_square(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let square = context.op("Mul", &[&x, &x]);
    summed(context, &square)
}

/// `y = ln Σ x`.
pub(super) fn reduce_log_sum(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let sum = summed(context, &x)?;
    Ok(context.op("Log", &[&sum]))
}
