//! The one table of rules. Adding an operator means writing its function in the file of its family and naming it here.

use super::rule::{Rule, standard};
use super::{
    activation, arithmetic, convolution, decompose, einsum, elementwise, functions, generate,
    linear, movement, normalization, p_norm, padding, pooling, reduction, relu, reshape, resize,
    scatter, selection,
};
use onnx_edit::Attributes;
use onnx_edit::pb::{NodeProto, tensor_proto::DataType};

/// Every operator that a gradient can flow through.
const RULES: &[(&str, Rule)] = &[
    ("Abs", functions::abs),
    ("Acos", functions::acos),
    ("Acosh", functions::acosh),
    ("Add", arithmetic::add),
    ("Asin", functions::asin),
    ("Asinh", functions::asinh),
    ("Atan", functions::atan),
    ("Atanh", functions::atanh),
    ("AveragePool", pooling::average_pool),
    ("BatchNormalization", normalization::batch_normalization),
    ("Cast", elementwise::cast),
    ("Celu", activation::celu),
    ("CastLike", elementwise::cast),
    ("Clip", elementwise::clip),
    ("Compress", movement::moved),
    ("Concat", movement::concat),
    ("Conv", convolution::conv),
    ("ConvTranspose", convolution::conv_transpose),
    ("Cos", functions::cos),
    ("Cosh", functions::cosh),
    ("CumSum", reduction::cum_sum),
    ("DepthToSpace", movement::depth_to_space),
    ("Div", arithmetic::div),
    ("Dropout", elementwise::dropout),
    ("Einsum", einsum::einsum),
    ("Elu", activation::elu),
    ("Erf", functions::erf),
    ("Exp", elementwise::exp),
    ("Expand", movement::expand),
    ("Flatten", reshape::reshape),
    ("Gather", movement::gather),
    ("GatherElements", scatter::gather_elements),
    ("GatherND", movement::moved),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", pooling::global_average_pool),
    ("GlobalLpPool", p_norm::global_lp_pool),
    ("GlobalMaxPool", selection::global_max_pool),
    ("HardSigmoid", activation::hard_sigmoid),
    ("Identity", elementwise::identity),
    ("LRN", normalization::lrn),
    ("LeakyRelu", elementwise::leaky_relu),
    ("Log", elementwise::log),
    ("LogSoftmax", normalization::log_softmax),
    ("LpNormalization", p_norm::lp_normalization),
    ("LpPool", p_norm::lp_pool),
    ("MatMul", linear::matmul),
    ("Max", selection::extremum),
    ("MaxPool", pooling::max_pool),
    ("Mean", arithmetic::mean),
    ("Min", selection::extremum),
    ("Mod", arithmetic::modulo),
    ("Mul", arithmetic::mul),
    ("Neg", elementwise::neg),
    ("OneHot", generate::one_hot),
    ("Pad", padding::pad),
    ("Pow", arithmetic::pow),
    ("Range", generate::range),
    ("Reciprocal", functions::reciprocal),
    ("ReduceL2", reduction::reduce_l2),
    ("ReduceLogSumExp", reduction::reduce_log_sum_exp),
    ("ReduceMax", selection::reduce_extremum),
    ("ReduceMean", reduction::reduce_mean),
    ("ReduceMin", selection::reduce_extremum),
    ("ReduceProd", reduction::reduce_prod),
    ("ReduceSum", reduction::reduce_sum),
    ("Relu", relu::relu),
    ("Reshape", reshape::reshape),
    ("Resize", resize::resize),
    ("ReverseSequence", movement::moved),
    ("ScatterElements", scatter::scatter_elements),
    ("ScatterND", scatter::scatter_nd),
    ("Selu", activation::selu),
    ("Sigmoid", elementwise::sigmoid),
    ("Sin", functions::sin),
    ("Sinh", functions::sinh),
    ("Slice", movement::slice),
    ("Softmax", normalization::softmax),
    ("Softplus", activation::softplus),
    ("SpaceToDepth", movement::space_to_depth),
    ("Split", movement::split),
    ("Sqrt", elementwise::sqrt),
    ("Squeeze", reshape::reshape),
    ("Sub", arithmetic::sub),
    ("Sum", arithmetic::sum),
    ("Tan", functions::tan),
    ("Tanh", elementwise::tanh),
    ("Tile", movement::tile),
    ("TopK", selection::top_k),
    ("Transpose", reshape::transpose),
    ("Trilu", elementwise::trilu),
    ("Unsqueeze", reshape::reshape),
    ("Where", selection::choose),
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

/// The rule of a node's operator.
pub(super) fn rule(node: &NodeProto) -> Option<Rule> {
    RULES
        .iter()
        .find(|(op, _)| standard(node) && *op == node.op_type)
        .map(|(_, rule)| *rule)
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
