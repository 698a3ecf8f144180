use pellucid_shared::attribution::AttributionError;
use pellucid_shared::card::CardError;
use pellucid_shared::contract::ContractError;
use pellucid_shared::engine::EngineError;
use pellucid_shared::image::ImageError;
use pellucid_shared::onnx::OnnxError;

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
    /// The model is no classifier of images, or the settings do not fit it.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// tract cannot run the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The method cannot answer.
    #[error(transparent)]
    Attribution(#[from] AttributionError),
    /// Nothing was classified yet.
    #[error("there is no image to explain yet: open one")]
    NoImage,
    /// A mask is of another form than the image.
    #[error(
        "the mask is {}×{} pixels and the image {}×{}: crop both alike", mask.0, mask.1, image.0, image.1
    )]
    MaskShape {
        /// Its width and height.
        mask: (u32, u32),
        /// The image's.
        image: (u32, u32),
    },
    /// A region has another number of places than the map.
    #[error("the region has {given} places, but the map {wanted}")]
    Region {
        /// Places given.
        given: usize,
        /// Places wanted: H·W.
        wanted: usize,
    },
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
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
        /// Values wanted: C·H·W.
        wanted: usize,
    },
    /// The network's answer is no number.
    #[error(
        "the model's answer to this image is no number (NaN or infinite): its weights, or the settings of its input, are not as they should be"
    )]
    NotNumbers,
    /// The model can be run but not differentiated.
    #[error("{0}")]
    NoGradient(String),
    /// Text that the page hands over is not what it should be.
    #[error("the page and its WebAssembly do not fit together ({0}): load the page anew")]
    Page(String),
}
