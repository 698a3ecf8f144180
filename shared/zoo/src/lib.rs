//! Architectures as functions that return an ONNX graph.
//!
//! Every graph takes `image`, float32 `[N, 3, size, size]`, RGB in [0, 1], and returns `logits` `[N, K]`. The
//! normalization is inside, so that a perturbation of the input is one of pixels. Weights carry torchvision's names
//! (`layer1.0.conv1.weight`), so that a torchvision state dict loads by name.

mod init;
mod resnet;

use onnx_edit::{Model, OnnxError};

/// The mean of ImageNet's training images per channel, in [0, 1] (torchvision's reference transforms).
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The name of the graph's input.
pub const IMAGE: &str = "image";
/// The name of the graph's output.
pub const LOGITS: &str = "logits";

/// An architecture that the trainer can build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// ResNet-18 as in torchvision (He et al., *Deep Residual Learning for Image Recognition*, 2016): 11.2 M weights.
    Resnet18,
    /// ResNet-34 as in torchvision: 21.3 M weights.
    Resnet34,
    /// A narrow ResNet for small images (stem of one 3×3 convolution of stride 2, four stages of one basic block
    /// of 16, 32, 64 and 128 channels) that a CPU trains in minutes: 0.3 M weights.
    ResnetSmall,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 3] = [Self::Resnet18, Self::Resnet34, Self::ResnetSmall];

    /// The name on the command line and in the model card.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::ResnetSmall => "resnet-small",
        }
    }

    /// The architecture of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// What a network is built for.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// Which architecture.
    pub architecture: Architecture,
    /// Number of classes, K.
    pub classes: usize,
    /// Side of the square input in pixels.
    pub size: usize,
    /// Mean per channel in [0, 1], subtracted inside the graph.
    pub mean: [f32; 3],
    /// Standard deviation per channel, divided by inside the graph.
    pub std: [f32; 3],
    /// Seed of the random weights.
    pub seed: u64,
}

impl Blueprint {
    /// A network with ImageNet's normalization.
    #[must_use]
    pub fn new(architecture: Architecture, classes: usize, size: usize, seed: u64) -> Self {
        Self {
            architecture,
            classes,
            size,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            seed,
        }
    }
}

/// Builds the graph with random weights (He's initialization, as torchvision's).
///
/// # Errors
/// [`OnnxError::Invalid`] where there is no class, or the size is below 32 pixels.
pub fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    if blueprint.classes == 0 || blueprint.size < 32 {
        let why = format!(
            "a network needs at least one class and images of 32 pixels, not {} and {}",
            blueprint.classes, blueprint.size
        );
        return Err(OnnxError::Invalid(why));
    }
    resnet::build(blueprint)
}
