//! `cargo xtask test`: every test that there is, in one go.

mod aside;
mod browser;
mod deny;
pub(crate) mod tools;

use crate::checkout::Checkout;
use crate::deps;
use crate::gpu;
use crate::hostile;
use crate::process::{self, Programs, WITHOUT_TORCH};
use crate::reference;
use crate::stages::Stages;
use anyhow::Result;
use aside::Aside;
use clap::ValueEnum;
use std::process::ExitCode;

/// Run every test: formatting, lints, all crates, documentation, the page in a real Chromium.
///
/// What is missing on the machine is fetched as by `cargo xtask deps`; Chromium, nginx and Apache, for the page, are
/// installed too where that is possible (Debian, as root). All stages run even if an earlier one fails.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask test                       everything, as CI does\n  cargo xtask test --no-browser          \
                  on a machine without Chromium\n  cargo xtask test --only lint --only rust"
)]
pub(crate) struct Arguments {
    /// Leave out the tests that need Node.js and Chromium.
    #[arg(long)]
    no_browser: bool,
    /// Run this stage only (may be repeated).
    #[arg(long, value_name = "STAGE")]
    only: Vec<Stage>,
}

/// The stages, in the order that they run in: the quick ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// libtorch, ONNX Runtime, compilers
    Deps,
    /// `cargo fmt --check`
    Format,
    /// clippy on every target, natively and for WebAssembly; warnings count
    Lint,
    /// licences and known faults of the dependencies
    Deny,
    /// the Python environment and the reference values that the Rust tests read; made while the stages above run
    Reference,
    /// every Rust test of the workspace
    Rust,
    /// a minute of damaged and hostile files
    Hostile,
    /// the differentiator against ONNX's node tests and PyTorch's networks, in float64
    Gradients,
    /// the documentation: its links and its examples
    Docs,
    /// the trainer without its `torch` feature: its tests
    NoTorch,
    /// the fuzz targets: that they compile as they stand
    Fuzz,
    /// the folder for machines with a card: packed, and run on the CPU
    Gpu,
    /// the page in a real Chromium
    Browser,
}

/// Carries the chore out for this checkout. A stage that fails makes the exit code, not an error: it has told why already.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let checkout = Checkout::here()?;
    let programs = Programs::on_path();
    let mut stages = Stages::new();
    let mut reference = match arguments.wants(Stage::Reference) && arguments.wants(Stage::Lint) {
        true => Some(Aside::start("reference")?),
        false => None,
    };
    for stage in Stage::value_variants()
        .iter()
        .copied()
        .filter(|stage| arguments.wants(*stage))
    {
        let name = stage
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned());
        // A failure is told when it happens and counted at the end.
        let _ = stages.run(&name, || {
            match reference.take_if(|_| stage == Stage::Reference) {
                Some(beside) => beside.finish(),
                None => stage.carry_out(&checkout, &programs),
            }
        });
    }
    let (passed, failed) = (stages.successes(), stages.failures());
    println!("\n{}\n{passed} passed, {failed} failed", stages.table());
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Arguments {
    fn wants(&self, stage: Stage) -> bool {
        let named = self.only.is_empty() || self.only.contains(&stage);
        named && !(self.no_browser && stage == Stage::Browser)
    }
}

impl Stage {
    fn carry_out(self, checkout: &Checkout, programs: &Programs) -> Result<()> {
        let cargo = |words: &str| {
            let mut command = checkout.cargo(programs);
            process::run(
                command.args(words.split_whitespace()),
                "install Rust through rustup",
            )
        };
        match self {
            Self::Deps => deps::run(&deps::Arguments::default()),
            Self::Reference => reference::run(&reference::Arguments::default()),
            Self::Format => cargo("fmt --all --check"),
            Self::Lint => {
                cargo("clippy --workspace --all-targets -- -D warnings")?;
                cargo(
                    "clippy -p pellucid-viewer -p pellucid-shared -p onnx-autodiff -p onnx-edit -p pellucid-files --target wasm32-unknown-unknown -- -D warnings",
                )
            }
            Self::Deny => deny::run(checkout, programs),
            // Tests of the real images are ignored where these are not.
            Self::Rust => {
                let real = checkout.root().join("../shared/data").is_dir();
                match (tools::has_nextest(checkout, programs), real) {
                    (true, false) => cargo("nextest run --workspace"),
                    (true, true) => cargo("nextest run --workspace --run-ignored all"),
                    (false, false) => cargo("test --workspace --lib --bins --tests"),
                    (false, true) => {
                        cargo("test --workspace --lib --bins --tests -- --include-ignored")
                    }
                }
            }
            Self::Hostile => hostile::for_a_minute(checkout, programs),
            Self::Gradients => {
                cargo("build --example differentiate")?;
                reference::check(checkout, programs)
            }
            Self::Docs => {
                cargo("doc --workspace --no-deps --document-private-items")?;
                cargo("test --workspace --doc")
            }
            Self::NoTorch if tools::has_nextest(checkout, programs) => cargo(&format!(
                "nextest run {WITHOUT_TORCH} -E package(pellucid-trainer)"
            )),
            Self::NoTorch => cargo(&format!(
                "test {WITHOUT_TORCH} --exclude onnx-autodiff --exclude onnx-edit --exclude pellucid-files --exclude pellucid-shared --exclude pellucid-tables --exclude xtask --exclude pellucid-viewer"
            )),
            // What they check runs with the other tests; here it is their own lines and their lock file.
            Self::Fuzz => cargo(
                "check --locked --manifest-path shared/fuzz/Cargo.toml --target-dir target/fuzz",
            ),
            Self::Gpu => gpu::try_on_cpu(checkout, programs),
            Self::Browser => browser::run(checkout, programs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_chosen_by_name_and_the_browser_can_be_left_out() {
        let chosen = |no_browser, only: &[Stage]| -> Vec<Stage> {
            let arguments = Arguments {
                no_browser,
                only: only.to_vec(),
            };
            Stage::value_variants()
                .iter()
                .copied()
                .filter(|stage| arguments.wants(*stage))
                .collect()
        };
        assert_eq!(chosen(false, &[]), Stage::value_variants());
        assert_eq!(
            chosen(false, &[Stage::Rust, Stage::Lint]),
            [Stage::Lint, Stage::Rust]
        );
        assert!(!chosen(true, &[]).contains(&Stage::Browser));
    }
}
