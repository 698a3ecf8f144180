//! Which pixels a classifier's decision hangs on, for any ONNX classifier.
//!
//! [`attribution`] holds the methods; they ask their questions of an [`engine::Engine`], named tensors in, named tensors out, which tract
//! implements here in pure Rust, in the browser too. [`render`] makes pictures of the maps, [`metrics`] measures them and the
//! predictions.

pub mod attribution;
mod bilinear;
pub mod engine;
pub mod metrics;
pub mod render;
