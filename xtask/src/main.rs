//! The project's chores, run as `cargo xtask <chore>`.

mod checkout;
mod deps;
mod process;
mod progress;
mod sizes;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Pellucid's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    Deps(deps::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Deps(arguments) => deps::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
