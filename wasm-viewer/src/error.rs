use pellucid_shared::attribution::AttributionError;
use pellucid_shared::card::CardError;
use pellucid_shared::engine::EngineError;
use pellucid_shared::image::ImageError;
use pellucid_shared::onnx::OnnxError;
use pellucid_shared::zoo::LOGITS;

/// Why the viewer could not do what it was asked, as a sentence for the person who looks at the page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewerError {
    /// The file is no model, or a broken one.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The model's card, or the one beside it, cannot be used.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The model is no classifier of images.
    #[error(transparent)]
    Attribution(#[from] AttributionError),
    /// tract cannot run the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Several outputs, and no telling which holds the logits.
    #[error(
        "the model has {} outputs ({}), and none is called `{LOGITS}`: export it with the logits as its only output",
        names.len(), names.join(", ")
    )]
    Outputs {
        /// The names of its outputs.
        names: Vec<String>,
    },
    /// The graph takes images of one size, and the card says another.
    #[error(
        "the model takes images of {height}×{width} pixels, but its settings say {card}×{card}: correct the settings"
    )]
    Size {
        /// Height that the graph fixes.
        height: usize,
        /// Width that the graph fixes.
        width: usize,
        /// The side in the card.
        card: u32,
    },
    /// The graph takes images that are not square.
    #[error(
        "the model takes images of {height}×{width} pixels, and only square ones are supported: export it for a square input"
    )]
    NotSquare {
        /// Height that the graph fixes.
        height: usize,
        /// Width that the graph fixes.
        width: usize,
    },
    /// The card names more or fewer classes than the network tells apart.
    #[error(
        "the settings name {card} classes, but the model tells {graph} apart: correct the settings"
    )]
    Classes {
        /// Number of classes in the card.
        card: usize,
        /// Number of the network's outputs.
        graph: usize,
    },
    /// There is no such class.
    #[error("there is no class number {class}: the model tells {classes} apart")]
    Class {
        /// The class asked for, from 0.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The input has another number of values than the network takes.
    #[error("the input holds {given} values, but the model takes {wanted}")]
    Input {
        /// Values given.
        given: usize,
        /// Values wanted: 3·H·W.
        wanted: usize,
    },
    /// The model can be run but not differentiated.
    #[error("{0}")]
    NoGradient(String),
    /// Text that the page hands over is not what it should be.
    #[error("the page and its WebAssembly do not fit together ({0}): load the page anew")]
    Page(String),
}
