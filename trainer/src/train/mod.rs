//! Training, on clean images or against an attack.
//!
//! [`train`] goes from [`Settings`] to a folder with the best network: it splits the data, builds or loads a network,
//! trains it ([`Settings::head`], then [`Settings::whole`]), validates and saves it after every epoch, and measures and
//! verifies the best at the end.

mod attack;
mod augment;
mod batch;
mod checkpoint;
mod epoch;
mod facts;
mod finish;
mod folder;
mod init;
mod log;
mod memory;
mod names;
mod optimizer;
mod random;
mod run;
mod schedule;
mod settings;
mod stages;
mod step;
#[cfg(test)]
mod tests;

pub use attack::{Attack, pgd};
pub use augment::Augment;
pub(crate) use batch::batch;
pub(crate) use folder::outputs;
pub use init::{Start, usual_size};
pub use log::EpochRecord;
pub(crate) use optimizer::Optimizer;
pub use optimizer::OptimizerChoice;
pub use run::{Outcome, train};
pub use schedule::Schedule;
pub use settings::{Defaults, Recipe, Settings};
pub(crate) use step::learn;
