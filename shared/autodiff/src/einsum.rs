//! The rule of Einstein's summation.

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[Operator::rule("Einsum", einsum)];

/// `y = Σ Π xᵢ` over the labels that the output lacks: `dxᵢ = Σ dy Π xⱼ` over the labels that `xᵢ` lacks, with `j ≠ i`.
///
/// - A label of `xᵢ` alone was summed away: `dxᵢ` is the same all along it.
/// - A label that `xᵢ` has twice reads a diagonal: an identity matrix as a further factor leads back there.
/// - An axis of size 1 under a label of another size was repeated: `dxᵢ` is summed over it.
fn einsum(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let equation = Equation::read(context)?;
    let inputs = context.node.input.clone();
    if inputs.len() > MOST_OPERANDS {
        let why = format!(
            "it has {} operands; at most {MOST_OPERANDS} are differentiated",
            inputs.len()
        );
        return Err(context.unsupported(why));
    }
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

/// An equation with every axis under a label of one letter, those of an ellipsis too.
struct Equation {
    inputs: Vec<Vec<char>>,
    output: Vec<char>,
}

const LETTERS: std::ops::RangeInclusive<char> = 'A'..='z';

impl Equation {
    fn read(context: &Context<'_>) -> Result<Self, AutodiffError> {
        let text: String = Attributes(context.node)
            .string("equation", "")?
            .split_whitespace()
            .collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left.to_owned(), right.to_owned()),
            None => (text.clone(), implied(&text)),
        };
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != context.node.input.len() {
            return Err(context.unsupported(format!(
                "its equation `{text}` has a different number of terms"
            )));
        }
        let mut free = LETTERS.filter(|c| c.is_ascii_alphabetic() && !text.contains(*c));
        let mut hidden = vec![];
        for (term, input) in terms.iter().zip(&context.node.input) {
            if term.contains("...") {
                hidden.push((context.rank(input)? + 3).saturating_sub(term.len()));
            }
        }
        let widest = hidden.into_iter().max().unwrap_or(0);
        let ellipsis: Vec<char> = free.by_ref().take(widest).collect();
        let mut inputs = vec![];
        for (term, input) in terms.iter().zip(&context.node.input) {
            let labels = spelled(term, &ellipsis, context.rank(input)?);
            inputs.push(labels.ok_or_else(|| {
                context.unsupported(format!("its equation `{text}` does not fit its operands"))
            })?);
        }
        let plain = right.replace("...", "").len();
        let ellipsis_rank = if right.contains("...") { widest } else { 0 };
        let output = spelled(&right, &ellipsis, plain + ellipsis_rank);
        let output = output.ok_or_else(|| context.unsupported("its equation has too many axes"))?;
        Ok(Self { inputs, output })
    }

    /// Letters that the equation does not use.
    fn unused(&self) -> impl Iterator<Item = char> + use<> {
        let used: Vec<char> = self
            .inputs
            .iter()
            .flatten()
            .chain(&self.output)
            .copied()
            .collect();
        LETTERS.filter(move |c| c.is_ascii_alphabetic() && !used.contains(c))
    }
}

/// What an equation without an arrow means: the ellipsis, then the labels that occur once, in alphabetical order.
fn implied(terms: &str) -> String {
    let once = LETTERS.filter(|&c| c.is_ascii_alphabetic() && terms.matches(c).count() == 1);
    let ellipsis = if terms.contains("...") { "..." } else { "" };
    ellipsis.chars().chain(once).collect()
}

/// A term with its ellipsis spelled out; of the ellipsis' letters, the last ones as many as the rank leaves. `None` where
/// the term does not fit the rank.
fn spelled(term: &str, ellipsis: &[char], rank: usize) -> Option<Vec<char>> {
    let Some((before, behind)) = term.split_once("...") else {
        let labels: Vec<char> = term.chars().collect();
        return (labels.len() == rank && labels.iter().all(char::is_ascii_alphabetic))
            .then_some(labels);
    };
    let hidden = rank.checked_sub(before.len() + behind.len())?;
    let hidden = &ellipsis[ellipsis.len().checked_sub(hidden)?..];
    let labels: Vec<char> = before
        .chars()
        .chain(hidden.iter().copied())
        .chain(behind.chars())
        .collect();
    labels
        .iter()
        .all(char::is_ascii_alphabetic)
        .then_some(labels)
}
