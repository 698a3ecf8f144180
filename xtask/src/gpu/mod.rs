//! `cargo xtask gpu`: a folder that checks, measures and trains on a machine with a card.

mod folder;
#[cfg(test)]
mod tests;

use crate::checkout::Checkout;
use crate::deps;
use crate::process::{self, Programs};
use crate::sizes;
use crate::stages::Stages;
use anyhow::{Context, Result};
use folder::Parts;
use std::path::{Path, PathBuf};

/// Pack a folder that travels to a machine with an NVIDIA card and runs there: `.pellucid/gpu`.
///
/// It holds the stripped program, ONNX Runtime, a script, the PyTorch baseline and the recipes, and with --data images at
/// the size of the training, as many as fit. On the other machine `gpu/run.sh` checks, measures and trains; it needs Linux on
/// x86-64 and a libtorch 2.11.0 (that of a Python's torch will do), but neither Rust nor a network.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask gpu\n  cargo xtask gpu --data ham10000:HAM10000\n  .pellucid/gpu/run.sh --device cpu --quick      \
                  try it on this machine\n  scp -r .pellucid/gpu server: && ssh server gpu/run.sh"
)]
pub(crate) struct Arguments {
    /// Images to take along, such as ham10000:HAM10000.
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// The folder to write; what a former call left there is replaced.
    #[arg(long, default_value = ".pellucid/gpu")]
    out: PathBuf,
    /// The most megabytes that the folder may take.
    #[arg(long, value_name = "MEGABYTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(30..=100_000))]
    most: u32,
    /// Take the program of the development build, which is slower and built already where the tests have run.
    #[arg(long)]
    dev: bool,
}

/// Carries the chore out for this checkout.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let checkout = Checkout::here()?;
    let programs = Programs::on_path();
    let mut stages = Stages::new();
    stages.run("dependencies", || deps::run(&deps::Arguments::default()))?;
    let program = stages.run("build the trainer", || {
        build(&checkout, &programs, arguments.dev)
    })?;
    let out = checkout.root().join(&arguments.out);
    let parts = Parts {
        checkout: &checkout,
        programs: &programs,
        program: &program,
        data: arguments.data.as_deref(),
        most: 1_000_000 * u64::from(arguments.most),
    };
    let bytes = stages.run("pack", || parts.pack(&out))?;
    println!(
        "\n{}\n{} takes {} of {}. Take it to the other machine, and run run.sh there.",
        stages.table(),
        out.display(),
        sizes::bytes(bytes),
        sizes::bytes(parts.most)
    );
    Ok(())
}

/// Builds the trainer and tells where it lies.
fn build(checkout: &Checkout, programs: &Programs, dev: bool) -> Result<PathBuf> {
    let mut cargo = checkout.cargo(programs);
    cargo.args(["build", "--bin", "pellucid"]);
    if !dev {
        cargo.arg("--release");
    }
    process::run(&mut cargo, "install Rust through rustup")?;
    let profile = if dev { "debug" } else { "release" };
    Ok(checkout
        .target_folder(programs)?
        .join(profile)
        .join("pellucid"))
}

/// The packed folder's quick run on the CPU, with the Python that the reference values come from: what the tests run, so
/// that the script cannot rot.
pub(crate) fn try_on_cpu(checkout: &Checkout, programs: &Programs) -> Result<()> {
    let target = checkout.target_folder(programs)?;
    let folder = target.join("gpu");
    run(&Arguments {
        data: None,
        out: folder.clone(),
        most: 60,
        dev: true,
    })?;
    let results = target.join("gpu-results");
    let mut script = programs.command(folder.join("run.sh"));
    script
        .args(["--device", "cpu", "--quick", "--patience", "20"])
        .arg("--python")
        .arg(checkout.links().join("reference/bin/python"))
        .arg("--out")
        .arg(&results)
        .arg("--runs")
        .arg(target.join("gpu-runs"));
    process::run(&mut script, "install bash").context("the packed folder does not run")?;
    look_at(&results)
}

/// Whether the results are all there.
fn look_at(results: &Path) -> Result<()> {
    let file = results.join("results.jsonl");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("`{line}` is not JSON")))
        .collect::<Result<_>>()?;
    for (field, value) in [
        ("item", "operators"),
        ("item", "network"),
        ("item", "training step"),
        ("item", "train and export"),
        ("item", "evaluate"),
        ("item", "explain"),
        ("mode", "float32"),
        ("mode", "eager-float32"),
        ("item", "peaks"),
        ("network", "phantoms-standard"),
        ("network", "phantoms-robust"),
    ] {
        let there = lines
            .iter()
            .any(|line| line[field] == value && line["passed"] != false);
        anyhow::ensure!(there, "{} has no line with {field} {value}", file.display());
    }
    let failed = lines.iter().find(|line| line.get("failed").is_some());
    anyhow::ensure!(failed.is_none(), "{failed:?}");
    Ok(())
}
