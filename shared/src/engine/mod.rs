//! What runs a graph: named tensors in, named tensors out.
//!
//! The trait is what attribution and evaluation are written against; tract implements it here, in pure Rust and in the
//! browser; the trainer implements it for ONNX Runtime and for libtorch.

mod barrier;
mod prepare;
mod tape;
mod tract;
mod watch;

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayViewD};

use crate::onnx::OnnxError;
pub use tape::TractTape;
pub use tract::TractEngine;

/// The outputs of a run, by name.
pub type Outputs = BTreeMap<String, ArrayD<f32>>;

/// Runs one graph.
pub trait Engine {
    /// `tract`, `onnxruntime` or `torch`.
    fn name(&self) -> &'static str;

    /// Runs the graph on float32 inputs, given by name, and returns every graph output.
    ///
    /// # Errors
    /// [`EngineError`] where an input is missing or of the wrong shape, or the runtime fails.
    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError>;
}

/// Why an engine could not load or run a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The runtime cannot make the graph runnable.
    #[error("{engine} cannot load the model: {why}")]
    Load {
        /// The engine's name.
        engine: &'static str,
        /// What the runtime said.
        why: String,
    },
    /// The runtime failed while running.
    #[error("{engine} failed on the model: {why}")]
    Run {
        /// The engine's name.
        engine: &'static str,
        /// What the runtime said.
        why: String,
    },
    /// The model cannot be run as it is.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// What the graph is fed is no number.
    #[error("what the network is fed as `{0}` holds values that are NaN or infinite")]
    Input(String),
    /// The graph computes something that is no number.
    #[error(
        "the network computes what is no number (NaN, or beyond all bounds) before its node `{node}`: its weights, or the numbers it is fed, are not as they should be"
    )]
    NotANumber {
        /// The node that reads it.
        node: String,
    },
    /// The graph has an input that the caller did not give.
    #[error("the model's input `{0}` was not given")]
    MissingInput(String),
    /// The graph lacks an output that the caller needs.
    #[error("the model has no output `{0}`")]
    MissingOutput(String),
}

/// Refuses to feed what is no number: whatever came of it would mean nothing.
///
/// # Errors
/// [`EngineError::Input`].
pub fn require_numbers(name: &str, values: &ArrayViewD<'_, f32>) -> Result<(), EngineError> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(EngineError::Input(name.to_owned())),
    }
}

/// The output of that name.
///
/// # Errors
/// [`EngineError::MissingOutput`].
pub fn take(outputs: &mut Outputs, name: &str) -> Result<ArrayD<f32>, EngineError> {
    outputs
        .remove(name)
        .ok_or_else(|| EngineError::MissingOutput(name.to_owned()))
}
