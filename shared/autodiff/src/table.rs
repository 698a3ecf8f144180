//! The families of operators. Adding an operator means writing its function in the file of its family and a line in the list at the top of
//! that.

use super::rule::{Flow, Operator, standard};
use super::{
    Quantized, activation, arithmetic, attention, constant, convolution, einsum, elementwise,
    functions, generate, linear, movement, normalization, p_norm, padding, pooling, quantization,
    reduction, relu, reshape, resize, scatter, selection,
};
use onnx_edit::pb::NodeProto;

/// Every operator of which something is registered, by family.
const FAMILIES: &[&[Operator]] = &[
    activation::OPERATORS,
    arithmetic::OPERATORS,
    attention::OPERATORS,
    constant::OPERATORS,
    convolution::OPERATORS,
    einsum::OPERATORS,
    elementwise::OPERATORS,
    functions::OPERATORS,
    generate::OPERATORS,
    linear::OPERATORS,
    movement::OPERATORS,
    normalization::OPERATORS,
    p_norm::OPERATORS,
    padding::OPERATORS,
    pooling::OPERATORS,
    reduction::OPERATORS,
    relu::OPERATORS,
    reshape::OPERATORS,
    resize::OPERATORS,
    scatter::OPERATORS,
    selection::OPERATORS,
];

/// What is registered of a node's operator, where a gradient can flow through it.
pub(super) fn operator(node: &NodeProto, quantized: Quantized) -> Option<&'static Operator> {
    let asked_for = match quantized {
        Quantized::Refused => &[],
        Quantized::StraightThrough => quantization::OPERATORS,
    };
    differentiable()
        .chain(asked_for)
        .find(|operator| standard(node) && operator.name == node.op_type)
}

fn all() -> impl Iterator<Item = &'static Operator> {
    FAMILIES.iter().copied().flatten()
}

fn differentiable() -> impl Iterator<Item = &'static Operator> {
    all().filter(|operator| !matches!(operator.flow, Flow::Constant))
}

/// Whether no gradient flows through a node: its outputs do not change with small changes of its inputs' values.
pub(super) fn is_constant(node: &NodeProto) -> bool {
    let known = all().find(|operator| standard(node) && operator.name == node.op_type);
    known.is_some_and(|operator| operator.is_constant(node))
}

/// Whether a node's operator is an activation other than a rectifier.
pub(super) fn is_other_activation(node: &NodeProto) -> bool {
    all().any(|operator| operator.name == node.op_type && operator.other_activation)
}

/// The operators of the standard domain that a gradient can flow through, by rule or by definition: their names, family by family.
pub fn operators() -> impl Iterator<Item = &'static str> {
    differentiable().map(|operator| operator.name)
}

/// Whether the gradient can flow through this operator of the standard domain.
#[must_use]
pub fn has_rule(op: &str) -> bool {
    operators().any(|known| known == op)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_operator_is_registered_once() {
        let mut names = HashSet::new();
        for operator in all() {
            assert!(names.insert(operator.name), "{} twice", operator.name);
        }
    }

    /// Without its shape what follows it can often not be differentiated.
    #[test]
    fn of_every_operator_the_shape_is_inferred() {
        let without: Vec<&str> = operators()
            .filter(|name| !onnx_edit::has_shape_rule(name))
            .collect();
        assert!(without.is_empty(), "without a shape rule: {without:?}");
    }
}
