use onnx_edit::OnnxError;
use onnx_explain::attribution::AttributionError;
use pellucid_cards::CardError;
use pellucid_files::said;

/// Why no contract could be made of what is known of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The model wants something beside the image.
    #[error("the model has {} inputs ({}): only a model with one image input can be explained", names.len(), said::names(names.iter().map(|name| &name[..])))]
    Inputs {
        /// The names of its inputs.
        names: Vec<String>,
    },
    /// The input is no image.
    #[error(
        "the model's input `{}` has the shape {}: a classifier of images has [N, C, H, W] or [N, H, W, C] with 1 or 3 channels C",
        said::name(name),
        said::name(shape)
    )]
    NoImage {
        /// The input's name.
        name: String,
        /// Its shape as the graph states it.
        shape: String,
    },
    /// The input is of another type than images are.
    #[error(
        "the model's input `{}` is of type {kind}: export the model for float32 images",
        said::name(name)
    )]
    Type {
        /// The input's name.
        name: String,
        /// Its element type.
        kind: String,
    },
    /// More scores than there are classes in any data.
    #[error("the model's output has {0} scores, more than a classifier has: name another output")]
    TooManyClasses(usize),
    /// What is told of the input does not fit the graph.
    #[error(
        "the model's input `{}` has the shape {}, which is not {told}: correct the {option}",
        said::name(name),
        said::name(shape)
    )]
    Contradiction {
        /// The input's name.
        name: String,
        /// Its shape as the graph states it.
        shape: String,
        /// What was told.
        told: String,
        /// What is to be corrected.
        option: &'static str,
    },
    /// The graph takes images of one size, and another is told.
    #[error(
        "the model takes images of {height}×{width} pixels, not {told}×{told}: correct the size"
    )]
    Size {
        /// Height that the graph fixes.
        height: usize,
        /// Width that the graph fixes.
        width: usize,
        /// The side that is told.
        told: u32,
    },
    /// The graph takes images that are not square.
    #[error(
        "the model takes images of {height}×{width} pixels, and only square ones are made from an image: export it for a square input, or feed it an .npy tensor"
    )]
    NotSquare {
        /// Height that the graph fixes.
        height: usize,
        /// Width that the graph fixes.
        width: usize,
    },
    /// Several outputs, and no telling which is meant.
    #[error("the model has {} outputs ({}), and nothing says which of them has a score per class", names.len(), said::names(names.iter().map(|name| &name[..])))]
    Outputs {
        /// Their names.
        names: Vec<String>,
    },
    /// There is no such value.
    #[error("the model has no output or value `{}`: its outputs are {}", said::name(name), said::names(outputs.iter().map(|name| &name[..])))]
    NoSuchOutput {
        /// The name asked for.
        name: String,
        /// The outputs' names.
        outputs: Vec<String>,
    },
    /// The value has no number per class.
    #[error(
        "the model's output `{}` has the shape {}: a classifier has [N, K], [N, K, 1, 1] or [K] with a fixed number K of scores",
        said::name(name),
        said::name(shape)
    )]
    NoScores {
        /// The value's name.
        name: String,
        /// Its shape.
        shape: String,
    },
    /// The value holds no floating-point numbers: a number of the class, say.
    #[error(
        "the model's output `{}` is of type {kind}, and scores are floating-point numbers",
        said::name(name)
    )]
    NoFloats {
        /// The value's name.
        name: String,
        /// Its element type.
        kind: String,
    },
    /// A softmax of one number says nothing.
    #[error(
        "the model answers with one number, whose softmax is always 100 %: choose sigmoid, probabilities or values for its scores"
    )]
    OneScore,
    /// More or fewer classes are named than the network tells apart.
    #[error(
        "{given} classes are named, but the model distinguishes {wanted}: name them all, in the model's order"
    )]
    Classes {
        /// Number of names.
        given: usize,
        /// Number of classes.
        wanted: usize,
    },
    /// Training needs classes that exclude each other.
    #[error(
        "the model's scores are {scores}: it can be trained further only where its classes exclude each other (scores `softmax` in its card)"
    )]
    NotTrainable {
        /// What they are.
        scores: &'static str,
    },
    /// The card cannot be used.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The model is broken.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The adapted graph is no classifier.
    #[error(transparent)]
    Attribution(#[from] AttributionError),
}
