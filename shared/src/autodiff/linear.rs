//! Rules of the operators that are linear in their input: convolutions and matrix products.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use crate::onnx::{Attributes, window};

/// Refuses a gradient with respect to a weight: only the way to the model's input is differentiated.
fn only_first(context: &Context<'_>) -> Result<(), super::AutodiffError> {
    match (1..context.node.input.len()).any(|index| context.wants(index)) {
        true => {
            Err(context
                .unsupported("its weights depend on the model's input, which is not supported"))
        }
        false => Ok(()),
    }
}

/// `y = w ∗ x + b`: `dx` is the transposed convolution of `dy` with the same weights. `output_padding` restores the
/// rows and columns that the stride skipped at the end (Dumoulin and Visin, *A guide to convolution arithmetic*, 2016).
pub(super) fn conv(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_first(context)?;
    let (x, y, weight) = (
        context.input(0).to_owned(),
        context.output().to_owned(),
        context.input(1).to_owned(),
    );
    let (inner, outer) = (context.spatial(&x)?, context.spatial(&y)?);
    let kernel = context.spatial(&weight)?;
    let group = Attributes(context.node).int("group", 1)?;
    let sizes: Vec<Option<usize>> = inner.iter().copied().map(Some).collect();
    let w = window(context.node, &sizes, Some(&kernel))?;

    let mut output_padding = vec![];
    for axis in 0..inner.len() {
        let reached =
            (outer[axis] - 1) * w.strides[axis] + w.dilations[axis] * (w.kernel[axis] - 1) + 1;
        output_padding
            .push((inner[axis] + w.before[axis] + w.after[axis]).saturating_sub(reached) as i64);
    }
    let list = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
    let pads = list(&[&w.before[..], &w.after[..]].concat());
    let mut attributes = vec![
        ("kernel_shape", list(&w.kernel).into()),
        ("strides", list(&w.strides).into()),
        ("dilations", list(&w.dilations).into()),
        ("pads", pads.into()),
        ("group", group.into()),
    ];
    if output_padding.iter().any(|&p| p != 0) {
        attributes.push(("output_padding", output_padding.into()));
    }
    Ok(vec![Some(context.node(
        "ConvTranspose",
        &[first(arriving), &weight],
        attributes,
    ))])
}

/// `y = alpha · A′ B′ + beta · C`: `dA′ = alpha · dy B′ᵀ`, where the prime is an optional transposition.
pub(super) fn gemm(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    only_first(context)?;
    let attributes = Attributes(context.node);
    let alpha = attributes.float("alpha", 1.0)?;
    let (transpose_a, transpose_b) = (attributes.int("transA", 0)?, attributes.int("transB", 0)?);
    let (b, dy) = (context.input(1).to_owned(), first(arriving));
    let gradient = if transpose_a == 0 {
        [
            ("alpha", alpha.into()),
            ("transA", 0.into()),
            ("transB", (1 - transpose_b).into()),
        ]
    } else {
        [
            ("alpha", alpha.into()),
            ("transA", transpose_b.into()),
            ("transB", 1.into()),
        ]
    };
    let inputs = if transpose_a == 0 {
        [dy, &b]
    } else {
        [&b[..], dy]
    };
    Ok(vec![Some(context.node("Gemm", &inputs, gradient))])
}

/// `y = A B`: `dA = dy Bᵀ`, `dB = Aᵀ dy`, summed over broadcast batch axes.
pub(super) fn matmul(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let inputs = [context.input(0).to_owned(), context.input(1).to_owned()];
    let ranks = [context.rank(&inputs[0])?, context.rank(&inputs[1])?];
    if ranks.iter().any(|&rank| rank < 2) {
        return Err(context.unsupported("a product with a vector is not differentiated"));
    }
    let dy = first(arriving);
    let mut cotangents = vec![];
    for side in 0..2 {
        if !context.wants(side) {
            cotangents.push(None);
            continue;
        }
        let other = 1 - side;
        let mut order: Vec<i64> = (0..ranks[other] as i64).collect();
        order.swap(ranks[other] - 2, ranks[other] - 1);
        let transposed = context.node("Transpose", &[&inputs[other]], [("perm", order.into())]);
        let wide = match side {
            0 => context.op("MatMul", &[dy, &transposed]),
            _ => context.op("MatMul", &[&transposed, dy]),
        };
        cotangents.push(Some(unbroadcast_batch(
            context,
            &wide,
            &inputs[side],
            ranks[side],
        )?));
    }
    Ok(cotangents)
}

/// Sums over the batch axes along which a factor of a matrix product was repeated.
fn unbroadcast_batch(
    context: &mut Context<'_>,
    wide: &str,
    factor: &str,
    rank: usize,
) -> Result<String, super::AutodiffError> {
    let output = context.output().to_owned();
    let (product, own) = (
        context.shape(&output)?.clone(),
        context.shape(factor)?.clone(),
    );
    let added = product.len() - rank;
    let mut axes: Vec<i64> = (0..added as i64).collect();
    for axis in 0..rank - 2 {
        if own[axis].known() == Some(1) && product[added + axis].known() != Some(1) {
            axes.push((added + axis) as i64);
        }
    }
    if axes.is_empty() {
        return Ok(wide.to_owned());
    }
    let summed = context.sum_over(wide, &axes, true);
    Ok(if added == 0 {
        summed
    } else {
        context.reshape_like(&summed, factor)
    })
}
