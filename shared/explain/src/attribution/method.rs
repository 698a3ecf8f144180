use super::{
    Baseline, ExpectedGradients, FeatureMap, IntegratedGradients, Occlusion, Rise, ScoreCam,
    SmoothGrad,
};

/// How an attribution is computed. Each variant's own documentation has the formula, the paper and what the map holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `∂score/∂x`, signed, `[3, H, W]` (Simonyan et al., *Deep Inside Convolutional Networks*, 2014).
    Gradient,
    /// `|∂score/∂x|`, `[3, H, W]`: Simonyan's saliency, before the channels are joined.
    GradientAbsolute,
    /// `(∂score/∂x)²`, `[3, H, W]`.
    GradientSquared,
    /// `x · ∂score/∂x`, `[3, H, W]`, x being what the network is fed (Shrikumar et al., *Not Just a Black Box*, 2016).
    InputTimesGradient,
    /// The gradient averaged over noisy copies of the image; see [`SmoothGrad`].
    SmoothGrad(SmoothGrad),
    /// The gradient integrated from a baseline to the image; see [`IntegratedGradients`].
    IntegratedGradients(IntegratedGradients),
    /// Integrated Gradients in expectation over baselines; see [`ExpectedGradients`].
    ExpectedGradients(ExpectedGradients),
    /// The gradient with ReLUs that let only positive cotangents of active units pass, `[3, H, W]` (Springenberg et al.,
    /// *Striving for Simplicity*, 2015).
    GuidedBackprop,
    /// The gradient with ReLUs that let every positive cotangent pass, `[3, H, W]` (Zeiler and Fergus, *Visualizing and
    /// Understanding Convolutional Networks*, 2014).
    Deconvolution,
    /// A weighted sum of feature maps: Grad-CAM, Grad-CAM++, Layer-CAM and CAM; see [`FeatureMap`].
    FeatureMap(FeatureMap),
    /// Feature maps weighted by what the network says when it sees through them; see [`ScoreCam`].
    ScoreCam(ScoreCam),
    /// How the score falls when a window is covered; see [`Occlusion`].
    Occlusion(Occlusion),
    /// The score's mean over random masks that leave a pixel visible; see [`Rise`].
    Rise(Rise),
}

impl Method {
    /// Whether the method runs the network on the image itself, and so learns its logits along the way.
    pub(super) fn sees_the_image(&self) -> bool {
        match self {
            Self::Gradient
            | Self::GradientAbsolute
            | Self::GradientSquared
            | Self::InputTimesGradient
            | Self::GuidedBackprop
            | Self::Deconvolution
            | Self::FeatureMap(_)
            | Self::ScoreCam(_) => true,
            Self::SmoothGrad(_)
            | Self::IntegratedGradients(_)
            | Self::ExpectedGradients(_)
            | Self::Occlusion(_)
            | Self::Rise(_) => false,
        }
    }

    /// The baselines or fills that the method uses.
    pub(super) fn baselines(&self) -> &[Baseline] {
        match self {
            Self::IntegratedGradients(method) => &method.baselines,
            Self::ExpectedGradients(method) => &method.baselines,
            Self::Occlusion(method) => std::slice::from_ref(&method.fill),
            Self::Rise(method) => std::slice::from_ref(&method.fill),
            Self::ScoreCam(method) => std::slice::from_ref(&method.fill),
            _ => &[],
        }
    }
}
