//! The one table of rules. Adding an operator means writing its function in the file of its family and naming it here.

use super::context::{Context, Cotangents};
use super::{arithmetic, elementwise, linear, normalization, pooling, reshape};
use crate::onnx::pb::NodeProto;

/// Turns the cotangents of a node's outputs (`None` where none arrives) into those of its inputs.
pub(super) type Rule = fn(&mut Context<'_>, &[Option<String>]) -> Cotangents;

/// Every operator that a gradient can flow through.
const RULES: &[(&str, Rule)] = &[
    ("Add", arithmetic::add),
    ("AveragePool", pooling::average_pool),
    ("BatchNormalization", normalization::batch_normalization),
    ("Clip", elementwise::clip),
    ("Concat", reshape::concat),
    ("Conv", linear::conv),
    ("Div", arithmetic::div),
    ("Dropout", elementwise::identity),
    ("Exp", elementwise::exp),
    ("Flatten", reshape::reshape),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", pooling::global_average_pool),
    ("Identity", elementwise::identity),
    ("LeakyRelu", elementwise::leaky_relu),
    ("Log", elementwise::log),
    ("LogSoftmax", normalization::log_softmax),
    ("MatMul", linear::matmul),
    ("MaxPool", pooling::max_pool),
    ("Mul", arithmetic::mul),
    ("Neg", elementwise::neg),
    ("ReduceMean", reshape::reduce_mean),
    ("ReduceSum", reshape::reduce_sum),
    ("Relu", elementwise::relu),
    ("Reshape", reshape::reshape),
    ("Sigmoid", elementwise::sigmoid),
    ("Softmax", normalization::softmax),
    ("Sqrt", elementwise::sqrt),
    ("Squeeze", reshape::reshape),
    ("Sub", arithmetic::sub),
    ("Tanh", elementwise::tanh),
    ("Transpose", reshape::transpose),
    ("Unsqueeze", reshape::reshape),
];

/// Operators whose outputs do not change with small changes of their inputs' values: their gradient is zero.
const CONSTANT: &[&str] = &[
    "And",
    "ArgMax",
    "ArgMin",
    "Ceil",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Range",
    "Round",
    "Shape",
    "Sign",
    "Size",
    "Xor",
];

fn standard(node: &NodeProto) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}

/// The rule of a node's operator.
pub(super) fn rule(node: &NodeProto) -> Option<Rule> {
    RULES
        .iter()
        .find(|(op, _)| standard(node) && *op == node.op_type)
        .map(|(_, rule)| *rule)
}

/// Whether no gradient flows through a node.
pub(super) fn is_constant(node: &NodeProto) -> bool {
    standard(node) && CONSTANT.contains(&&node.op_type[..])
}

/// The operators of the standard domain that a gradient can flow through, by name.
pub fn operators() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(op, _)| *op)
}

/// Whether the gradient can flow through this operator of the standard domain.
#[must_use]
pub fn has_rule(op: &str) -> bool {
    RULES.iter().any(|(known, _)| *known == op)
}
