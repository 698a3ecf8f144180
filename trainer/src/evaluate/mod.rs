//! How well a network does, on clean images and under attack.

mod predict;
mod report;

pub use predict::{Measured, NotANumber, predict};
#[cfg(feature = "torch")]
pub use predict::{attacked, clean};
pub use report::{Evaluation, Figures};
