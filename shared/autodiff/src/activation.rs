//! Activation functions beside the plain ones of `elementwise.rs`: rules first, then definitions.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Celu", celu).activation(),
    Operator::rule("Elu", elu).activation(),
    Operator::definition("Gelu", gelu).activation(),
    Operator::rule("HardSigmoid", hard_sigmoid).activation(),
    Operator::definition("HardSwish", hard_swish).activation(),
    Operator::definition("Mish", mish).activation(),
    Operator::definition("PRelu", prelu).activation(),
    Operator::rule("Selu", selu).activation(),
    Operator::definition("Shrink", shrink),
    Operator::rule("Softplus", softplus).activation(),
    Operator::definition("Softsign", softsign).activation(),
    Operator::definition("Swish", swish).activation(),
    Operator::definition("ThresholdedRelu", thresholded_relu).activation(),
];

/// `dx = dy` where `x > 0`, elsewhere `dy · slope`. At 0 PyTorch's exponential units take the exponential's side.
fn two_sided(context: &mut Context<'_>, dy: &str, above: &str, below: &str) -> Cotangents {
    let (zero, x) = (context.scalar(0.0), context.input(0).to_owned());
    let positive = context.op("Greater", &[&x, &zero]);
    let above = context.op("Mul", &[dy, above]);
    let below = context.op("Mul", &[dy, below]);
    Ok(vec![Some(
        context.op("Where", &[&positive, &above, &below]),
    )])
}

/// `y = x` where `x > 0`, else `alpha · (eˣ − 1)`: `dx = dy`, or `dy · alpha · eˣ = dy · (y + alpha)`.
fn elu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let alpha = Attributes(context.node).float("alpha", 1.0)?;
    let (one, alpha) = (context.scalar(1.0), context.scalar(alpha));
    let y = context.output().to_owned();
    let below = context.op("Add", &[&y, &alpha]);
    two_sided(context, first(arriving), &one, &below)
}

/// `y = x` where `x > 0`, else `alpha · (e^(x / alpha) − 1)`: `dx = dy`, or `dy · (y / alpha + 1)`.
fn celu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let alpha = Attributes(context.node).float("alpha", 1.0)?;
    let (one, alpha) = (context.scalar(1.0), context.scalar(alpha));
    let y = context.output().to_owned();
    let share = context.op("Div", &[&y, &alpha]);
    let below = context.op("Add", &[&share, &one]);
    two_sided(context, first(arriving), &one, &below)
}

/// `y = gamma · x` where `x > 0`, else `gamma · alpha · (eˣ − 1)`: `dx = gamma · dy`, or `dy · (y + gamma · alpha)`.
/// The defaults are the constants of Klambauer et al., *Self-Normalizing Neural Networks*, 2017.
fn selu(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    let alpha = attributes.float("alpha", 1.673_263_2)?;
    let gamma = attributes.float("gamma", 1.050_701)?;
    let (above, offset) = (context.scalar(gamma), context.scalar(gamma * alpha));
    let y = context.output().to_owned();
    let below = context.op("Add", &[&y, &offset]);
    two_sided(context, first(arriving), &above, &below)
}

/// `y = ln(1 + eˣ)`: `dx = dy · σ(x)`, which does not overflow as the definition's own gradient would.
fn softplus(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let x = context.input(0).to_owned();
    let slope = context.op("Sigmoid", &[&x]);
    Ok(vec![Some(context.op("Mul", &[first(arriving), &slope]))])
}

/// `y = min(max(alpha · x + beta, 0), 1)`: `dx = alpha · dy` where `0 < y < 1`, else 0, the ends excluded as in PyTorch.
fn hard_sigmoid(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let alpha = Attributes(context.node).float("alpha", 0.2)?;
    let (alpha, zero, one) = (
        context.scalar(alpha),
        context.scalar(0.0),
        context.scalar(1.0),
    );
    let y = context.output().to_owned();
    let above = context.op("Greater", &[&y, &zero]);
    let below = context.op("Less", &[&y, &one]);
    let inside = context.op("And", &[&above, &below]);
    let scaled = context.op("Mul", &[first(arriving), &alpha]);
    Ok(vec![Some(context.op("Where", &[&inside, &scaled, &zero]))])
}

/// What a definition returns: the name of the value that it computes.
type Defined = Result<String, AutodiffError>;

/// `y = x · min(max(x / 6 + 1/2, 0), 1)`.
fn hard_swish(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let [sixth, half, zero, one] = [1.0 / 6.0, 0.5, 0.0, 1.0].map(|value| context.scalar(value));
    let scaled = context.op("Mul", &[&x, &sixth]);
    let moved = context.op("Add", &[&scaled, &half]);
    let gate = context.op("Clip", &[&moved, &zero, &one]);
    Ok(context.op("Mul", &[&x, &gate]))
}

/// `y = x · tanh(softplus(x))` (Misra, 2019).
fn mish(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let soft = context.op("Softplus", &[&x]);
    let gate = context.op("Tanh", &[&soft]);
    Ok(context.op("Mul", &[&x, &gate]))
}

/// `y = x · σ(alpha · x)`.
fn swish(context: &mut Context<'_>) -> Defined {
    let alpha = Attributes(context.node).float("alpha", 1.0)?;
    let (x, alpha) = (context.input(0).to_owned(), context.scalar(alpha));
    let scaled = context.op("Mul", &[&x, &alpha]);
    let gate = context.op("Sigmoid", &[&scaled]);
    Ok(context.op("Mul", &[&x, &gate]))
}

/// `y = x / (1 + |x|)`.
fn softsign(context: &mut Context<'_>) -> Defined {
    let (x, one) = (context.input(0).to_owned(), context.scalar(1.0));
    let size = context.op("Abs", &[&x]);
    let size = context.op("Add", &[&size, &one]);
    Ok(context.op("Div", &[&x, &size]))
}

/// `y = x · Φ(x)` with the normal distribution's `Φ(x) = (1 + erf(x / √2)) / 2`, or, with `approximate = tanh`,
/// `Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2` (Hendrycks and Gimpel, 2016).
fn gelu(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let [half, one] = [0.5, 1.0].map(|value| context.scalar(value));
    let curve = match Attributes(context.node).string("approximate", "none")? {
        "none" => {
            let scale = context.scalar(std::f32::consts::FRAC_1_SQRT_2);
            let scaled = context.op("Mul", &[&x, &scale]);
            context.op("Erf", &[&scaled])
        }
        "tanh" => {
            let cubic = context.scalar(0.044_715);
            let scale = context.scalar((2.0 / std::f32::consts::PI).sqrt());
            let square = context.op("Mul", &[&x, &x]);
            let bend = context.op("Mul", &[&square, &cubic]);
            let factor = context.op("Add", &[&bend, &one]);
            let bent = context.op("Mul", &[&x, &factor]);
            let scaled = context.op("Mul", &[&bent, &scale]);
            context.op("Tanh", &[&scaled])
        }
        other => return Err(context.unsupported(format!("`approximate = {other}` is unknown"))),
    };
    let raised = context.op("Add", &[&curve, &one]);
    let share = context.op("Mul", &[&raised, &half]);
    Ok(context.op("Mul", &[&x, &share]))
}

/// `y = x` where `x > 0`, else `slope · x`.
fn prelu(context: &mut Context<'_>) -> Defined {
    let (x, slope) = (context.input(0).to_owned(), context.input(1).to_owned());
    let zero = context.scalar(0.0);
    let positive = context.op("Greater", &[&x, &zero]);
    let scaled = context.op("Mul", &[&x, &slope]);
    Ok(context.op("Where", &[&positive, &x, &scaled]))
}

/// `y = x` where `x > alpha`, else 0.
fn thresholded_relu(context: &mut Context<'_>) -> Defined {
    let alpha = Attributes(context.node).float("alpha", 1.0)?;
    let x = context.input(0).to_owned();
    let (alpha, zero) = (context.scalar(alpha), context.scalar(0.0));
    let beyond = context.op("Greater", &[&x, &alpha]);
    Ok(context.op("Where", &[&beyond, &x, &zero]))
}

/// `y = x + bias` where `x < −lambd`, `x − bias` where `x > lambd`, else 0.
fn shrink(context: &mut Context<'_>) -> Defined {
    let attributes = Attributes(context.node);
    let (bias, lambda) = (
        attributes.float("bias", 0.0)?,
        attributes.float("lambd", 0.5)?,
    );
    let x = context.input(0).to_owned();
    let [bias, low, high, zero] = [bias, -lambda, lambda, 0.0].map(|value| context.scalar(value));
    let (below, above) = (
        context.op("Less", &[&x, &low]),
        context.op("Greater", &[&x, &high]),
    );
    let (raised, lowered) = (
        context.op("Add", &[&x, &bias]),
        context.op("Sub", &[&x, &bias]),
    );
    let upper = context.op("Where", &[&above, &lowered, &zero]);
    Ok(context.op("Where", &[&below, &raised, &upper]))
}
