//! The one table of rules. Adding an operator means writing its function in the file of its family and naming it here.

use super::context::{Context, Cotangents};
use super::{
    activation, arithmetic, decompose, elementwise, linear, normalization, pooling, reduction,
    reshape,
};
use crate::onnx::pb::NodeProto;

/// Turns the cotangents of a node's outputs (`None` where none arrives) into those of its inputs.
pub(super) type Rule = fn(&mut Context<'_>, &[Option<String>]) -> Cotangents;

/// Every operator that a gradient can flow through.
const RULES: &[(&str, Rule)] = &[
    ("Add", arithmetic::add),
    ("AveragePool", pooling::average_pool),
    ("BatchNormalization", normalization::batch_normalization),
    ("Celu", activation::celu),
    ("Clip", elementwise::clip),
    ("Concat", reshape::concat),
    ("Conv", linear::conv),
    ("Div", arithmetic::div),
    ("Dropout", elementwise::identity),
    ("Elu", activation::elu),
    ("Exp", elementwise::exp),
    ("Flatten", reshape::reshape),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", pooling::global_average_pool),
    ("HardSigmoid", activation::hard_sigmoid),
    ("Identity", elementwise::identity),
    ("LeakyRelu", elementwise::leaky_relu),
    ("Log", elementwise::log),
    ("LogSoftmax", normalization::log_softmax),
    ("MatMul", linear::matmul),
    ("MaxPool", pooling::max_pool),
    ("Mean", arithmetic::mean),
    ("Mul", arithmetic::mul),
    ("Neg", elementwise::neg),
    ("ReduceL2", reduction::reduce_l2),
    ("ReduceLogSumExp", reduction::reduce_log_sum_exp),
    ("ReduceMean", reduction::reduce_mean),
    ("ReduceSum", reduction::reduce_sum),
    ("Relu", elementwise::relu),
    ("Reshape", reshape::reshape),
    ("Selu", activation::selu),
    ("Sigmoid", elementwise::sigmoid),
    ("Softmax", normalization::softmax),
    ("Softplus", activation::softplus),
    ("Sqrt", elementwise::sqrt),
    ("Squeeze", reshape::reshape),
    ("Sub", arithmetic::sub),
    ("Sum", arithmetic::sum),
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

pub(super) fn standard(node: &NodeProto) -> bool {
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

/// The operators of the standard domain that a gradient can flow through, by rule or by definition; their names.
pub fn operators() -> impl Iterator<Item = &'static str> {
    RULES
        .iter()
        .map(|(op, _)| *op)
        .chain(decompose::operators())
}

/// Whether the gradient can flow through this operator of the standard domain.
#[must_use]
pub fn has_rule(op: &str) -> bool {
    operators().any(|known| known == op)
}
