//! Damaged and hostile files, made out of chance, and what the program answers to them.
//!
//! Every case is a small valid model, picture, array, card, list of labels or table with a few things changed, and is given to the
//! command line as a user would give it. Whatever it answers, it must answer in time, within bounds of memory and in a short
//! sentence; it must leave no half-written file, and what it writes must load. `cargo xtask hostile` builds and runs this.

mod answer;
mod case;
mod grid;
mod harm;
mod judge;
mod judge_tables;
mod model;
mod mutate;
mod other;
mod tables;
mod tally;
mod trial;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;

use case::Kind;
use tally::Tally;

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
    /// Cases of this kind only; other numbers are other cases then
    #[arg(long, value_name = "KIND")]
    only: Option<Kind>,
    /// Cases at a time [default: one per core]
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
    /// Ask no `train`: a program without libtorch has none
    #[arg(long)]
    no_train: bool,
    /// Keep the files of cases whose answer is wrong in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("pellucid"),
    };
    let program = program
        .canonicalize()
        .with_context(|| program.display().to_string())?;
    let jobs = match arguments.jobs {
        Some(jobs) => jobs,
        None => std::thread::available_parallelism()?,
    };
    let campaign = Campaign {
        end: Instant::now() + Duration::from_secs(arguments.seconds),
        next: AtomicU64::new(0),
        all: Mutex::new(Tally::default()),
        arguments: &arguments,
        program: &program,
    };
    // A case is a process at a time, and most of that is the time in which it starts.
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.get())
            .map(|_| scope.spawn(|| campaign.run()))
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.into_iter().try_for_each(|ended| match ended {
            Ok(result) => result,
            Err(_) => bail!("a thread of this program panicked: see above"),
        })
    })?;
    let tally = campaign
        .all
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    println!("{tally}");
    anyhow::ensure!(
        tally.faults == 0,
        "{} of {} cases were not answered as they should be",
        tally.faults,
        tally.cases
    );
    Ok(())
}

/// Cases that several threads take one after the other.
struct Campaign<'a> {
    end: Instant,
    /// How many cases have been taken.
    next: AtomicU64,
    all: Mutex<Tally>,
    arguments: &'a Arguments,
    program: &'a Path,
}

impl Campaign<'_> {
    fn run(&self) -> Result<()> {
        let mut tally = Tally::default();
        while Instant::now() < self.end {
            let taken = self.next.fetch_add(1, Ordering::Relaxed);
            if taken >= self.arguments.cases {
                break;
            }
            self.try_case(self.arguments.seed.wrapping_add(taken), &mut tally)?;
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.add(&tally);
        Ok(())
    }

    fn try_case(&self, seed: u64, tally: &mut Tally) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut case = case::make(seed, self.arguments.only, folder.path())?;
        if let Some(tables) = &mut case.tables {
            tables.train &= !self.arguments.no_train;
        }
        let faults = judge::judge(self.program, &case, folder.path(), tally)?;
        for fault in &faults {
            println!("case {seed} ({}): {fault}", case.what);
        }
        if let Some(keep) = self.arguments.keep.as_ref().filter(|_| !faults.is_empty()) {
            std::fs::create_dir_all(keep)?;
            for file in case.files() {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                std::fs::copy(&file, keep.join(format!("{seed}-{name}")))?;
            }
        }
        tally.cases += 1;
        tally.faults += usize::from(!faults.is_empty());
        Ok(())
    }
}
