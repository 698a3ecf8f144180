//! Rules of the operators that pick one of several values: extrema and conditions.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::reduction::{kept, reduced_axes};
use super::rule::Operator;
use super::{ReluRule, relu};
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("GlobalMaxPool", global_max_pool),
    Operator::rule("Max", extremum).broadcasting(),
    Operator::rule("Min", extremum).broadcasting(),
    Operator::rule("ReduceMax", reduce_extremum),
    Operator::rule("ReduceMin", reduce_extremum),
    Operator::rule("TopK", top_k),
    Operator::rule("Where", choose).broadcasting(),
];

/// `y = max xᵢ` or `min xᵢ` over the inputs: `dy` goes to the inputs that equal `y`, in equal parts where several do (as
/// PyTorch's `maximum` and `minimum` of two).
fn extremum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if context.relu != ReluRule::Exact
        && let Some(index) = relu::maximum_with_zero(context)
    {
        let passed = relu::by_rule(context, first(arriving), None);
        let mut cotangents = vec![None; 2];
        cotangents[index] = Some(passed);
        return Ok(cotangents);
    }
    let y = context.output().to_owned();
    let inputs = context.node.input.clone();
    let taken: Vec<String> = inputs
        .iter()
        .map(|x| context.op("Equal", &[x, &y]))
        .collect();
    let mut count: Option<String> = None;
    for taken in &taken {
        let one = context.indicator(taken);
        count = Some(match count {
            Some(others) => context.op("Add", &[&others, &one]),
            None => one,
        });
    }
    let share = context.op("Div", &[first(arriving), &count.unwrap_or_default()]);
    let zero = context.scalar(0.0);
    let mut cotangents = vec![];
    for (index, taken) in taken.iter().enumerate() {
        let passed = context
            .wants(index)
            .then(|| context.op("Where", &[taken, &share, &zero]));
        cotangents.push(passed);
    }
    Ok(cotangents)
}

/// `y = max x` or `min x` over axes: `dy` goes to the elements that equal `y`, in equal parts where several do (as PyTorch's
/// `amax` and `amin`).
fn reduce_extremum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axes = reduced_axes(context)?;
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let (y, dy) = (kept(context, &y)?, kept(context, first(arriving))?);
    if axes.is_empty() {
        return Ok(vec![Some(dy)]);
    }
    let taken = context.op("Equal", &[&x, &y]);
    let ones = context.indicator(&taken);
    let count = context.sum_over(&ones, &axes, true);
    let share = context.op("Div", &[&dy, &count]);
    let zero = context.scalar(0.0);
    Ok(vec![Some(context.op("Where", &[&taken, &share, &zero]))])
}

/// `y = max x` over all spatial positions: `dy` goes to the first position that holds the maximum, as in PyTorch.
fn global_max_pool(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let planes = context.ints(&[0, 0, -1]);
    let flat = context.op("Reshape", &[&x, &planes]);
    let dy = context.op("Reshape", &[first(arriving), &planes]);
    let place = context.node(
        "ArgMax",
        &[&flat],
        [("axis", 2.into()), ("keepdims", 1.into())],
    );
    let shape = context.op("Shape", &[&flat]);
    let zero = context.scalar(0.0);
    let zeros = context.op("Expand", &[&zero, &shape]);
    let dx = context.node(
        "ScatterElements",
        &[&zeros, &place, &dy],
        [("axis", 2.into())],
    );
    Ok(vec![Some(context.reshape_like(&dx, &x))])
}

/// `y = a` where a condition holds, else `b`: `da = dy` where it holds, `db = dy` where not.
fn choose(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let condition = context.input(0).to_owned();
    let zero = context.scalar(0.0);
    let dy = first(arriving);
    let mut branch = |index, parts: [&str; 2]| {
        context
            .wants(index)
            .then(|| context.op("Where", &[&condition, parts[0], parts[1]]))
    };
    Ok(vec![None, branch(1, [dy, &zero]), branch(2, [&zero, dy])])
}

/// `y` holds the `k` largest or smallest elements along an axis: `dy` goes back to where the second output says that they
/// stood. No element is taken twice.
fn top_k(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let axis = Attributes(context.node).int("axis", -1)?;
    let indices = super::pooling::indices_output(context);
    let zeros = context.zeros_like(&x);
    let inputs = [&zeros[..], &indices, first(arriving)];
    Ok(vec![Some(context.node(
        "ScatterElements",
        &inputs,
        [("axis", axis.into())],
    ))])
}
