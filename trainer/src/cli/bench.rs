//! `pellucid bench`, and the process that it measures.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pellucid_shared::files::is_claimed;
use serde_json::json;

use super::output::{Record, print};
use super::values::{MOST_BATCH, MOST_SECONDS, MOST_STEPS, above_zero, count};
use crate::bench::{Baseline, Mode, Plan, Workload, contest, head, work};
use crate::device::DeviceChoice;

/// Measure how fast this machine trains: a ResNet-18 against an attack, and forward alone
///
/// With --baseline, a program in another language does the same beside it, in turn: trainer/gpu/baseline.py is plain PyTorch,
/// eager in float32 and in bf16 with channels last, and compiled. Nothing else should run meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid bench
  pellucid bench --device cuda --batch 16,128 --baseline trainer/gpu/baseline.py --compiled
  pellucid bench --device cpu --size 64 --batch 8 --rounds 3 --record speed.jsonl")]
pub struct Args {
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Side of the images in pixels
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: u32,
    /// Images per step; several numbers are measured one after the other
    #[arg(long, default_value = "16", value_delimiter = ',', value_parser = count(2, MOST_BATCH))]
    batch: Vec<usize>,
    /// Steps of the attack
    #[arg(long, default_value_t = 7, value_parser = count(1, MOST_STEPS))]
    steps: usize,
    /// How many turns each takes
    #[arg(long, default_value_t = 5, value_parser = count(1, MOST_STEPS))]
    rounds: usize,
    /// About how long a turn is
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = above_zero(MOST_SECONDS))]
    turn: f64,
    /// How long one may take to be ready or to answer before it is left out
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = above_zero(MOST_SECONDS))]
    patience: f64,
    /// Begin no further round after this long
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = above_zero(MOST_SECONDS))]
    most: f64,
    /// A script that does the same, to be measured in turn
    #[arg(long, value_name = "SCRIPT")]
    baseline: Option<PathBuf>,
    /// What runs the script
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    interpreter: PathBuf,
    /// Measure the script's compiled mode too, which takes a minute to prepare
    #[arg(long, requires = "baseline")]
    compiled: bool,
    /// Also append every row to this file as a line of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Args {
    /// The file that is written to.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.record.iter().cloned().collect()
    }
}

/// Runs the command.
///
/// # Errors
/// Where the device cannot be used, a file is missing, or nothing got to a figure.
pub fn run(args: Args) -> Result<()> {
    if let Some(script) = args.baseline.as_ref().filter(|script| !script.is_file()) {
        bail!("there is no script {}: check --baseline", script.display());
    }
    if let Some(script) = args.baseline.as_ref().filter(|script| is_claimed(script)) {
        bail!(
            "{} would be written to by --record: name another file",
            script.display()
        );
    }
    let mut batches = args.batch;
    batches.sort_unstable();
    batches.dedup();
    let plan = Plan {
        device: args.device,
        program: std::env::current_exe().context("this program cannot find its own file")?,
        size: args.size,
        batches,
        steps: args.steps,
        rounds: args.rounds,
        turn: Duration::from_secs_f64(args.turn),
        patience: Duration::from_secs_f64(args.patience),
        most: Duration::from_secs_f64(args.most),
        baseline: args.baseline.map(|script| Baseline {
            interpreter: args.interpreter,
            script,
            compiled: args.compiled,
        }),
    };
    let record = args.record.map(Record::open).transpose()?;
    print(&format!("{}\n", head(&plan)))?;
    let mut trouble = None;
    let measured = contest(&plan, |row| {
        let told = record
            .iter()
            .try_for_each(|record| record.add("speed", row));
        let told = told.and_then(|()| print(&format!("{}\n", row.text())));
        trouble = trouble.take().or(told.err());
    })?;
    if let Some(error) = trouble {
        return Err(error);
    }
    if let Some(record) = &record {
        let rest =
            json!({"item": "peaks", "flops": measured.peaks, "not_measured": measured.failures});
        record.add("speed", &rest)?;
    }
    print(&measured.notes())
}

/// A process that `pellucid bench` measures.
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    #[arg(long, value_enum)]
    mode: Mode,
    #[arg(long, value_enum)]
    device: DeviceChoice,
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: u32,
    #[arg(long, value_parser = count(2, MOST_BATCH))]
    batch: usize,
    #[arg(long, value_parser = count(1, MOST_STEPS))]
    steps: usize,
}

/// Carries out orders from standard input.
///
/// # Errors
/// Where the answers cannot be written.
pub fn run_worker(args: WorkerArgs) -> Result<()> {
    let workload = Workload {
        mode: args.mode,
        device: args.device,
        size: args.size,
        batch: args.batch,
        steps: args.steps,
    };
    work(&workload, io::stdin().lock(), io::stdout().lock())
}
