//! The families of operators. Adding an operator means writing its function in the file of its family and naming it at the top of that.

use super::rule::{Operator, standard};
use super::{
    Quantized, activation, arithmetic, attention, convolution, einsum, elementwise, functions,
    generate, linear, movement, normalization, p_norm, padding, pooling, quantization, reduction,
    relu, reshape, resize, scatter, selection,
};
use onnx_edit::Attributes;
use onnx_edit::pb::{NodeProto, tensor_proto::DataType};

/// Every operator that a gradient can flow through, by family.
const FAMILIES: &[&[Operator]] = &[
    activation::OPERATORS,
    arithmetic::OPERATORS,
    attention::OPERATORS,
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

/// Operators whose outputs do not change with small changes of their inputs' values: their gradient is zero.
const CONSTANT: &[&str] = &[
    "And",
    "ArgMax",
    "ArgMin",
    "Bernoulli",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Ceil",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "EyeLike",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "Hardmax",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Multinomial",
    "NonMaxSuppression",
    "NonZero",
    "Not",
    "Or",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Round",
    "Shape",
    "Sign",
    "Size",
    "Xor",
];

/// What is registered of a node's operator, where a gradient can flow through it.
pub(super) fn operator(node: &NodeProto, quantized: Quantized) -> Option<&'static Operator> {
    let asked_for = match quantized {
        Quantized::Refused => &[],
        Quantized::StraightThrough => quantization::OPERATORS,
    };
    all()
        .chain(asked_for)
        .find(|operator| standard(node) && operator.name == node.op_type)
}

fn all() -> impl Iterator<Item = &'static Operator> {
    FAMILIES.iter().copied().flatten()
}

/// Whether no gradient flows through a node.
pub(super) fn is_constant(node: &NodeProto) -> bool {
    standard(node) && (CONSTANT.contains(&&node.op_type[..]) || is_rounding(node))
}

/// Whether a node casts to a type that has no gradient.
fn is_rounding(node: &NodeProto) -> bool {
    let to = Attributes(node).int("to", 0).unwrap_or(0);
    let floating = [
        DataType::Float,
        DataType::Double,
        DataType::Float16,
        DataType::Bfloat16,
    ];
    node.op_type == "Cast" && floating.iter().all(|&kind| i64::from(kind as i32) != to)
}

/// The operators of the standard domain that a gradient can flow through, by rule or by definition: their names, family by family.
pub fn operators() -> impl Iterator<Item = &'static str> {
    all().map(|operator| operator.name)
}

/// Whether the gradient can flow through this operator of the standard domain.
#[must_use]
pub fn has_rule(op: &str) -> bool {
    operators().any(|known| known == op)
}
