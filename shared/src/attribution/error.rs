use crate::autodiff::AutodiffError;
use crate::engine::EngineError;
use crate::onnx::OnnxError;

/// Why a network could not be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttributionError {
    /// There is no such class.
    #[error("class {class} of {classes}: the classes are numbered from 0 to {}", classes.saturating_sub(1))]
    Class {
        /// The class asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// The model wants something beside the image.
    #[error("the model has {} inputs ({}): only a model with one image input can be explained", names.len(), names.join(", "))]
    Inputs {
        /// The names of its inputs.
        names: Vec<String>,
    },
    /// The input is no image, or the output no row of logits.
    #[error(
        "the model's {kind} `{name}` has the shape [{shape}]: a classifier of images has {wanted}"
    )]
    NotAClassifier {
        /// `input` or `output`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its shape as the graph states it.
        shape: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// The given tensor does not fit the model's input.
    #[error("the input is {given:?}, but the model takes [{wanted}]")]
    Input {
        /// The shape given.
        given: Vec<usize>,
        /// The shape that the graph states.
        wanted: String,
    },
    /// The engine's answer has another shape than the graph promises.
    #[error("{engine} returned `{output}` in the shape {shape:?}, not {wanted:?}")]
    Answer {
        /// The engine's name.
        engine: &'static str,
        /// The output's name.
        output: String,
        /// The shape that came.
        shape: Vec<usize>,
        /// The shape that the graph promises.
        wanted: Vec<usize>,
    },
    /// The model is broken.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The model cannot be differentiated.
    #[error(transparent)]
    Autodiff(#[from] AutodiffError),
    /// The engine cannot load or run the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
