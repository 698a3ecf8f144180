//! Rules of the operators that generate a pattern and fill it with values.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("OneHot", one_hot),
    Operator::rule("Range", range),
];

/// `yᵢ = start + i · delta`: `d start = Σ dyᵢ`, `d delta = Σ i · dyᵢ`. The limit decides how many there are, and no more.
fn range(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let start = context.wants(0).then(|| total(context, &dy, 0));
    let delta = context.wants(2).then(|| {
        let positions = positions(context, &dy);
        let terms = context.op("Mul", &[&dy, &positions]);
        total(context, &terms, 2)
    });
    Ok(vec![start, context.zeros_where_wanted(1), delta])
}

/// The sum of a vector in the shape of an input.
fn total(context: &mut Context<'_>, terms: &str, input: usize) -> String {
    let sum = context.sum_over(terms, &[0], true);
    let input = context.input(input).to_owned();
    context.reshape_like(&sum, &input)
}

/// `0, 1, 2, …`, as many as `like` has elements, in its type.
fn positions(context: &mut Context<'_>, like: &str) -> String {
    let one = context.scalar(1.0);
    let shape = context.shape_of(like);
    let ones = context.op("Expand", &[&one, &shape]);
    let axis = context.int(0);
    context.node("CumSum", &[&ones, &axis], [("exclusive", 1.into())])
}

/// `y = off + (on − off) · m` with `values = [off, on]` and the pattern `m` of zeros and ones: `d on = Σ m · dy`,
/// `d off = Σ (1 − m) · dy`. Indices and depth move the pattern in jumps.
fn one_hot(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let dy = first(arriving).to_owned();
    let axis = Attributes(context.node).int("axis", -1)?;
    let indices_and_depth = [0, 1].map(|index| context.zeros_where_wanted(index));
    let values = match context.wants(2) {
        true => Some(on_and_off(context, &dy, axis)?),
        false => None,
    };
    Ok(indices_and_depth.into_iter().chain([values]).collect())
}

/// The cotangent of the two values of a [`one_hot`].
fn on_and_off(context: &mut Context<'_>, dy: &str, axis: i64) -> Result<String, AutodiffError> {
    let [indices, depth] = [0, 1].map(|index| context.input(index).to_owned());
    let rank = context.rank(context.output())?;
    let axes: Vec<i64> = (0..rank as i64).collect();
    let parts = [[1.0, 0.0], [0.0, 1.0]].map(|values| {
        let values = context.floats(&ndarray::arr1(&values).into_dyn());
        let pattern = context.node(
            "OneHot",
            &[&indices, &depth, &values],
            [("axis", axis.into())],
        );
        let terms = context.op("Mul", &[dy, &pattern]);
        let sum = context.sum_over(&terms, &axes, false);
        context.unsqueeze(&sum, &[0])
    });
    Ok(context.node("Concat", &[&parts[0], &parts[1]], [("axis", 0.into())]))
}
