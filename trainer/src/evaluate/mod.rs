//! How well a network does, on clean images and under attack.

mod bootstrap;
mod calibration;
mod curve;
mod figures;
mod operating;
mod plot;
mod predict;
mod probabilities;
mod ranking;
mod report;
mod sample;
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "torch")]
mod withstand;

pub use bootstrap::{Bootstrap, Intervals};
pub use calibration::{Calibration, fit_temperature};
pub use curve::Rung;
pub use figures::{Figures, Question, Scored, Tempered};
pub use operating::{OperatingPoint, Wanted};
pub use plot::plot;
pub use predict::{Answer, Measured, NotANumber, predict};
pub use report::Evaluation;
pub use table::table;
#[cfg(feature = "torch")]
pub use withstand::{Turned, attacked, clean, further_attacked, withstood};
