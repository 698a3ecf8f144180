#![doc = include_str!("../README.md")]
//!
//! ## How it works
//!
//! [`differentiate`] keeps a model as it is and appends standard ONNX operators that compute the gradient of one
//! output with respect to one input, so that any runtime that runs the model can run its gradient:
//!
//! ```text
//! grad = cotangentᵀ · ∂output/∂input
//! ```
//!
//! `cotangent` is a new graph input with the output's shape (a one-hot row picks a class), `grad` a new graph output
//! with the input's shape. Weights are stored once: the appended nodes read the model's own initializers.
//!
//! A function per operator, a file per family, which lists its operators at the top (`rule.rs` says what is registered of one, `table.rs` names
//! the families); operators that the specification defines by others have no rule, but their definition. A rule receives the cotangents of a
//! node's outputs and returns those of its inputs, which is the vector-Jacobian product of reverse mode
//! (Griewank and Walther, *Evaluating Derivatives*, 2008, chapter 3). At kinks the rules follow PyTorch: the gradient
//! of `Relu` at 0 is 0, and a tied maximum sends the gradient to its first element, once.

mod activation;
mod activity;
mod arithmetic;
mod attention;
mod blocks;
mod bounds;
mod constant;
mod context;
mod convolution;
mod driver;
mod einsum;
mod elementwise;
mod error;
mod extended;
mod functions;
mod generate;
mod linear;
mod movement;
mod names;
mod normalization;
mod options;
mod order;
mod p_norm;
mod padding;
mod pooling;
mod quantization;
mod reduction;
mod relu;
mod reshape;
mod resize;
mod rule;
mod scatter;
mod selection;
mod steps;
mod sweep;
mod table;

pub use driver::differentiate;
pub use error::AutodiffError;
pub use extended::{is_extended, own_inputs, own_outputs};
pub use names::{COTANGENT, FEATURES, FEATURES_GRAD, GRAD};
pub use options::{
    DIFFERENTIATED, Options, QUANTIZED, Quantized, RELU_COUNT, RELU_RULE, ReluRule, activations,
};
pub use table::{has_rule, operators};
