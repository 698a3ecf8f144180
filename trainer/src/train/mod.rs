//! Training, on clean images or against an attack.
//!
//! [`train`] goes from [`Settings`] to a folder with the best network: it splits the data, builds or loads a network,
//! trains it ([`Settings::head`], then [`Settings::whole`]), validates and saves it after every epoch, and measures and
//! verifies the best at the end.

mod augment;
mod checkpoint;
mod epoch;
mod facts;
mod finish;
mod folder;
mod foreign;
mod init;
mod log;
mod memory;
mod names;
mod optimizer;
mod run;
mod schedule;
mod seeds;
mod settings;
mod stages;
mod step;
#[cfg(test)]
mod tests;
mod training;

pub use augment::Augment;
pub(crate) use folder::outputs;
pub use init::{Start, usual_size};
pub use log::EpochRecord;
pub(crate) use optimizer::Optimizer;
pub use optimizer::OptimizerChoice;
pub use schedule::Schedule;
pub use settings::{Defaults, Recipe, Settings};
pub(crate) use step::learn;
pub use training::{Outcome, train};
