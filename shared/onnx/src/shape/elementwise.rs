//! Operators whose output has the shape of their input, or of all inputs together.

use super::site::{Inferred, Site, unknown};
use super::{Dim, Shape, broadcast};

/// The output has the shape to which all inputs are broadcast.
pub(super) const BROADCASTING: &[&str] = &[
    "Add",
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Sum",
    "Where",
    "Xor",
];

/// Every output has the shape of the first input.
pub(super) const SAME: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Bernoulli",
    "BitwiseNot",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "CumProd",
    "CumSum",
    "DequantizeLinear",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "EyeLike",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Mish",
    "Neg",
    "Not",
    "PRelu",
    "QuantizeLinear",
    "RMSNormalization",
    "RandomNormalLike",
    "RandomUniformLike",
    "Reciprocal",
    "Relu",
    "ReverseSequence",
    "RotaryEmbedding",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Trilu",
];

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

pub(super) fn same(site: &Site<'_>) -> Inferred {
    Ok(vec![site.shape(0).cloned(); site.node.output.len().min(2)])
}

/// Normalizations that also return their statistics.
pub(super) fn normalization(site: &Site<'_>) -> Inferred {
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
