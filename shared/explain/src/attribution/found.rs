//! What a method hands back to the explainer.

use super::{Convergence, Features, Map};

/// What a method found, before it is put together with what is known anyway.
pub(super) struct Found {
    pub(super) map: Map,
    /// The logits at the image, where the method learnt them.
    pub(super) logits: Option<Vec<f32>>,
    pub(super) convergence: Vec<Convergence>,
    pub(super) features: Option<Features>,
    /// What the map must be multiplied by.
    pub(super) factor: f64,
    /// How many activations another rule than the exact one was applied to.
    pub(super) activations: Option<usize>,
}

impl Found {
    pub(super) fn new(map: Map) -> Self {
        Self {
            map,
            logits: None,
            convergence: vec![],
            features: None,
            factor: 1.0,
            activations: None,
        }
    }
}
