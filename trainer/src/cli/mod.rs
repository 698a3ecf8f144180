//! The command line: one file per command. Exit code 2 for wrong usage, 1 for a failed job.

pub mod differentiate;
pub mod evaluate;
pub mod explain;
pub mod inspect;
pub mod phantom;
mod quantities;
pub mod serve;
#[cfg(feature = "torch")]
pub mod train;

use std::process::ExitCode;

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
