//! Reductions over axes: rules first, then definitions.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("CumSum", cum_sum),
    Operator::definition("ReduceL1", reduce_l1),
    Operator::rule("ReduceL2", reduce_l2),
    Operator::definition("ReduceLogSum", reduce_log_sum),
    Operator::rule("ReduceLogSumExp", reduce_log_sum_exp),
    Operator::rule("ReduceMean", reduce_mean),
    Operator::rule("ReduceProd", reduce_prod),
    Operator::rule("ReduceSum", reduce_sum),
    Operator::definition("ReduceSumSquare", reduce_sum_square),
];

/// The axes of a reduction, counted from the front.
///
/// # Errors
/// Where they cannot be told before the graph runs.
pub(super) fn reduced_axes(context: &Context<'_>) -> Result<Vec<i64>, AutodiffError> {
    let rank = context.rank(context.input(0))?;
    let axes = onnx_edit::reduced_axes(context.node, context.shapes, rank)?
        .ok_or_else(|| context.unsupported("its axes are computed at run time"))?;
    Ok(axes.into_iter().map(|axis| axis as i64).collect())
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
fn reduce_sum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = kept(context, first(arriving))?;
    let x = context.input(0).to_owned();
    let shape = context.shape_of(&x);
    Ok(vec![Some(context.op("Expand", &[&dy, &shape]))])
}

/// `y = mean x` over axes: as [`reduce_sum`], divided by the number of elements that each mean is over.
fn reduce_mean(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axes = reduced_axes(context)?;
    let scaled = context.share(first(arriving), &axes);
    reduce_sum(context, &[Some(scaled)])
}

/// `y = √Σ x²`: `dx = dy · x / y`, and 0 where `y = 0`, as in PyTorch.
fn reduce_l2(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let zero = context.scalar(0.0);
    let quotient = context.op("Div", &[first(arriving), &y]);
    let positive = context.op("Greater", &[&y, &zero]);
    let safe = context.op("Where", &[&positive, &quotient, &zero]);
    let safe = kept(context, &safe)?;
    Ok(vec![Some(context.op("Mul", &[&x, &safe]))])
}

/// `y = ln Σ eˣ`: `dx = dy · e^(x − y)`, which does not overflow as the definition's own gradient would.
fn reduce_log_sum_exp(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let (y, dy) = (kept(context, &y)?, kept(context, first(arriving))?);
    let below = context.op("Sub", &[&x, &y]);
    let share = context.op("Exp", &[&below]);
    Ok(vec![Some(context.op("Mul", &[&dy, &share]))])
}

/// `y = Π x` over axes: `dx` is `dy` times the product of the others. That is `y / x` where no factor is 0; where one is, it
/// alone gets the product of the rest; where more are, none gets any.
fn reduce_prod(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axes = reduced_axes(context)?;
    let dy = kept(context, first(arriving))?;
    if axes.is_empty() {
        return Ok(vec![Some(dy)]);
    }
    let x = context.input(0).to_owned();
    let (zero, one) = (context.scalar(0.0), context.scalar(1.0));
    let is_zero = context.op("Equal", &[&x, &zero]);
    let zeros = context.indicator(&is_zero);
    let count = context.sum_over(&zeros, &axes, true);
    let none = context.op("Equal", &[&count, &zero]);
    let single = context.op("Equal", &[&count, &one]);
    let others = context.op("Where", &[&is_zero, &one, &x]);
    let keep = ("keepdims", 1.into());
    let product = if context.opset < 18 {
        context.node("ReduceProd", &[&others], [("axes", axes.into()), keep])
    } else {
        let axes = context.ints(&axes);
        context.node("ReduceProd", &[&others, &axes], [keep])
    };
    let alone = context.op("Where", &[&single, &product, &zero]);
    let quotient = context.op("Div", &[&product, &others]);
    let whole = context.op("Where", &[&none, &quotient, &zero]);
    let slope = context.op("Where", &[&is_zero, &alone, &whole]);
    context.scaled(&dy, &slope)
}

/// `y` holds the sums of the elements up to each along an axis: `dx` sums from the other end.
fn cum_sum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    let (exclusive, reverse) = (
        attributes.int("exclusive", 0)?,
        attributes.int("reverse", 0)?,
    );
    let axis = context.input(1).to_owned();
    Ok(vec![Some(context.node(
        "CumSum",
        &[first(arriving), &axis],
        [
            ("exclusive", exclusive.into()),
            ("reverse", i64::from(reverse == 0).into()),
        ],
    ))])
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
fn reduce_l1(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let size = context.op("Abs", &[&x]);
    summed(context, &size)
}

/// `y = Σ x²`.
fn reduce_sum_square(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let square = context.op("Mul", &[&x, &x]);
    summed(context, &square)
}

/// `y = ln Σ x`.
fn reduce_log_sum(context: &mut Context<'_>) -> Result<String, AutodiffError> {
    let x = context.input(0).to_owned();
    let sum = summed(context, &x)?;
    Ok(context.op("Log", &[&sum]))
}
