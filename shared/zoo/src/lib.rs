//! Architectures as functions that return an ONNX graph.
//!
//! Every graph takes `image`, float32 `[N, 3, size, size]`, RGB in [0, 1], and returns `logits` `[N, K]`. The
//! normalization is inside, so that a perturbation of the input is one of pixels. Weights carry the names under which
//! trained ones are published, torchvision's (`layer1.0.conv1.weight`) where it has the network, so that a state dict loads by name.

mod efficientnet;
mod init;
mod mobilenet;
mod net;
mod resnet;

pub use init::fresh_linear;

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
    /// ResNet-50 as in torchvision, whose second convolution of a block has the stride: 23.5 M weights.
    Resnet50,
    /// MobileNetV2 as in torchvision (Sandler et al., *Inverted Residuals and Linear Bottlenecks*, 2018): 2.2 M weights.
    MobilenetV2,
    /// EfficientNet-Lite0 (Tan and Le, *EfficientNet*, 2019, without squeeze-and-excitation and with ReLU6, as its authors
    /// published it for small devices): 3.4 M weights.
    EfficientnetLite0,
    /// A narrow ResNet for small images (stem of one 3×3 convolution of stride 2, four stages of one basic block
    /// of 16, 32, 64 and 128 channels) that a CPU trains in minutes: 0.3 M weights.
    ResnetSmall,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 6] = [
        Self::Resnet18,
        Self::Resnet34,
        Self::Resnet50,
        Self::MobilenetV2,
        Self::EfficientnetLite0,
        Self::ResnetSmall,
    ];

    /// The name on the command line and in the model card.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::MobilenetV2 => "mobilenet-v2",
            Self::EfficientnetLite0 => "efficientnet-lite0",
            Self::ResnetSmall => "resnet-small",
        }
    }

    /// Mean and standard deviation per channel, with pixels in [0, 1], of the normalization that its published weights were
    /// trained with.
    #[must_use]
    pub fn normalization(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::EfficientnetLite0 => ([127.0 / 255.0; 3], [128.0 / 255.0; 3]),
            _ => (IMAGENET_MEAN, IMAGENET_STD),
        }
    }

    /// The stages that can be unfrozen one by one, from the input to the head: of each what the names of its weights begin with,
    /// the dot included where one follows.
    #[must_use]
    pub fn groups(self) -> Vec<Vec<String>> {
        match self {
            Self::MobilenetV2 => mobilenet::groups(),
            Self::EfficientnetLite0 => efficientnet::groups(),
            _ => resnet::groups(),
        }
    }

    /// The architecture of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// Whether a stored tensor of these graphs is a weight or a statistic, as published files hold them, and not a constant of the graph: what
/// the image is normalized with, the bounds of ReLU6, the share that dropout drops.
#[must_use]
pub fn is_weight(name: &str) -> bool {
    let constants = ["normalize.", "relu6.", "dropout."];
    !constants.iter().any(|prefix| name.starts_with(prefix))
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
    /// The share of the features, 0 to below 1, that a training drops before the last layer; 0 means that there is no dropout.
    pub dropout: f32,
}

impl Blueprint {
    /// A network with the normalization of its published weights and as much dropout as these were trained with.
    #[must_use]
    pub fn new(architecture: Architecture, classes: usize, size: usize, seed: u64) -> Self {
        let (mean, std) = architecture.normalization();
        Self {
            architecture,
            classes,
            size,
            mean,
            std,
            seed,
            dropout: match architecture {
                Architecture::MobilenetV2 | Architecture::EfficientnetLite0 => 0.2,
                _ => 0.0,
            },
        }
    }
}

/// Builds the graph with random weights (He's initialization, as torchvision's).
///
/// # Errors
/// [`OnnxError::Invalid`] where there is no class, the size is below 32 pixels, or the dropout is none.
pub fn build(blueprint: &Blueprint) -> Result<Model, OnnxError> {
    if blueprint.classes == 0 || blueprint.size < 32 {
        let why = format!(
            "a network needs at least one class and images of 32 pixels, not {} and {}",
            blueprint.classes, blueprint.size
        );
        return Err(OnnxError::Invalid(why));
    }
    if !(0.0..1.0).contains(&blueprint.dropout) {
        let why = format!(
            "a dropout of {} leaves nothing to learn from",
            blueprint.dropout
        );
        return Err(OnnxError::Invalid(why));
    }
    match blueprint.architecture {
        Architecture::MobilenetV2 => mobilenet::build(blueprint),
        Architecture::EfficientnetLite0 => efficientnet::build(blueprint),
        _ => resnet::build(blueprint),
    }
}
