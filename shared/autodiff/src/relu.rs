//! Rectifiers, `y = max(x, 0)` in whatever form, and the rules by which the gradient may pass them.

use super::ReluRule;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::names::PREFIX;
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[Operator::rule("Relu", relu)];

/// Where `condition` (a boolean value) holds `dy`, elsewhere 0.
pub(super) fn masked(context: &mut Context<'_>, condition: &str, dy: &str) -> Cotangents {
    let zero = context.scalar(0.0);
    Ok(vec![Some(context.op("Where", &[condition, dy, &zero]))])
}

/// `y = max(x, 0)`: `dx = dy` where `y > 0`, else 0 (so 0 at the kink, as in PyTorch). Guided back-propagation and
/// deconvolution pass it otherwise: see [`ReluRule`].
fn relu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if context.relu != ReluRule::Exact {
        return Ok(vec![Some(by_rule(context, first(arriving), None))]);
    }
    let zero = context.scalar(0.0);
    let y = context.output().to_owned();
    let positive = context.op("Greater", &[&y, &zero]);
    masked(context, &positive, first(arriving))
}

/// What passes a rectifier by another rule than the exact one: positive cotangents, and with the guided rule only where the
/// unit is active, `0 < y`, and not cut off above, where `inside` holds.
pub(super) fn by_rule(context: &mut Context<'_>, dy: &str, inside: Option<&str>) -> String {
    *context.activations += 1;
    let positive = context.op("Relu", &[dy]);
    if context.relu == ReluRule::Deconvnet {
        return positive;
    }
    let zero = context.scalar(0.0);
    let y = context.output().to_owned();
    let active = context.op("Greater", &[&y, &zero]);
    let passing = match inside {
        Some(inside) => context.op("And", &[&active, inside]),
        None => active,
    };
    context.op("Where", &[&passing, &positive, &zero])
}

/// Whether a `Clip` is a rectifier: it cuts off at 0, and is neither part of a definition nor the gate `min(max(x + 3, 0), 6)`
/// of a hard swish that an exporter wrote out.
pub(super) fn clips_at_zero(context: &Context<'_>) -> bool {
    let attribute = Attributes(context.node).float("min", f32::NAN);
    let low = match context.shapes.floats(context.input(1)) {
        Some(values) => values.first().copied(),
        None => attribute.ok().filter(|low| !low.is_nan()),
    };
    let own = !context.node.name.starts_with(PREFIX);
    own && low == Some(0.0) && !is_shifted(context, context.input(0))
}

/// Which input of a `Max` of two is rectified, the other being 0.
pub(super) fn maximum_with_zero(context: &Context<'_>) -> Option<usize> {
    if context.node.op_type != "Max" || context.node.input.len() != 2 {
        return None;
    }
    let is_zero = |index: usize| {
        let values = context.shapes.floats(context.input(index));
        values.is_some_and(|values| !values.is_empty() && values.iter().all(|&v| v == 0.0))
    };
    [0, 1]
        .into_iter()
        .find(|&index| is_zero(1 - index) && context.wants(index))
}

/// Whether a value is another one plus a constant number.
fn is_shifted(context: &Context<'_>, value: &str) -> bool {
    let nodes = &context.builder.graph().node;
    let maker = nodes
        .iter()
        .find(|node| node.output.iter().any(|output| output == value));
    maker.is_some_and(|node| {
        let single = |name: &String| {
            let values = context.shapes.floats(name);
            values.is_some_and(|values| values.len() == 1 && values[0] != 0.0)
        };
        node.op_type == "Add" && node.input.iter().any(single)
    })
}
