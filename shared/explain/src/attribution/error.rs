use crate::engine::EngineError;
use onnx_autodiff::AutodiffError;
use onnx_edit::OnnxError;
use pellucid_files::said;

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
    #[error("the model has {} inputs ({}): only a model with one image input can be explained", names.len(), said::names(names.iter().map(|name| &name[..])))]
    Inputs {
        /// The names of its inputs.
        names: Vec<String>,
    },
    /// The input is no image, or the output no row of logits.
    #[error(
        "the model's {kind} `{}` has the shape {}: a classifier of images has {wanted}",
        said::name(name),
        said::name(shape)
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
    #[error("the input is {given:?}, but the model takes {}", said::name(wanted))]
    Input {
        /// The shape given.
        given: Vec<usize>,
        /// The shape that the graph states.
        wanted: String,
    },
    /// The graph fixes how many images it takes at once.
    #[error(
        "the model's input `{}` takes {batch} images at a time, and one is explained",
        said::name(input)
    )]
    Batch {
        /// The input's name.
        input: String,
        /// The number of images.
        batch: usize,
    },
    /// The engine's answer has another shape than the graph promises.
    #[error(
        "{engine} returned `{}` in the shape {shape:?}, not {wanted:?}",
        said::name(output)
    )]
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
    /// A class is to be held against itself.
    #[error("class {class} cannot be held against itself: a margin is between two classes")]
    SameClass {
        /// The class, which may be the predicted one.
        class: usize,
    },
    /// No class is named, and none is predicted.
    #[error("no class is predicted, because the logits are not numbers")]
    NoPrediction,
    /// The network's answer is no number.
    #[error(
        "the network's answer to {place} is not a number (NaN or infinite): nothing follows from it{}",
        node.as_ref().map_or_else(String::new, |node| format!("; it begins before node `{}`", said::name(node)))
    )]
    NotNumbers {
        /// The image, or one that the method makes of it.
        place: &'static str,
        /// The node that first reads what is no number, where the engine tells.
        node: Option<String>,
    },
    /// A method's parameter is out of its range.
    #[error("{what}")]
    Parameter {
        /// What it must be.
        what: &'static str,
    },
    /// An image, noise or mask of the caller's has another size than the input.
    #[error("a baseline, noise or mask is {given:?}, but the input is {wanted:?}")]
    Sizes {
        /// The shape given.
        given: Vec<usize>,
        /// The shape needed.
        wanted: Vec<usize>,
    },
    /// The engine differentiates by itself and shows nothing of the inside.
    #[error(
        "{engine} differentiates by itself and gives neither feature maps nor other rules for ReLU: choose an engine that runs the derived graph"
    )]
    NeedsGraph {
        /// The engine's name.
        engine: &'static str,
    },
    /// The graph has no value of rank 4 that a method on feature maps could look at.
    #[error(
        "the network has no feature map with a height and a width on the way to its logits: this method is for convolutional networks"
    )]
    NoFeatureMap,
    /// There is no such value and no such node.
    #[error("the network has no value and no node named `{}`", said::name(name))]
    NoSuchFeatures {
        /// The name asked for.
        name: String,
    },
    /// The value asked for is no feature map.
    #[error(
        "`{}` has the shape {shape:?}: a feature map is [N, C, h, w]",
        said::name(name)
    )]
    NotSpatial {
        /// The value's name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// CAM needs a head of global average pooling and one linear layer.
    #[error(
        "CAM is for networks that end in global average pooling and one linear layer, but {}: Grad-CAM has no such limit",
        said::reason(why)
    )]
    NoLinearHead {
        /// What is otherwise.
        why: String,
    },
    /// Whoever is told of the progress wants no more.
    #[error("cancelled")]
    Cancelled,
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

impl AttributionError {
    pub(super) fn parameter(what: &'static str) -> Self {
        Self::Parameter { what }
    }
}
