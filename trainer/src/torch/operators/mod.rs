//! Every operator of the standard domain that libtorch executes; each follows the ONNX specification
//! (<https://onnx.ai/onnx/operators/>). A family's file lists its operators at the top.

mod activation;
mod arithmetic;
mod convolution;
mod create;
mod elementwise;
mod indexing;
mod linear;
mod movement;
mod normalization;
mod pooling;
mod reduction;
mod resize;
mod shape;

use anyhow::Result;

use super::site::{Kernel, Site};

/// Makes a node's kernel.
pub(super) type Operator = fn(&Site<'_>) -> Result<Kernel>;

const FAMILIES: &[&[(&str, Operator)]] = &[
    activation::OPERATORS,
    arithmetic::OPERATORS,
    convolution::OPERATORS,
    create::OPERATORS,
    elementwise::OPERATORS,
    indexing::OPERATORS,
    linear::OPERATORS,
    movement::OPERATORS,
    normalization::OPERATORS,
    pooling::OPERATORS,
    reduction::OPERATORS,
    resize::OPERATORS,
    shape::OPERATORS,
];

fn all() -> impl Iterator<Item = &'static (&'static str, Operator)> {
    FAMILIES.iter().copied().flatten()
}

/// The implementation of an operator of the standard domain.
pub(super) fn operator(op: &str) -> Option<Operator> {
    all().find(|(known, _)| *known == op).map(|(_, make)| *make)
}

/// The operators of the standard domain that libtorch executes, family by family.
pub fn operator_names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

/// Whether libtorch executes this operator of the standard domain.
#[must_use]
pub fn has_operator(op: &str) -> bool {
    operator(op).is_some()
}
