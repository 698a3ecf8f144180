//! What runs a graph: named tensors in, named tensors out.
//!
//! The trait is what attribution and evaluation are written against; tract implements it here, in pure Rust and in the
//! browser; the trainer implements it for ONNX Runtime and for libtorch.

mod barrier;
mod convolutions;
mod convolve;
mod fault;
mod optimiser;
mod prepare;
mod protobuf;
mod sharing;
mod tape;
mod tract;
mod watch;

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayViewD};

pub use convolutions::Convolutions;
use onnx_edit::OnnxError;
use pellucid_files::guard::guarded;
use pellucid_files::said;
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
    #[error("{engine} cannot load the model: {}", said::reason(why))]
    Load {
        /// The engine's name.
        engine: &'static str,
        /// What the runtime said.
        why: String,
    },
    /// The runtime failed while running.
    #[error("{engine} failed on the model: {}", said::reason(why))]
    Run {
        /// The engine's name.
        engine: &'static str,
        /// What the runtime said.
        why: String,
    },
    /// The runtime meets something in the graph that it was not made for.
    #[error(
        "{engine} cannot compute this model: it fails inside ({}): use another engine, or another model",
        said::reason(why)
    )]
    Fault {
        /// The engine's name.
        engine: &'static str,
        /// What it failed with.
        why: String,
    },
    /// The model cannot be run as it is.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// What the graph is fed is no number.
    #[error("what the network is fed as `{}` holds values that are NaN or infinite", said::name(.0))]
    Input(String),
    /// The graph computes something that is no number.
    #[error(
        "the network computes what is no number (NaN, or beyond all bounds) before its node `{}`: its weights, or the numbers it is fed, are not as they should be",
        said::name(node)
    )]
    NotANumber {
        /// The node that reads it.
        node: String,
    },
    /// The graph has an input that the caller did not give.
    #[error("the model's input `{}` was not given", said::name(.0))]
    MissingInput(String),
    /// The graph lacks an output that the caller needs.
    #[error("the model has no output `{}`", said::name(.0))]
    MissingOutput(String),
}

/// Runs a part of an engine; what it panics on is an error.
pub(crate) fn contained<T>(
    engine: &'static str,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let why = |panicked: pellucid_files::guard::Panicked| EngineError::Fault {
        engine,
        why: panicked.0,
    };
    guarded(work).map_err(why)?
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
