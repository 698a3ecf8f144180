use pellucid_shared::attribution::AttributionError;
use pellucid_shared::card::CardError;
use pellucid_shared::contract::ContractError;
use pellucid_shared::engine::EngineError;
use pellucid_shared::image::ImageError;
use pellucid_shared::onnx::OnnxError;
use pellucid_shared::said;

/// Why the viewer could not do what it was asked, as a sentence for the person who looks at the page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewerError {
    /// The file is no model, or a broken one.
    #[error("{}", said::with_causes(.0))]
    Onnx(#[from] OnnxError),
    /// The model's card, or the one beside it, cannot be used.
    #[error("{}", said::with_causes(.0))]
    Card(#[from] CardError),
    /// The model is no classifier of images, or the settings do not fit it.
    #[error("{}{}", said::with_causes(.0), of_contract(.0))]
    Contract(#[from] ContractError),
    /// tract cannot run the model.
    #[error("{}", said::with_causes(.0))]
    Engine(#[from] EngineError),
    /// The method cannot answer.
    #[error("{}{}", said::with_causes(.0), of_attribution(.0))]
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
    /// A region has another number of pixels than the map.
    #[error("the region has {given} pixels, but the map has {wanted}")]
    Region {
        /// Pixels given.
        given: usize,
        /// Pixels wanted: H·W.
        wanted: usize,
    },
    /// The image cannot be read.
    #[error("{}", said::with_causes(.0))]
    Image(#[from] ImageError),
    /// There is no such class.
    #[error("there is no class number {class}: the model distinguishes {classes}")]
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
        "the model's answer to this image is not a number (NaN or infinite): its weights or the settings of its input are wrong"
    )]
    NotNumbers,
    /// The model can be run but not differentiated.
    #[error("{0}")]
    NoGradient(String),
    /// Text that the page hands over is not what it should be.
    #[error("the page and its WebAssembly do not fit together ({0}): reload the page")]
    Page(String),
}

/// What the page offers against an error of the contract.
fn of_contract(error: &ContractError) -> &'static str {
    match error {
        ContractError::Outputs { .. } => {
            ": name the one with a score per class (`output.name` in its card)"
        }
        ContractError::NoFloats { .. } => ": name a value before it (`output.name` in its card)",
        ContractError::Attribution(error) => of_attribution(error),
        _ => "",
    }
}

/// What the page offers against an error of a method.
fn of_attribution(error: &AttributionError) -> &'static str {
    match error {
        AttributionError::Batch { .. } => ": export it again with a batch of open size",
        _ => "",
    }
}
