//! `cargo xtask demo`: from a fresh checkout to two networks side by side in the browser.

use crate::checkout::Checkout;
use crate::deps;
use crate::process::{self, Programs};
use crate::site::{self, Entry};
use crate::stages::Stages;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Train a standard and a robust network on phantoms, build the site with both, and serve it.
///
/// On a fresh machine this fetches libtorch and ONNX Runtime first. Runs, models and the site go to `runs/demo` and
/// `dist/site`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask demo               everything; ends with the address to open\n  cargo xtask demo --no-serve    \
                  everything but the last step\n  cargo xtask demo --quick       the whole path in short: the networks learn next to nothing"
)]
pub(crate) struct Arguments {
    /// Stop when the site is built.
    #[arg(long)]
    no_serve: bool,
    /// The port to serve the site on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Train for seconds instead of minutes.
    #[arg(long)]
    quick: bool,
}

/// How the two networks are trained and judged.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// Phantoms to train with.
    images: usize,
    /// Passes over them, by the standard network and by the robust one.
    epochs: [usize; 2],
    /// Phantoms to judge by.
    judged: usize,
}

/// Side of the images in pixels.
const SIZE: &str = "64";
/// Radius of the L2 ball with pixels between 0 and 1, for the robust network's training and for judging both.
const EPSILON: &str = "0.5";
/// The attack of the training: four steps of half the radius.
const ATTACK: [&str; 6] = ["--adversarial", "l2", "--steps", "4", "--step-size", "0.25"];
/// The two networks: the page's name and the file's stem.
const NETWORKS: [(&str, &str); 2] = [("Standard", "standard"), ("Robust", "robust")];

impl Recipe {
    /// What a CPU trains within minutes.
    pub(crate) fn full() -> Self {
        Self {
            images: 1200,
            epochs: [4, 9],
            judged: 300,
        }
    }

    /// The whole path within seconds.
    pub(crate) fn quick() -> Self {
        Self {
            images: 96,
            epochs: [1, 1],
            judged: 24,
        }
    }
}

/// What `pellucid evaluate --json` tells, as far as we read it.
#[derive(Clone, Debug, Deserialize)]
struct Judgement {
    clean: Accuracy,
    adversarial: Accuracy,
}

#[derive(Clone, Debug, Deserialize)]
struct Accuracy {
    accuracy: f64,
}

/// Carries the chore out for this checkout.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let checkout = Checkout::here()?;
    let programs = Programs::on_path();
    let recipe = if arguments.quick {
        Recipe::quick()
    } else {
        Recipe::full()
    };
    let (runs, out) = (
        checkout.root().join("runs/demo"),
        checkout.root().join("dist/site"),
    );
    let mut stages = Stages::new();

    stages.run("dependencies", || deps::run(&deps::Arguments::default()))?;
    let pellucid = stages.run("build the trainer", || build_pellucid(&checkout, &programs))?;
    let models = stages.run("train", || train_models(&pellucid, &recipe, &runs))?;
    let judgements = stages.run("evaluate", || judge_all(&pellucid, &recipe, &models))?;
    let site = site::Arguments {
        out: out.clone(),
        models: Some(models),
        samples: None,
        fast: true,
    };
    stages.run("build the site", || {
        site::build(&site, &checkout, &programs)
    })?;

    println!("\n{}\n{}", stages.table(), comparison(&judgements));
    let mut serve = Command::new(&pellucid);
    serve
        .arg("serve")
        .arg(&out)
        .arg("--port")
        .arg(arguments.port.to_string());
    if arguments.no_serve {
        println!("To see them, run {}", process::spoken(&serve));
        return Ok(());
    }
    println!(
        "Compare them at http://127.0.0.1:{}/ (Ctrl-C stops the server)",
        arguments.port
    );
    process::run(&mut serve, "build it again")
}

/// Builds the trainer and tells where it lies.
pub(crate) fn build_pellucid(checkout: &Checkout, programs: &Programs) -> Result<PathBuf> {
    // No `--package`: that would choose other features for shared dependencies than `cargo build` and `cargo xtask test`
    // do, and build tract twice.
    process::run(
        checkout
            .cargo(programs)
            .args(["build", "--bin", "pellucid"]),
        "install Rust through rustup",
    )?;
    pellucid_path(checkout, programs)
}

/// Where a build puts the trainer.
pub(crate) fn pellucid_path(checkout: &Checkout, programs: &Programs) -> Result<PathBuf> {
    Ok(checkout.target_folder(programs)?.join("debug/pellucid"))
}

/// Trains both networks below `runs` and tells the folder that holds their files and a manifest.
pub(crate) fn train_models(pellucid: &Path, recipe: &Recipe, runs: &Path) -> Result<PathBuf> {
    let models = runs.join("models");
    fs::create_dir_all(&models)
        .with_context(|| format!("{} could not be made", models.display()))?;
    let mut entries = Vec::new();
    for ((name, stem), epochs) in NETWORKS.into_iter().zip(recipe.epochs) {
        let out = runs.join(stem);
        process::run(
            &mut train(pellucid, recipe.images, epochs, name, &out),
            "build it again",
        )?;
        let file = format!("{stem}.onnx");
        let (from, to) = (out.join("best.onnx"), models.join(&file));
        fs::copy(&from, &to).with_context(|| {
            format!("{} could not be copied to {}", from.display(), to.display())
        })?;
        entries.push(Entry {
            name: name.to_owned(),
            file,
        });
    }
    site::write_manifest(&models, &entries)?;
    Ok(models)
}

fn train(pellucid: &Path, images: usize, epochs: usize, name: &str, out: &Path) -> Command {
    let mut command = Command::new(pellucid);
    command.args([
        "train",
        "--overwrite",
        "--arch",
        "resnet-small",
        "--size",
        SIZE,
    ]);
    command.args(["--augment", "flips", "--seed", "1", "--name", name]);
    command.arg("--data").arg(format!("phantom:{images}"));
    command.arg("--epochs").arg(epochs.to_string());
    command.arg("--epsilon").arg(EPSILON).arg("--out").arg(out);
    if name == "Robust" {
        command.args(ATTACK);
    }
    command
}

/// Clean and adversarial accuracy of both networks, by the page's names.
fn judge_all(
    pellucid: &Path,
    recipe: &Recipe,
    models: &Path,
) -> Result<Vec<(&'static str, Judgement)>> {
    let judged = NETWORKS.iter().map(|(name, stem)| {
        let mut command = Command::new(pellucid);
        command
            .arg("evaluate")
            .arg(models.join(format!("{stem}.onnx")));
        command
            .arg("--data")
            .arg(format!("phantom:{}", recipe.judged));
        command.args(["--norm", "l2", "--epsilon", EPSILON, "--json"]);
        Ok((*name, judge(&mut command)?))
    });
    judged.collect()
}

fn judge(command: &mut Command) -> Result<Judgement> {
    let output = process::capture(command.stderr(Stdio::inherit()), "build it again")?;
    if !output.status.success() {
        bail!("`{}` failed ({})", process::spoken(command), output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{}` printed unexpected JSON", process::spoken(command)))
}

/// The table that the demo ends with.
fn comparison(judgements: &[(&str, Judgement)]) -> String {
    let mut table = format!(
        "  {:10}  {:>7}  {:>12}\n",
        "network",
        "clean",
        format!("PGD, L2 {EPSILON}")
    );
    for (name, judgement) in judgements {
        let percent = |accuracy: &Accuracy| format!("{:.1} %", 100.0 * accuracy.accuracy);
        table += &format!(
            "  {name:10}  {:>7}  {:>12}\n",
            percent(&judgement.clean),
            percent(&judgement.adversarial)
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A `pellucid` that notes how it was called and answers as the real one does.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let (beside, path) = (folder.join("pellucid.new"), folder.join("pellucid"));
        let here = folder.display();
        fs::write(
            &beside,
            format!("#!/bin/sh\necho \"$@\" >> '{here}/calls'\n{script}\n"),
        )
        .unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, &path).unwrap();
        path
    }

    const TRAINS: &str = r#"
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; [ "$1" = --name ] && name=$2; shift; done
mkdir -p "$out" && echo "$name" > "$out/best.onnx""#;

    #[test]
    fn both_networks_are_trained_and_listed_for_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let pellucid = program(folder.path(), TRAINS);
        let models =
            train_models(&pellucid, &Recipe::quick(), &folder.path().join("runs")).unwrap();
        assert_eq!(
            fs::read_to_string(models.join("standard.onnx")).unwrap(),
            "Standard\n"
        );
        assert_eq!(
            fs::read_to_string(models.join("robust.onnx")).unwrap(),
            "Robust\n"
        );
        let manifest: Vec<Entry> =
            serde_json::from_slice(&fs::read(models.join("manifest.json")).unwrap()).unwrap();
        let names: Vec<_> = manifest
            .iter()
            .map(|entry| (&*entry.name, &*entry.file))
            .collect();
        assert_eq!(
            names,
            [("Standard", "standard.onnx"), ("Robust", "robust.onnx")]
        );
        let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
        let adversarial: Vec<_> = calls
            .lines()
            .map(|call| call.contains("--adversarial l2"))
            .collect();
        assert_eq!(adversarial, [false, true]);
    }

    #[test]
    fn a_training_that_fails_ends_the_demo_with_its_command() {
        let folder = tempfile::tempdir().unwrap();
        let pellucid = program(folder.path(), "exit 1");
        let error =
            train_models(&pellucid, &Recipe::quick(), &folder.path().join("runs")).unwrap_err();
        assert!(error.to_string().contains("train --overwrite"), "{error}");
    }

    #[test]
    fn the_comparison_shows_what_evaluate_measured() {
        let folder = tempfile::tempdir().unwrap();
        let answer = r#"echo '{"images": 24, "clean": {"accuracy": 0.875, "loss": 1}, "adversarial": {"accuracy": 0.25, "loss": 2}}'"#;
        let pellucid = program(folder.path(), answer);
        let judged = judge_all(&pellucid, &Recipe::quick(), folder.path()).unwrap();
        let table = comparison(&judged);
        assert!(
            table.contains("Standard") && table.contains("87.5 %") && table.contains("25.0 %"),
            "{table}"
        );

        let pellucid = program(folder.path(), "echo none");
        let error = judge_all(&pellucid, &Recipe::quick(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("unexpected JSON"), "{error}");
    }
}
