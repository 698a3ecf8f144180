//! The rule of Einstein's summation.

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Equation;

pub(super) const OPERATORS: &[Operator] = &[Operator::rule("Einsum", einsum)];

/// `y = Σ Π xᵢ` over the labels that the output lacks: `dxᵢ = Σ dy Π xⱼ` over the labels that `xᵢ` lacks, with `j ≠ i`.
///
/// - A label of `xᵢ` alone was summed away: `dxᵢ` is the same all along it.
/// - A label that `xᵢ` has twice reads a diagonal: an identity matrix as a further factor leads back there.
/// - An axis of size 1 under a label of another size was repeated: `dxᵢ` is summed over it.
fn einsum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let inputs = context.node.input.clone();
    if inputs.len() > MOST_OPERANDS {
        let why = format!(
            "it has {} operands; at most {MOST_OPERANDS} are differentiated",
            inputs.len()
        );
        return Err(context.unsupported(why));
    }
    let ranks = inputs.iter().map(|input| context.rank(input));
    let ranks = ranks.collect::<Result<Vec<_>, _>>()?;
    let equation = Equation::of(context.node, &ranks)?
        .ok_or_else(|| context.unsupported("its equation does not fit its operands"))?;
    let mut cotangents = vec![];
    for (index, input) in inputs.iter().enumerate() {
        cotangents.push(if context.wants(index) {
            Some(of_operand(
                context,
                &equation,
                first(arriving),
                index,
                input,
            )?)
        } else {
            None
        });
    }
    Ok(cotangents)
}

/// Each operand's cotangent is a product of all others: the gradient grows with the square of their number.
const MOST_OPERANDS: usize = 32;

/// A factor of a product, with the labels of its axes.
type Factor = (String, Vec<char>);

fn of_operand(
    context: &mut Context<'_>,
    equation: &Equation,
    dy: &str,
    index: usize,
    x: &str,
) -> Result<String, AutodiffError> {
    let mut factors: Vec<Factor> = vec![(dy.to_owned(), equation.output.clone())];
    for (other, labels) in equation.inputs.iter().enumerate() {
        if other != index {
            factors.push((context.input(other).to_owned(), labels.clone()));
        }
    }
    let labels = distinct(context, equation, &mut factors, &equation.inputs[index], x)?;
    let kept: Vec<char> = labels
        .iter()
        .enumerate()
        .filter(|&(axis, label)| {
            factors.iter().any(|(_, labels)| labels.contains(label))
                && !is_repeated(context, equation, x, axis, *label)
        })
        .map(|(_, &label)| label)
        .collect();
    let mut dx = contracted(context, factors, &kept);
    if kept.len() < labels.len() {
        let missing: Vec<i64> = (0..labels.len())
            .filter(|&axis| !kept.contains(&labels[axis]))
            .map(|axis| axis as i64)
            .collect();
        let narrow = context.unsqueeze(&dx, &missing);
        let shape = context.shape_of(x);
        dx = context.op("Expand", &[&narrow, &shape]);
    }
    Ok(dx)
}

/// The labels of an operand with every second occurrence renamed; an identity matrix for each such pair joins the factors.
fn distinct(
    context: &mut Context<'_>,
    equation: &Equation,
    factors: &mut Vec<Factor>,
    labels: &[char],
    x: &str,
) -> Result<Vec<char>, AutodiffError> {
    let mut unused = equation.unused();
    let mut renamed: Vec<char> = vec![];
    for (axis, &label) in labels.iter().enumerate() {
        if !renamed.contains(&label) {
            renamed.push(label);
            continue;
        }
        let (Some(size), Some(fresh)) = (context.size_along(x, axis), unused.next()) else {
            return Err(
                context.unsupported(format!("the size of the diagonal `{label}` must be known"))
            );
        };
        context.reserve(size.saturating_mul(size), "its diagonal is too long")?;
        let identity = context.floats(&Array2::eye(size).into_dyn());
        factors.push((identity, vec![label, fresh]));
        renamed.push(fresh);
    }
    Ok(renamed)
}

/// Whether an axis of size 1 stands under a label of another size.
fn is_repeated(
    context: &Context<'_>,
    equation: &Equation,
    x: &str,
    axis: usize,
    label: char,
) -> bool {
    let is_one = |value: &str, axis: usize| context.size_along(value, axis) == Some(1);
    is_one(x, axis)
        && equation.inputs.iter().enumerate().any(|(other, labels)| {
            labels
                .iter()
                .enumerate()
                .any(|(at, &found)| found == label && !is_one(context.input(other), at))
        })
}

/// The product of the factors, summed over all labels but the kept ones. Scalars are multiplied afterwards, because not
/// every runtime takes them as operands.
fn contracted(context: &mut Context<'_>, factors: Vec<Factor>, kept: &[char]) -> String {
    let (scalars, operands): (Vec<Factor>, Vec<Factor>) = factors
        .into_iter()
        .partition(|(_, labels)| labels.is_empty());
    let mut product = None;
    if !operands.is_empty() {
        let terms: Vec<String> = operands
            .iter()
            .map(|(_, labels)| labels.iter().collect())
            .collect();
        let equation = format!("{}->{}", terms.join(","), kept.iter().collect::<String>());
        let values: Vec<&str> = operands.iter().map(|(value, _)| &value[..]).collect();
        let equation = ("equation", equation[..].into());
        product = Some(context.node("Einsum", &values, [equation]));
    }
    for (scalar, _) in scalars {
        product = Some(match product {
            Some(product) => context.op("Mul", &[&product, &scalar]),
            None => scalar,
        });
    }
    product.unwrap_or_default()
}
