//! What a gradient calls the values that it adds.

/// The graph input that holds the direction: what multiplies the Jacobian from the left.
pub const COTANGENT: &str = "cotangent";
/// The graph output that holds the gradient.
pub const GRAD: &str = "grad";
/// The graph output that holds the feature map asked for with [`Options::features`](super::Options::features).
pub const FEATURES: &str = "features";
/// The graph output that holds that feature map's cotangent.
pub const FEATURES_GRAD: &str = "features_grad";
/// How the names of everything that belongs to the gradient begin.
pub(super) const PREFIX: &str = "grad/";
