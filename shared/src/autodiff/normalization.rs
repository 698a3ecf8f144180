//! Rules of normalization layers and of softmax.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use crate::onnx::Attributes;

/// At inference `y = (x − mean) · scale / √(var + ε) + bias`, per channel: `dx = dy · scale / √(var + ε)`.
pub(super) fn batch_normalization(
    context: &mut Context<'_>,
    arriving: &[Option<String>],
) -> Cotangents {
    let attributes = Attributes(context.node);
    if attributes.int("training_mode", 0)? != 0 {
        return Err(context.unsupported("it is in training mode: export the model for inference"));
    }
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let (scale, variance) = (context.input(1).to_owned(), context.input(4).to_owned());
    let x = context.input(0).to_owned();
    let spatial: Vec<i64> = (1..context.rank(&x)? as i64 - 1).collect();
    let epsilon = context.scalar(epsilon);
    let guarded = context.op("Add", &[&variance, &epsilon]);
    let deviation = context.op("Sqrt", &[&guarded]);
    let mut slope = context.op("Div", &[&scale, &deviation]);
    if !spatial.is_empty() {
        slope = context.unsqueeze(&slope, &spatial);
    }
    Ok(vec![Some(context.op("Mul", &[first(arriving), &slope]))])
}

/// The axis that a softmax runs along. Before operator set 13 it ran over all axes behind `axis`, flattened; only the
/// case where both mean the same is taken.
fn softmax_axis(context: &Context<'_>) -> Result<i64, super::AutodiffError> {
    let rank = context.rank(context.input(0))? as i64;
    let default = if context.opset < 13 { 1 } else { -1 };
    let axis = Attributes(context.node).int("axis", default)?;
    let axis = if axis < 0 { axis + rank } else { axis };
    if context.opset < 13 && axis != rank - 1 {
        return Err(context.unsupported(
            "before operator set 13, only a softmax over the last axis is differentiated",
        ));
    }
    Ok(axis)
}

/// `y = softmax x`: `dx = y · (dy − Σ dy · y)`.
pub(super) fn softmax(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = softmax_axis(context)?;
    let y = context.output().to_owned();
    let weighted = context.op("Mul", &[first(arriving), &y]);
    let sum = context.sum_over(&weighted, &[axis], true);
    let centred = context.op("Sub", &[first(arriving), &sum]);
    Ok(vec![Some(context.op("Mul", &[&y, &centred]))])
}

/// `y = log softmax x`: `dx = dy − eʸ · Σ dy`.
pub(super) fn log_softmax(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = softmax_axis(context)?;
    let y = context.output().to_owned();
    let sum = context.sum_over(first(arriving), &[axis], true);
    let probabilities = context.op("Exp", &[&y]);
    let share = context.op("Mul", &[&probabilities, &sum]);
    Ok(vec![Some(context.op("Sub", &[first(arriving), &share]))])
}
