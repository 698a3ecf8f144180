//! What runs a graph: named tensors in, named tensors out.
//!
//! The trait is what attribution and evaluation are written against; tract implements it here, in pure Rust and in the
//! browser; the trainer implements it for ONNX Runtime and for libtorch.

mod tape;
mod tract;

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayViewD};

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
    /// The graph has an input that the caller did not give.
    #[error("the model's input `{0}` was not given")]
    MissingInput(String),
    /// The graph lacks an output that the caller needs.
    #[error("the model has no output `{0}`")]
    MissingOutput(String),
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
