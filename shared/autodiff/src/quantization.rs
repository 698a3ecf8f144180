//! Quantized models. Rounding has no slope anywhere but at its steps; the straight-through rule takes it for the identity
//! (Bengio et al., *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013), as training with simulated
//! quantization does (Jacob et al., *Quantization and Training of Neural Networks*, 2018).

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;
use onnx_edit::pb::tensor_proto::DataType;

/// By the straight-through rule, which has to be asked for.
pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("DequantizeLinear", dequantize),
    Operator::rule("QuantizeLinear", quantize),
];

/// `y = saturate(round(x / scale) + zero)`: `dx = dy / scale` where nothing is cut off, else 0, as in PyTorch.
fn quantize(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_the_first(context)?;
    let x = context.input(0).to_owned();
    let scale = along_the_axis(context, 1)?;
    let (low, high) = bounds(context)?;
    let quotient = context.op("Div", &[&x, &scale]);
    let mut level = context.op("Round", &[&quotient]);
    if !context.input(2).is_empty() {
        let zero = along_the_axis(context, 2)?;
        let zero = context.op("CastLike", &[&zero, &x]);
        level = context.op("Add", &[&level, &zero]);
    }
    let (low, high) = (context.scalar(low), context.scalar(high));
    let below = context.op("Less", &[&level, &low]);
    let above = context.op("Greater", &[&level, &high]);
    let cut_off = context.op("Or", &[&below, &above]);
    let slope = context.op("Div", &[first(arriving), &scale]);
    let none = context.scalar(0.0);
    Ok(vec![Some(context.op("Where", &[&cut_off, &none, &slope]))])
}

/// `y = (x − zero) · scale`: `dx = dy · scale`.
fn dequantize(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_the_first(context)?;
    let scale = along_the_axis(context, 1)?;
    Ok(vec![Some(context.op("Mul", &[first(arriving), &scale]))])
}

fn only_the_first(context: &Context<'_>) -> Result<(), AutodiffError> {
    match (1..context.node.input.len()).any(|index| context.wants(index)) {
        true => Err(context.unsupported("its scale depends on the model's input")),
        false => Ok(()),
    }
}

/// Scale or zero point in a shape that broadcasts to the value: a number stays one, a vector stands along the node's axis.
fn along_the_axis(context: &mut Context<'_>, index: usize) -> Result<String, AutodiffError> {
    let attributes = Attributes(context.node);
    if attributes.int("block_size", 0)? != 0 {
        return Err(context.unsupported("it quantizes by blocks"));
    }
    let axis = attributes.int("axis", 1)?;
    let value = context.input(index).to_owned();
    if context.rank(&value)? == 0 || context.size_along(&value, 0) == Some(1) {
        return Ok(match context.rank(&value)? {
            0 => value,
            _ => {
                let scalar = context.ints(&[]);
                context.op("Reshape", &[&value, &scalar])
            }
        });
    }
    let rank = context.rank(context.input(0))?;
    let axis = context.axis(axis, rank)?;
    let mut shape = vec![1; rank];
    shape[axis] = -1;
    let shape = context.ints(&shape);
    Ok(context.op("Reshape", &[&value, &shape]))
}

/// The least and the greatest level.
fn bounds(context: &Context<'_>) -> Result<(f32, f32), AutodiffError> {
    match context.types.get(context.output()) {
        Some(DataType::Uint8) => Ok((0.0, 255.0)),
        Some(DataType::Int8) => Ok((-128.0, 127.0)),
        Some(DataType::Uint16) => Ok((0.0, 65_535.0)),
        Some(DataType::Int16) => Ok((-32_768.0, 32_767.0)),
        _ => Err(context.unsupported("it quantizes to a type other than integers of 8 or 16 bits")),
    }
}
