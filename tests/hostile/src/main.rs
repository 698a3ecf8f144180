//! Damaged and hostile files, made out of chance, and what the program answers to them.
//!
//! Every case is a small valid model, picture, array, card or list of labels with a few things changed, and is given to the
//! command line as a user would give it. Whatever it answers, it must answer in time, within bounds of memory and in a short
//! sentence; it must leave no half-written file, and what it writes must load. `cargo xtask hostile` builds and runs this.

mod answer;
mod case;
mod judge;
mod model;
mod mutate;
mod other;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;

/// Give hostile files to `pellucid`, and say which of its answers are not as they should be
#[derive(Parser)]
#[command(name = "hostile")]
struct Arguments {
    /// The binary to try [default: the one that is built beside this]
    #[arg(long, value_name = "BINARY")]
    program: Option<PathBuf>,
    /// How long, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first case; the next ones count up from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// At most so many cases
    #[arg(long, default_value_t = u64::MAX)]
    cases: u64,
    /// Keep the files of cases whose answer is wrong in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let program = match arguments.program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("pellucid"),
    };
    let program = program
        .canonicalize()
        .with_context(|| program.display().to_string())?;
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut tally = judge::Tally::default();
    let mut seed = arguments.seed;
    while Instant::now() < end && seed - arguments.seed < arguments.cases {
        let folder = tempfile::tempdir()?;
        let case = case::make(seed, folder.path())?;
        let faults = judge::judge(&program, &case, folder.path(), &mut tally)?;
        for fault in &faults {
            println!("case {seed} ({}): {fault}", case.what);
        }
        if let Some(keep) = arguments.keep.as_ref().filter(|_| !faults.is_empty()) {
            std::fs::create_dir_all(keep)?;
            for file in case.files() {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                std::fs::copy(file, keep.join(format!("{seed}-{name}")))?;
            }
        }
        tally.cases += 1;
        tally.faults += usize::from(!faults.is_empty());
        seed += 1;
    }
    println!("{tally}");
    anyhow::ensure!(
        tally.faults == 0,
        "{} of {} cases were not answered as they should be",
        tally.faults,
        tally.cases
    );
    Ok(())
}
