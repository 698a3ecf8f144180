//! Operators that the specification defines by others, or that others express: their gradient is that of their definition.
//!
//! ONNX calls the former functions. A decomposition appends the nodes of the definition with all but the last
//! computed again beside the operator itself, which stays in the graph; the gradient then flows through those nodes, each
//! by its own rule. What of them no gradient reads is removed in the end.

use super::context::Context;
use super::rule::standard;
use super::{AutodiffError, activation, attention, movement, normalization, reduction};
use onnx_edit::pb::NodeProto;

/// Appends the definition of the context's node; the last node that it appends computes the first output. Returns that
/// output's name.
pub(super) type Decomposition = fn(&mut Context<'_>) -> Result<String, AutodiffError>;

/// Every operator that is differentiated through its definition.
const DECOMPOSITIONS: &[(&str, Decomposition)] = &[
    ("Attention", attention::attention),
    ("Col2Im", movement::col2im),
    ("Gelu", activation::gelu),
    ("GroupNormalization", normalization::group_normalization),
    ("HardSwish", activation::hard_swish),
    (
        "InstanceNormalization",
        normalization::instance_normalization,
    ),
    ("LayerNormalization", normalization::layer_normalization),
    (
        "MeanVarianceNormalization",
        normalization::mean_variance_normalization,
    ),
    ("Mish", activation::mish),
    ("PRelu", activation::prelu),
    ("RMSNormalization", normalization::rms_normalization),
    ("ReduceL1", reduction::reduce_l1),
    ("ReduceLogSum", reduction::reduce_log_sum),
    ("ReduceSumSquare", reduction::reduce_sum_square),
    ("Shrink", activation::shrink),
    ("Softsign", activation::softsign),
    ("Swish", activation::swish),
    ("ThresholdedRelu", activation::thresholded_relu),
];

/// How a node's operator is defined by others.
pub(super) fn decomposition(node: &NodeProto) -> Option<Decomposition> {
    DECOMPOSITIONS
        .iter()
        .find(|(op, _)| standard(node) && *op == node.op_type)
        .map(|(_, decomposition)| *decomposition)
}

/// The operators of the standard domain that are differentiated through their definition, by name.
pub(super) fn operators() -> impl Iterator<Item = &'static str> {
    DECOMPOSITIONS.iter().map(|(op, _)| *op)
}
