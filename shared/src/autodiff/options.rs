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
}

/// How the gradient passes `y = max(x, 0)`. All but [`ReluRule::Exact`] give an attribution, not a derivative.
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
}
