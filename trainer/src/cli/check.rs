//! `pellucid check`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::output::{Record, print};
use crate::check::check;
use crate::device::DeviceChoice;

/// Check that training, evaluation, export and explanation work on this machine and its card
///
/// Every operator on the device is compared with float64 on the CPU, a ResNet-18's logits and gradients likewise; then a
/// small network is trained, exported, verified in ONNX Runtime and tract, evaluated and explained. Takes seconds on a card
/// and less than a minute on two cores.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid check
  pellucid check --device cuda --record check.jsonl")]
pub struct Args {
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Also append every finding to this file as a line of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print the findings as lines of JSON
    #[arg(long)]
    json: bool,
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
/// Where something is not as it should be, after all has been told; where the record cannot be written.
pub fn run(args: Args) -> Result<()> {
    let program = std::env::current_exe().context("this program cannot find its own file")?;
    let record = args.record.map(Record::open).transpose()?;
    let mut trouble = None;
    let passed = check(args.device, &program, |finding| {
        let told = record
            .iter()
            .try_for_each(|record| record.add("check", finding));
        let told = told.and_then(|()| {
            let line = if args.json {
                serde_json::to_string(finding)?
            } else {
                let mark = if finding.passed { "passed" } else { "FAILED" };
                format!("{mark}  {:17} {}", finding.item, finding.text)
            };
            print(&format!("{line}\n"))
        });
        trouble = trouble.take().or(told.err());
    });
    match trouble {
        Some(error) => Err(error),
        None if !passed => bail!("not everything works on this machine"),
        None => Ok(()),
    }
}
