//! Rules of the operators that act on each element alone.

use super::ReluRule;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::relu::{self, masked};
use super::rule::Operator;
use onnx_edit::Attributes;
use onnx_edit::pb::{NodeProto, tensor_proto::DataType};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Cast", cast).constant_where(is_rounding),
    Operator::rule("CastLike", cast),
    Operator::rule("Clip", clip),
    Operator::rule("Dropout", dropout),
    Operator::rule("Exp", exp),
    Operator::rule("Identity", identity),
    Operator::rule("LeakyRelu", leaky_relu).activation(),
    Operator::rule("Log", log),
    Operator::rule("Neg", neg),
    Operator::rule("Sigmoid", sigmoid).activation(),
    Operator::rule("Sqrt", sqrt),
    Operator::rule("Tanh", tanh).activation(),
    Operator::rule("Trilu", trilu),
];

/// Whether a node casts to a type that has no gradient.
fn is_rounding(node: &NodeProto) -> bool {
    let to = Attributes(node).int("to", 0).unwrap_or(0);
    let floating = [
        DataType::Float,
        DataType::Double,
        DataType::Float16,
        DataType::Bfloat16,
    ];
    floating.iter().all(|&kind| i64::from(kind as i32) != to)
}

/// `y = x`: `dx = dy`.
fn identity(_: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    Ok(vec![Some(first(arriving).to_owned())])
}

/// `y = x` at inference: `dx = dy`. In training mode, which the third input switches on, the elements are dropped at random.
fn dropout(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let switch = context.input(2);
    if !switch.is_empty() && context.shapes.constant(switch) != Some(&[0]) {
        return Err(context.unsupported("it is in training mode: export the model for inference"));
    }
    Ok(vec![arriving.first().cloned().flatten()])
}

/// `dx = dy` in the type of `x`, where both types are floating-point.
fn cast(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let dx = context
        .wants(0)
        .then(|| context.op("CastLike", &[first(arriving), &x]));
    // The value that `CastLike` takes the type of.
    Ok(vec![dx, context.zeros_where_wanted(1)])
}

/// `y` is the upper or lower triangle of `x`: `dx` is that of `dy`.
fn trilu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let mut inputs = context.node.input.clone();
    first(arriving).clone_into(&mut inputs[0]);
    Ok(vec![Some(context.again(inputs))])
}

/// `y = −x`: `dx = −dy`.
fn neg(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    Ok(vec![Some(context.op("Neg", &[first(arriving)]))])
}

/// `y = x` where `x > 0`, else `alpha · x`: `dx = dy` or `alpha · dy`.
fn leaky_relu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (zero, alpha) = (
        context.scalar(0.0),
        Attributes(context.node).float("alpha", 0.01)?,
    );
    let alpha = context.scalar(alpha);
    let x = context.input(0).to_owned();
    let positive = context.op("Greater", &[&x, &zero]);
    let small = context.op("Mul", &[first(arriving), &alpha]);
    Ok(vec![Some(
        context.op("Where", &[&positive, first(arriving), &small]),
    )])
}

/// `y = min(max(x, low), high)`: `dx = dy` where `low ≤ x ≤ high`, bounds included as in PyTorch. The bounds are
/// attributes before operator set 11, inputs from then on.
fn clip(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    if (1..3).any(|index| context.wants(index)) {
        return Err(context.unsupported("its bounds depend on the model's input"));
    }
    let attributes = Attributes(context.node);
    let mut inside: Option<String> = None;
    for (index, name, beyond) in [(1, "min", "Less"), (2, "max", "Greater")] {
        let bound = if attributes.has(name) {
            let value = attributes.float(name, 0.0)?;
            context.scalar(value)
        } else if context.input(index).is_empty() {
            continue;
        } else {
            context.input(index).to_owned()
        };
        let x = context.input(0).to_owned();
        let outside = context.op(beyond, &[&x, &bound]);
        let within = context.op("Not", &[&outside]);
        inside = Some(match inside {
            Some(other) => context.op("And", &[&other, &within]),
            None => within,
        });
    }
    if context.relu != ReluRule::Exact && relu::clips_at_zero(context) {
        let dx = relu::by_rule(context, first(arriving), inside.as_deref());
        return Ok(vec![Some(dx)]);
    }
    match inside {
        Some(inside) => masked(context, &inside, first(arriving)),
        None => identity(context, arriving),
    }
}

/// `y = eˣ`: `dx = dy · y`.
fn exp(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let y = context.output().to_owned();
    Ok(vec![Some(context.op("Mul", &[first(arriving), &y]))])
}

/// `y = ln x`: `dx = dy / x`.
fn log(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    Ok(vec![Some(context.op("Div", &[first(arriving), &x]))])
}

/// `y = √x`: `dx = dy / (2 y)`.
fn sqrt(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let y = context.output().to_owned();
    let twice = context.op("Add", &[&y, &y]);
    Ok(vec![Some(context.op("Div", &[first(arriving), &twice]))])
}

/// `y = σ(x)`: `dx = dy · y · (1 − y)`.
fn sigmoid(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, y) = (context.scalar(1.0), context.output().to_owned());
    let rest = context.op("Sub", &[&one, &y]);
    let slope = context.op("Mul", &[&y, &rest]);
    Ok(vec![Some(context.op("Mul", &[first(arriving), &slope]))])
}

/// `y = tanh x`: `dx = dy · (1 − y²)`.
fn tanh(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (one, y) = (context.scalar(1.0), context.output().to_owned());
    let square = context.op("Mul", &[&y, &y]);
    let slope = context.op("Sub", &[&one, &square]);
    Ok(vec![Some(context.op("Mul", &[first(arriving), &slope]))])
}
