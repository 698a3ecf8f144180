//! Training, on clean images or against an attack.
//!
//! [`train`] goes from [`Settings`] to a folder with the best network: it splits the data, builds or loads a network,
//! trains it ([`Settings::head`], then [`Settings::whole`]), validates and saves it after every epoch, and measures and
//! verifies the best at the end.

mod augment;
mod average;
mod checkpoint;
mod epoch;
mod exact;
mod facts;
mod finish;
mod folder;
mod init;
mod labels;
mod log;
mod memory;
mod objective;
mod optimizer;
mod resume;
mod run;
mod schedule;
mod seeds;
mod settings;
mod stage;
mod stages;
#[cfg(test)]
mod tests;
mod trainable;
mod training;

pub use augment::Augment;
pub(crate) use folder::outputs;
pub use init::{Init, Start, usual_size};
pub use labels::ClassWeights;
pub use log::EpochRecord;
pub(crate) use objective::{Lesson, learn};
pub use objective::{Method, Objective};
pub(crate) use optimizer::Optimizer;
pub use optimizer::{Optimization, OptimizerChoice};
pub use schedule::{Rate, Schedule};
pub use settings::{Defaults, Recipe, Settings};
pub use training::{Outcome, train};
