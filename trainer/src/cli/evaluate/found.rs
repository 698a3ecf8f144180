//! What was measured.

use crate::evaluate::Measured;

/// The answers of a network.
pub(super) struct Found {
    pub(super) clean: Measured,
    /// From the smallest ball to the largest.
    pub(super) attacked: Vec<Step>,
}

/// The answers under one attack.
pub(super) struct Step {
    /// The attack, as tables name it.
    pub(super) name: String,
    /// The ball's radius, where there is a ball.
    pub(super) epsilon: Option<f64>,
    pub(super) measured: Measured,
    /// How many images each part of an ensemble turned.
    #[cfg(feature = "torch")]
    pub(super) turned: Vec<crate::evaluate::Turned>,
}

impl Step {
    /// As columns of a table name it.
    pub(super) fn column(&self) -> String {
        match self.epsilon {
            Some(epsilon) => epsilon.to_string(),
            None => self.name.clone(),
        }
    }
}
