//! The project's chores, run as `cargo xtask <chore>`.

mod bench;
mod checkout;
mod demo;
mod deps;
mod gpu;
mod hostile;
mod process;
mod progress;
mod reference;
mod site;
mod sizes;
mod stages;
mod test;

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
    Demo(demo::Arguments),
    Test(test::Arguments),
    Deps(deps::Arguments),
    Reference(reference::Arguments),
    Site(site::Chore),
    Bench(bench::Arguments),
    Gpu(gpu::Arguments),
    Hostile(hostile::Arguments),
}

fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let outcome = match Arguments::parse().chore {
        Chore::Demo(arguments) => demo::run(&arguments).map(done),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Deps(arguments) => deps::run(&arguments).map(done),
        Chore::Reference(arguments) => reference::run(&arguments).map(done),
        Chore::Site(arguments) => site::run(&arguments).map(done),
        Chore::Bench(arguments) => bench::run(&arguments).map(done),
        Chore::Gpu(arguments) => gpu::run(&arguments).map(done),
        Chore::Hostile(arguments) => hostile::run(&arguments).map(done),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
