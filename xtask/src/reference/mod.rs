//! `cargo xtask reference`: what the tests compare with, made once by Python packages that no one here wrote.

mod python;

use crate::checkout::Checkout;
use crate::deps::{self, Cache};
use crate::process::{self, Programs};
use crate::sizes;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Make the reference values that the tests compare gradients with.
///
/// A Python environment (PyTorch, torchvision, timm, ONNX, ONNX Runtime; pinned by hash in tests/reference/requirements.txt) and
/// what its scripts make there: ONNX's own node tests with measured slopes, and
/// torchvision's and timm's networks with PyTorch's gradients. All of it lies in your cache folder and serves
/// every checkout; `.pellucid/` in this one links to it. Once it is there, this does nothing.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(
    after_help = "Examples:\n  cargo xtask reference               everything (650 MB to download, 2.5 GB kept, some minutes)\n  cargo xtask reference --environment the Python environment alone"
)]
pub(crate) struct Arguments {
    /// Make the Python environment alone.
    #[arg(long)]
    environment: bool,
}

/// A corpus: what one script makes.
struct Corpus {
    title: &'static str,
    /// Its link in `.pellucid/`, and the beginning of its folder's name in the cache.
    link: &'static str,
    script: &'static str,
    /// Everything that its content depends on, beside `requirements.txt`.
    sources: &'static [&'static str],
    /// The bytes that it takes, about.
    bytes: u64,
}

const CORPORA: &[Corpus] = &[
    Corpus {
        title: "the corpus of single operators",
        link: "nodes",
        script: "nodes.py",
        sources: &[
            "nodes.py",
            "own.py",
            "differences.py",
            "double.py",
            "repairs.py",
        ],
        bytes: 100_000_000,
    },
    Corpus {
        title: "the corpus of torchvision's networks",
        link: "models",
        script: "models.py",
        sources: &["models.py", "exported.py", "slopes.py"],
        bytes: 800_000_000,
    },
    Corpus {
        title: "the corpus of timm's networks",
        link: "timm",
        script: "timm_models.py",
        sources: &["timm_models.py", "exported.py", "slopes.py"],
        bytes: 500_000_000,
    },
];

/// Carries the chore out for this checkout and the user's cache folder.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let checkout = Checkout::here()?;
    let programs = Programs::on_path();
    let cache = Cache::of_user()?;
    let scripts = checkout.root().join("tests/reference");
    let name = versioned("reference", &scripts, &["requirements.txt"])?;
    let environment = cache
        .made_once(&name, python::BYTES, |folder| {
            python::environment(folder, &scripts.join("requirements.txt"), &programs)
        })
        .context("the Python environment could not be made")?;
    deps::link(&checkout, "reference", &environment)?;
    eprintln!(
        "the Python environment is ready in {}",
        environment.display()
    );
    if !arguments.environment {
        for corpus in CORPORA {
            let folder = corpus
                .provide(&cache, &scripts, &environment, &programs)
                .with_context(|| format!("{} could not be made", corpus.title))?;
            deps::link(&checkout, corpus.link, &folder)?;
            eprintln!("{} is ready in {}", corpus.title, folder.display());
        }
    }
    eprintln!(
        "reference values are ready after {}",
        sizes::time(start.elapsed())
    );
    Ok(())
}

/// Differentiates both corpora with `target/debug/examples/differentiate` and compares in float64.
pub(crate) fn check(checkout: &Checkout, programs: &Programs) -> Result<()> {
    let binary = checkout
        .target_folder(programs)?
        .join("debug/examples/differentiate");
    for script in ["check_nodes.py", "check_models.py"] {
        let mut python = programs.command(checkout.links().join("reference/bin/python"));
        python
            .arg(checkout.root().join("tests/reference").join(script))
            .arg("--binary")
            .arg(&binary);
        python
            .env("OMP_NUM_THREADS", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        process::run(&mut python, "run `cargo xtask reference`")?;
    }
    Ok(())
}

impl Corpus {
    fn provide(
        &self,
        cache: &Cache,
        scripts: &Path,
        environment: &Path,
        programs: &Programs,
    ) -> Result<PathBuf> {
        let sources = [self.sources, &["requirements.txt"]].concat();
        let name = versioned(self.link, scripts, &sources)?;
        cache.made_once(&name, self.bytes, |folder| {
            eprintln!("making {}", self.title);
            let mut script = programs.command(environment.join("bin/python"));
            script
                .arg(scripts.join(self.script))
                .arg("--out")
                .arg(folder);
            // The scripts use several processes of one thread.
            script
                .env("OMP_NUM_THREADS", "1")
                .env("PYTHONDONTWRITEBYTECODE", "1");
            process::run(&mut script, "run `cargo xtask reference` again")
        })
    }
}

/// `name` and a hash of the files that the content depends on, so that two checkouts may differ.
fn versioned(name: &str, folder: &Path, sources: &[&str]) -> Result<String> {
    let mut hasher = Sha256::new();
    for source in sources {
        let path = folder.join(source);
        hasher.update(fs::read(&path).with_context(|| format!("{} is missing", path.display()))?);
    }
    let hash: String = hasher
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("{name}-{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_once_and_anew_when_its_sources_change() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        let source = folder.path().join("script.py");
        let mut made = 0;
        let mut make = |content: &str| {
            fs::write(&source, content).unwrap();
            let name = versioned("corpus", folder.path(), &["script.py"]).unwrap();
            let make = |tree: &Path| {
                made += 1;
                fs::write(tree.join("content"), content)?;
                Ok(())
            };
            cache.made_once(&name, 1, make).unwrap()
        };
        let first = make("one");
        assert_eq!(make("one"), first);
        let second = make("two");
        assert_ne!(second, first);
        assert_eq!(fs::read_to_string(first.join("content")).unwrap(), "one");
        assert_eq!(fs::read_to_string(second.join("content")).unwrap(), "two");
        assert_eq!(made, 2);
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let half = |tree: &Path| {
            fs::write(tree.join("half"), "")?;
            anyhow::bail!("no")
        };
        assert!(cache.made_once("corpus", 1, half).is_err());
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [".lock"]);
    }
}
