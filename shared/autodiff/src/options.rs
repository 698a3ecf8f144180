use onnx_edit::Model;

/// What to differentiate with respect to what, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The input's name; may be left out where the model has one.
    pub input: Option<String>,
    /// The output's name; may be left out where the model has one.
    pub output: Option<String>,
    /// A feature map to hand out with its cotangent, as Grad-CAM needs it: the name of a value, or of a node, which
    /// means that node's first output. It must lie on a way from the input to the output.
    pub features: Option<String>,
    /// How the gradient passes a `Relu`.
    pub relu: ReluRule,
    /// How the gradient passes `QuantizeLinear` and `DequantizeLinear`.
    pub quantized: Quantized,
}

/// How the gradient passes the rounding of a quantized model, whose slope is 0 but for jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quantized {
    /// Not at all: such a model is refused.
    #[default]
    Refused,
    /// As if there were no rounding: `dx = dy` where nothing is cut off, else 0. That is an estimate, not a derivative.
    StraightThrough,
}

/// The metadata property of a differentiated file whose gradient passes rounding by an estimate: `straight-through`.
pub const QUANTIZED: &str = "pellucid.quantized";

/// How the gradient passes `y = max(x, 0)`: `Relu`, `Clip` from 0 on (ReLU6 with its upper bound), `Max` with 0. All but [`ReluRule::Exact`] give an attribution, not a derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReluRule {
    /// The derivative: `dx = dy` where `y > 0`, else 0.
    #[default]
    Exact,
    /// Guided back-propagation: `dx = dy` where `y > 0` and `dy > 0`, else 0 (Springenberg et al., *Striving for
    /// Simplicity: The All Convolutional Net*, 2015).
    Guided,
    /// Deconvolution: `dx = max(dy, 0)`, whatever `y` was (Zeiler and Fergus, *Visualizing and Understanding
    /// Convolutional Networks*, 2014).
    Deconvnet,
}

/// The metadata property that names the output whose gradient a file with several outputs holds.
pub const DIFFERENTIATED: &str = "pellucid.differentiated";

/// The metadata property of a differentiated file whose `grad` is an attribution instead of the gradient: the name of the
/// rule for `Relu`. A file without it holds the exact gradient.
pub const RELU_RULE: &str = "pellucid.relu";

/// The metadata property beside [`RELU_RULE`]: how many activations the rule was applied to.
pub const RELU_COUNT: &str = "pellucid.relu.activations";

/// How many activations pass the gradient by another rule than the exact one; `None` in a file of the exact gradient.
#[must_use]
pub fn activations(model: &Model) -> Option<usize> {
    model.metadata(RELU_COUNT)?.parse().ok()
}

impl ReluRule {
    /// `exact`, `guided` or `deconvnet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Guided => "guided",
            Self::Deconvnet => "deconvnet",
        }
    }

    /// What is made with it.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Exact => "the gradient",
            Self::Guided => "guided back-propagation",
            Self::Deconvnet => "deconvolution",
        }
    }
}
