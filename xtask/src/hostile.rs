//! `cargo xtask hostile`: damaged and hostile files out of chance, given to the command line.

use crate::checkout::Checkout;
use crate::process::{self, Programs, WITHOUT_TORCH};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// Give `pellucid` damaged and hostile models, pictures, arrays, cards, labels and tables, and judge its answers.
///
/// Each case is a small valid file with a few things changed. A fault is an answer by panic, abort or signal, after more than 10 s of
/// processor time, with more than 2 GB, in more than a kilobyte, or with control characters; a half-written file; a gradient that does
/// not load though its source does; scores on which two engines differ; a wrong table that is taken, or a sound one that is
/// refused. Faults are reported with the number of the case, which reproduces it.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask hostile                         ten minutes from case 0 on\n  cargo xtask hostile --seed 1000000 --seconds 36000 \
                  --keep faults\n  cargo xtask hostile --seed 417 --cases 1    one case once more\n  \
                  cargo xtask hostile --only table            tables and splits, which few of all cases are"
)]
pub(crate) struct Arguments {
    /// How long, in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The first case.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The most cases.
    #[arg(long)]
    cases: Option<u64>,
    /// Cases of this kind only.
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    only: Option<String>,
    /// Cases at a time [default: one per core].
    #[arg(long)]
    jobs: Option<usize>,
    /// Try the program without libtorch, whose loading is most of the time of an answer: more cases in the same time, and no `train`.
    #[arg(long)]
    without_torch: bool,
    /// Keep the files of cases at fault in this folder.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// What the binary `hostile` of `tests/hostile` knows.
const KINDS: [&str; 6] = ["model", "picture", "array", "card", "labels", "table"];

/// Builds the program and the cases, and tries them.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (checkout, programs) = (Checkout::here()?, Programs::on_path());
    let mut words = vec![
        format!("--seconds={}", arguments.seconds),
        format!("--seed={}", arguments.seed),
    ];
    words.extend(arguments.cases.map(|cases| format!("--cases={cases}")));
    words.extend(arguments.only.iter().map(|kind| format!("--only={kind}")));
    words.extend(arguments.jobs.map(|jobs| format!("--jobs={jobs}")));
    if let Some(folder) = &arguments.keep {
        words.push(format!("--keep={}", folder.display()));
    }
    build(&checkout, &programs, "--bin pellucid --bin hostile")?;
    if arguments.without_torch {
        let program = without_torch(&checkout, &programs)?;
        words.extend([
            "--no-train".into(),
            format!("--program={}", program.display()),
        ]);
    }
    try_cases(&checkout, &programs, &words)
}

/// The stage of `cargo xtask test`: a minute of the same cases each time.
pub(crate) fn for_a_minute(checkout: &Checkout, programs: &Programs) -> Result<()> {
    build(checkout, programs, "--bin pellucid --bin hostile")?;
    try_cases(checkout, programs, &["--seconds=60".to_owned()])
}

fn build(checkout: &Checkout, programs: &Programs, what: &str) -> Result<()> {
    let mut build = checkout.cargo(programs);
    let words = what.split_whitespace();
    process::run(
        build.arg("build").args(words),
        "install Rust through rustup",
    )
}

/// The program without libtorch, beside the one with it: `target/debug/pellucid` is that with it again afterwards.
fn without_torch(checkout: &Checkout, programs: &Programs) -> Result<PathBuf> {
    let target = checkout.target_folder(programs)?;
    let folder = target.join("hostile");
    let program = folder.join("pellucid");
    build(
        checkout,
        programs,
        &format!("{WITHOUT_TORCH} --bin pellucid"),
    )?;
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(target.join("debug/pellucid"), &program).map(drop))
        .with_context(|| format!("{} cannot be written: free some space", program.display()))?;
    build(checkout, programs, "--bin pellucid")?;
    Ok(program)
}

fn try_cases(checkout: &Checkout, programs: &Programs, words: &[String]) -> Result<()> {
    // Through cargo, which knows where the libraries lie and where its own target folder is.
    let mut trial = checkout.cargo(programs);
    trial.args(["run", "--quiet", "--bin", "hostile", "--"]);
    process::run(trial.args(words), "look at the cases listed above")
}
