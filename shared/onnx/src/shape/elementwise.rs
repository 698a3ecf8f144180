//! Operators whose output has the shape of their input, or of all inputs together.

use super::site::{Inferred, Rule, Site, unknown};
use super::{Dim, Shape, broadcast};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("Abs", same),
    ("Acos", same),
    ("Acosh", same),
    ("Add", broadcasting),
    ("And", broadcasting),
    ("Asin", same),
    ("Asinh", same),
    ("Atan", same),
    ("Atanh", same),
    ("BatchNormalization", normalization),
    ("Bernoulli", same),
    ("BitShift", broadcasting),
    ("BitwiseAnd", broadcasting),
    ("BitwiseNot", same),
    ("BitwiseOr", broadcasting),
    ("BitwiseXor", broadcasting),
    ("Cast", same),
    ("CastLike", same),
    ("Ceil", same),
    ("Celu", same),
    ("Clip", same),
    ("Cos", same),
    ("Cosh", same),
    ("CumProd", same),
    ("CumSum", same),
    ("DequantizeLinear", same),
    ("Div", broadcasting),
    ("Dropout", same),
    ("DynamicQuantizeLinear", normalization),
    ("Elu", same),
    ("Equal", broadcasting),
    ("Erf", same),
    ("Exp", same),
    ("EyeLike", same),
    ("Floor", same),
    ("Gelu", same),
    ("Greater", broadcasting),
    ("GreaterOrEqual", broadcasting),
    ("GroupNormalization", same),
    ("HardSigmoid", same),
    ("HardSwish", same),
    ("Hardmax", same),
    ("Identity", same),
    ("InstanceNormalization", same),
    ("IsInf", same),
    ("IsNaN", same),
    ("LRN", same),
    ("LayerNormalization", normalization),
    ("LeakyRelu", same),
    ("Less", broadcasting),
    ("LessOrEqual", broadcasting),
    ("Log", same),
    ("LogSoftmax", same),
    ("LpNormalization", same),
    ("Max", broadcasting),
    ("Mean", broadcasting),
    ("MeanVarianceNormalization", same),
    ("Min", broadcasting),
    ("Mish", same),
    ("Mod", broadcasting),
    ("Mul", broadcasting),
    ("Neg", same),
    ("Not", same),
    ("Or", broadcasting),
    ("PRelu", same),
    ("Pow", broadcasting),
    ("QuantizeLinear", same),
    ("RMSNormalization", same),
    ("RandomNormalLike", same),
    ("RandomUniformLike", same),
    ("Reciprocal", same),
    ("Relu", same),
    ("ReverseSequence", same),
    ("RotaryEmbedding", same),
    ("Round", same),
    ("Scatter", same),
    ("ScatterElements", same),
    ("ScatterND", same),
    ("Selu", same),
    ("Shrink", same),
    ("Sigmoid", same),
    ("Sign", same),
    ("Sin", same),
    ("Sinh", same),
    ("Softmax", same),
    ("Softplus", same),
    ("Softsign", same),
    ("Sqrt", same),
    ("Sub", broadcasting),
    ("Sum", broadcasting),
    ("Swish", same),
    ("Tan", same),
    ("Tanh", same),
    ("ThresholdedRelu", same),
    ("Trilu", same),
    ("Where", broadcasting),
    ("Xor", broadcasting),
];

/// The output has the shape to which all inputs are broadcast.
pub(super) fn broadcasting(site: &Site<'_>) -> Inferred {
    let mut shape: Shape = vec![];
    for index in 0..site.node.input.len() {
        let Some(input) = site.shape(index) else {
            return unknown();
        };
        let Some(both) = broadcast(&shape, input) else {
            return site.unfit();
        };
        shape = both;
    }
    Ok(vec![Some(shape)])
}

/// Every output has the shape of the first input.
fn same(site: &Site<'_>) -> Inferred {
    Ok(vec![site.shape(0).cloned(); site.node.output.len().min(2)])
}

/// Normalizations that also return their statistics.
fn normalization(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let others: Option<Shape> = match &site.node.op_type[..] {
        "BatchNormalization" => site.shape(1).cloned(),
        "DynamicQuantizeLinear" => Some(vec![]),
        _ => {
            let from = site.axis(-1, input.len())?;
            let kept = input.iter().enumerate().map(|(axis, dim)| {
                if axis < from {
                    dim.clone()
                } else {
                    Dim::Known(1)
                }
            });
            Some(kept.collect())
        }
    };
    let mut outputs = vec![Some(input.clone())];
    outputs.resize(site.node.output.len().clamp(1, 5), others);
    Ok(outputs)
}
