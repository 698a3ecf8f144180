//! The command line: one file per command. Exit code 2 for wrong usage, 1 for a failed job, 130, 143 or 129 for an interrupted
//! one (SIGINT, SIGTERM, SIGHUP).

mod ball;
#[cfg(feature = "torch")]
pub mod bench;
#[cfg(feature = "torch")]
pub mod check;
mod crash;
pub mod differentiate;
pub mod evaluate;
#[cfg(test)]
mod examples;
pub mod explain;
mod feed;
pub mod inspect;
mod interrupt;
#[cfg(test)]
mod limits;
mod model;
mod output;
pub mod pack;
pub mod phantom;
pub mod release;
mod remedy;
pub mod report;
pub mod serve;
#[cfg(feature = "torch")]
pub mod train;
mod values;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use pellucid_shared::files;
use pellucid_shared::guard::{guarded, hush_panics};

use crate::stop::Interrupted;

/// Train image classifiers that can be seen through, and look through them
#[derive(Debug, Parser)]
#[command(
    name = "pellucid",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pellucid train --data phantom:1200 --arch resnet-small --size 64 --adversarial l2 \\
      --epsilon 1 --out runs/robust
  pellucid evaluate runs/robust/best.onnx --data phantom:300 --norm l2 --epsilon 1
  pellucid inspect robust.onnx
  pellucid explain robust.onnx lesion.jpg -o map.png
  pellucid differentiate robust.onnx -o robust-grad.onnx
  pellucid serve dist/site
  pellucid check

Each command has its own examples: pellucid explain --help"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "torch")]
    Train(Box<train::Args>),
    Evaluate(Box<evaluate::Args>),
    Explain(Box<explain::Args>),
    Differentiate(differentiate::Args),
    Inspect(inspect::Args),
    Phantom(phantom::Args),
    Pack(pack::Args),
    Release(release::Args),
    Report(report::Args),
    Serve(serve::Args),
    #[cfg(feature = "torch")]
    Check(check::Args),
    #[cfg(feature = "torch")]
    Bench(bench::Args),
    #[cfg(feature = "torch")]
    #[command(hide = true)]
    BenchWorker(bench::WorkerArgs),
}

impl Command {
    /// Every file that the command may write over: it does not read these, whatever it is told to read.
    fn outputs(&self) -> Vec<PathBuf> {
        match self {
            #[cfg(feature = "torch")]
            Self::Train(args) => args.outputs(),
            Self::Evaluate(args) => args.outputs(),
            Self::Explain(args) => args.outputs(),
            Self::Differentiate(args) => args.outputs(),
            Self::Release(args) => args.outputs(),
            Self::Report(args) => args.outputs(),
            #[cfg(feature = "torch")]
            Self::Check(args) => args.outputs(),
            #[cfg(feature = "torch")]
            Self::Bench(args) => args.outputs(),
            // They write into new or empty folders only.
            Self::Phantom(_) | Self::Pack(_) => vec![],
            // They write no file.
            Self::Inspect(_) | Self::Serve(_) => vec![],
            #[cfg(feature = "torch")]
            Self::BenchWorker(_) => vec![],
        }
    }

    /// Whether signals have an answer of the command's own, or of its parent's.
    fn stops_by_itself(&self) -> bool {
        match self {
            Self::Serve(_) => true,
            #[cfg(feature = "torch")]
            Self::BenchWorker(_) => true,
            _ => false,
        }
    }

    fn run(self) -> Result<()> {
        let outputs = self.outputs();
        let _claim = files::claim(&outputs)?;
        for folder in outputs.iter().filter_map(|output| output.parent()) {
            files::sweep(folder);
        }
        if !self.stops_by_itself() {
            interrupt::watch();
        }
        match self {
            #[cfg(feature = "torch")]
            Self::Train(args) => train::run(*args),
            Self::Evaluate(args) => evaluate::run(*args),
            Self::Explain(args) => explain::run(*args),
            Self::Differentiate(args) => differentiate::run(args),
            Self::Inspect(args) => inspect::run(args),
            Self::Phantom(args) => phantom::run(args),
            Self::Pack(args) => pack::run(args),
            Self::Release(args) => release::run(args),
            Self::Report(args) => report::run(args),
            Self::Serve(args) => serve::run(args),
            #[cfg(feature = "torch")]
            Self::Check(args) => check::run(args),
            #[cfg(feature = "torch")]
            Self::Bench(args) => bench::run(args),
            #[cfg(feature = "torch")]
            Self::BenchWorker(args) => bench::run_worker(args),
        }
    }
}

#[cfg(feature = "torch")]
impl Command {
    fn computes_on_torch(&self) -> bool {
        match self {
            Self::Train(_) | Self::Evaluate(_) | Self::Check(_) | Self::BenchWorker(_) => true,
            Self::Explain(args) => args.computes_on_torch(),
            _ => false,
        }
    }
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    crash::say_it();
    hush_panics();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    #[cfg(feature = "torch")]
    if arguments.command.computes_on_torch() {
        crate::torch::set_up_threads_and_memory();
    }
    let result = guarded(|| arguments.command.run()).unwrap_or_else(|panicked| {
        Err(anyhow::anyhow!(
            "pellucid was not made for this case ({panicked}): please report it, with the file"
        ))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough, as in `pellucid inspect model.onnx | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says what went wrong; the exit code says of what kind it is.
fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<clap::Error>() {
        return usage(error);
    }
    let (text, code) = match error.downcast_ref::<Interrupted>() {
        Some(Interrupted(words)) => (words.clone(), ExitCode::from(interrupt::exit_code())),
        None => (
            match remedy::remedy(error) {
                None => format!("error: {}", crate::sentence::sentence(error)),
                Some(remedy) => format!("error: {}: {remedy}", crate::sentence::sentence(error)),
            },
            ExitCode::FAILURE,
        ),
    };
    // Where standard error is closed, the exit code is all that is left to say.
    let _ = writeln!(io::stderr(), "{text}");
    code
}

/// Prints help or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // Where not even that can be printed, the exit code is all that is left to say.
    let _ = error.print();
    let wanted = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) if error.kind() == ErrorKind::InvalidSubcommand => name,
        _ => "",
    };
    if wanted == "train" && !cfg!(feature = "torch") {
        eprintln!(
            "\nThis pellucid was built without libtorch and cannot train: run `cargo xtask deps`, then build it with the feature `torch`."
        );
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::from(2), ExitCode::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_found_while_parsing() {
        for line in [
            "pellucid",
            "pellucid explane a.onnx a.png",
            "pellucid explain a.onnx",
            "pellucid explain a.onnx a.png --mean 0,0,0",
            "pellucid explain a.onnx a.png --std 1,1,1",
            "pellucid explain a.onnx a.png --mean 0,0,0 --std 1,1,0",
            "pellucid explain a.onnx a.png --mean 0,0,0 --std 1,1,1e-45",
            "pellucid explain a.onnx a.png --channels 4",
            "pellucid explain a.onnx a.png --range 0..2",
            "pellucid explain a.onnx a.png --scores logits",
            "pellucid explain a.onnx a.png --size 0",
            "pellucid explain a.onnx a.png --opacity 2",
            "pellucid explain a.onnx a.png --outlier-percent -1",
            "pellucid explain a.onnx a.png --sign both",
            "pellucid explain a.onnx a.png --engine tensorflow",
            "pellucid explain a.onnx a.png --method magic",
            "pellucid explain a.onnx a.png --steps 0",
            "pellucid explain a.onnx a.png --sigma -1",
            "pellucid explain a.onnx a.png --baseline grey",
            "pellucid explain a.onnx a.png --probability 2",
            "pellucid differentiate a.onnx",
            "pellucid differentiate a.onnx -o b.onnx --batch 0",
            "pellucid differentiate a.onnx -o b.onnx --batch many",
            "pellucid differentiate a.onnx -o b.onnx --opset 16",
            "pellucid differentiate a.onnx -o b.onnx --opset 99",
            "pellucid serve . --port 70000",
            "pellucid serve . --host example.org",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
        }
    }

    #[test]
    fn names_of_signs_colours_and_crops_are_the_ones_that_are_offered() {
        for more in [
            "--sign absolute",
            "--sign positive",
            "--sign negative",
            "--sign all",
            "--colours blues",
            "--colours diverging",
            "--colours inferno",
            "--colours grey",
            "--crop center_square",
            "--crop stretch",
            "--mean -1,0,0 --std 1,1,1",
            "--mean 0.5 --std 0.5 --channels 1 --layout nhwc --resize nearest",
            "--range -1..1",
            "--range 0..255 --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4",
            "--scores sigmoid --output probabilities",
            "--engine ort",
            "--engine tract",
            "--engine torch",
            "--method gradient",
            "--method grad-cam-plus-plus --features relu3",
            "--method integrated-gradients --baseline black --baseline blur:5 --rule trapezoid",
            "--method occlusion --window 50 --stride 25 --baseline value:0.5",
            "--method rise --masks 10 --cells 4 --probability 0.3 --seed 1 --batch 2",
            "--method smoothgrad --samples 5 --sigma 0.2 --target a --against b",
        ] {
            assert!(
                parse(&format!("pellucid explain a.onnx a.png {more}")).is_ok(),
                "{more}"
            );
        }
    }
}
