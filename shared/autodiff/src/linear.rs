//! Rules of the matrix products.

use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::{Attributes, Dim};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("Gemm", gemm).broadcasting_only(2),
    Operator::rule("MatMul", matmul),
];

/// `y = alpha · A′ B′ + beta · C`: `dA′ = alpha · dy B′ᵀ`, `dB′ = alpha · A′ᵀ dy`, `dC = beta · dy`; the prime is an optional transposition.
fn gemm(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    let (alpha, beta) = (
        attributes.float("alpha", 1.0)?,
        attributes.float("beta", 1.0)?,
    );
    let (a_turned, b_turned) = (
        attributes.int("transA", 0)? != 0,
        attributes.int("transB", 0)? != 0,
    );
    let [a, b] = [0, 1].map(|index| context.input(index).to_owned());
    let dy = first(arriving);
    let mut product = |inputs: [&str; 2], turned: [bool; 2]| {
        let attributes = [
            ("alpha", alpha.into()),
            ("transA", i64::from(turned[0]).into()),
            ("transB", i64::from(turned[1]).into()),
        ];
        context.node("Gemm", &inputs, attributes)
    };
    let da = match a_turned {
        false => product([dy, &b], [false, !b_turned]),
        true => product([&b, dy], [b_turned, true]),
    };
    let db = match b_turned {
        false => product([&a, dy], [!a_turned, false]),
        true => product([dy, &a], [true, a_turned]),
    };
    let mut dc = None;
    if context.wants(2) {
        let beta = context.scalar(beta);
        dc = Some(context.op("Mul", &[dy, &beta]));
    }
    Ok(vec![Some(da), Some(db), dc])
}

/// `y = A B`: `dA = dy Bᵀ`, `dB = Aᵀ dy`, summed over broadcast batch axes. A vector is a matrix of one row (left) or one
/// column (right) whose axis the product lacks.
fn matmul(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let inputs = [context.input(0).to_owned(), context.input(1).to_owned()];
    let shapes = [
        context.shape(&inputs[0])?.clone(),
        context.shape(&inputs[1])?.clone(),
    ];
    let mut product = context.shape(context.output())?.clone();
    let mut dy = first(arriving).to_owned();
    let (mut matrices, mut own) = (inputs.clone(), shapes.clone());
    // The last axis first: a product of two vectors has no axis at all.
    for (side, axis) in [(1, -1), (0, -2)] {
        if shapes[side].len() != 1 {
            continue;
        }
        let (at, place) = if side == 0 { (0, 0) } else { (1, 1) };
        own[side].insert(place, Dim::Known(1));
        matrices[side] = context.unsqueeze(&inputs[side], &[at]);
        let place = if side == 1 {
            product.len()
        } else {
            product.len() - 1
        };
        product.insert(place, Dim::Known(1));
        dy = context.unsqueeze(&dy, &[axis]);
    }
    let mut cotangents = vec![];
    for side in 0..2 {
        if !context.wants(side) {
            cotangents.push(None);
            continue;
        }
        let other = transposed(context, &matrices[1 - side], own[1 - side].len());
        let wide = match side {
            0 => context.op("MatMul", &[&dy, &other]),
            _ => context.op("MatMul", &[&other, &dy]),
        };
        // Like the product in its batch axes, like the factor in the last two.
        let batch = product.len() - 2;
        let from = [&product[..batch], &own[side][own[side].len() - 2..]].concat();
        let narrow = context.summed_to(&wide, &from, &own[side], &inputs[side]);
        cotangents.push(Some(match shapes[side].len() {
            1 => context.reshape_like(&narrow, &inputs[side]),
            _ => narrow,
        }));
    }
    Ok(cotangents)
}

/// The matrices of a value, each transposed.
fn transposed(context: &mut Context<'_>, value: &str, rank: usize) -> String {
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    context.node("Transpose", &[value], [("perm", order.into())])
}
