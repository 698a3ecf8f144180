//! What is packed, and how it gets small.

use crate::checkout::Checkout;
use crate::deps::TORCH_VERSION;
use crate::process::{self, Programs};
use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Files of `trainer/gpu` that travel as they are.
const FILES: &[&str] = &["run.sh", "baseline.py", "README.txt"];
/// Room that is left free beside the images, for their table and the file system's blocks.
const MARGIN: u64 = 1_000_000;

/// Where the parts come from.
pub(super) struct Parts<'a> {
    pub(super) checkout: &'a Checkout,
    pub(super) programs: &'a Programs,
    /// The trainer.
    pub(super) program: &'a Path,
    /// Images, as the trainer's command line names them.
    pub(super) data: Option<&'a str>,
    /// Bytes that the folder may take.
    pub(super) most: u64,
}

impl Parts<'_> {
    /// Packs the folder beside its place and moves it there; what was there goes. Returns its bytes.
    pub(super) fn pack(&self, out: &Path) -> Result<u64> {
        let parent = out.parent().context("--out is no folder")?;
        fs::create_dir_all(parent)
            .with_context(|| format!("{} cannot be made", parent.display()))?;
        let beside = tempfile::Builder::new()
            .prefix(".gpu-")
            .tempdir_in(parent)
            .with_context(|| format!("{} cannot be written", parent.display()))?;
        let folder = beside.path().join("gpu");
        self.fill(&folder)?;
        let bytes = size_of(&folder)?;
        if bytes > self.most {
            bail!(
                "the folder takes {bytes} bytes without any image, and {} are allowed: give a larger --most",
                self.most
            );
        }
        if out.join("run.sh").is_file() || !out.exists() {
            let old = beside.path().join("old");
            if out.exists() {
                fs::rename(out, &old)
                    .with_context(|| format!("{} cannot be replaced", out.display()))?;
            }
            fs::rename(&folder, out)
                .with_context(|| format!("{} cannot be made", out.display()))?;
            return Ok(bytes);
        }
        bail!(
            "{} was not made by this command: move it away, or choose another --out",
            out.display()
        )
    }

    fn fill(&self, folder: &Path) -> Result<()> {
        let scripts = self.checkout.root().join("trainer/gpu");
        fs::create_dir_all(folder.join("lib"))?;
        for name in FILES {
            copy(&scripts.join(name), &folder.join(name))?;
        }
        copy_folder(&scripts.join("recipes"), &folder.join("recipes"))?;
        self.strip(&folder.join("pellucid"))?;
        let runtime = self.checkout.links().join("onnxruntime/libonnxruntime.so");
        compress(&runtime, &folder.join("lib/libonnxruntime.so.gz"))?;
        fs::write(
            folder.join("libtorch-version"),
            format!("{TORCH_VERSION}\n"),
        )?;
        fs::write(folder.join("built"), self.built()?)?;
        if let Some(data) = self.data {
            let taken = size_of(folder)? + MARGIN;
            let left = self.most.saturating_sub(taken) / 1_000_000;
            if left == 0 {
                bail!("nothing of --most is left for images: give a larger one");
            }
            self.images(data, left, folder)?;
        }
        Ok(())
    }

    /// The program without symbols, which are most of it.
    fn strip(&self, to: &Path) -> Result<()> {
        let mut strip = self.programs.command("strip");
        strip.arg("--strip-all").arg("-o").arg(to).arg(self.program);
        process::run(
            &mut strip,
            "install binutils, which a C++ compiler brings along",
        )
    }

    /// Version and commit, for the summary.
    fn built(&self) -> Result<String> {
        let mut git = self.programs.command("git");
        git.current_dir(self.checkout.root())
            .args(["rev-parse", "--short", "HEAD"]);
        // An unpacked archive has no history.
        let commit = process::capture(&mut git, "install git")
            .ok()
            .filter(|output| output.status.success())
            .map(|output| {
                format!(
                    ", commit {}",
                    String::from_utf8_lossy(&output.stdout).trim()
                )
            });
        Ok(format!(
            "pellucid {}{}\n",
            env!("CARGO_PKG_VERSION"),
            commit.unwrap_or_default()
        ))
    }

    /// Images at the size of the training, as the trainer packs them, into `data/`.
    fn images(&self, data: &str, megabytes: u64, folder: &Path) -> Result<()> {
        // The trainer is called in the folder, so that what it says names `data` and not where this is made.
        let data = match data.split_once(':') {
            Some((kind, path)) if kind != "phantom" => {
                format!("{kind}:{}", std::path::absolute(path)?.display())
            }
            _ => data.to_owned(),
        };
        let mut pack = self.programs.command(self.program);
        for (name, value) in self.checkout.configured_variables() {
            pack.env(name, value);
        }
        pack.current_dir(folder)
            .args(["pack", "--size", "224", "--data", &data])
            .args(["--most", &megabytes.to_string(), "--out", "data"]);
        process::run(&mut pack, "build it again")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn compress(from: &Path, to: &Path) -> Result<()> {
    let pack = || -> io::Result<()> {
        let mut encoder = GzEncoder::new(File::create(to)?, Compression::best());
        io::copy(&mut File::open(from)?, &mut encoder)?;
        encoder.finish().map(drop)
    };
    pack().with_context(|| format!("{} cannot be packed to {}", from.display(), to.display()))
}

/// The bytes of all files in a folder.
fn size_of(folder: &Path) -> Result<u64> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += meta.len();
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, checkout) = (folder.path().join("theirs"), Checkout::here().unwrap());
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("thesis.tex"), "mine").unwrap();
        let programs = Programs::on_path();
        let program = std::env::current_exe().unwrap();
        let mut parts = Parts {
            checkout: &checkout,
            programs: &programs,
            program: &program,
            data: None,
            most: u64::MAX,
        };
        assert!(
            parts
                .pack(&theirs)
                .unwrap_err()
                .to_string()
                .contains("move it away")
        );
        assert_eq!(
            fs::read_to_string(theirs.join("thesis.tex")).unwrap(),
            "mine"
        );
        parts.most = 1000;
        let error = parts
            .pack(&folder.path().join("gpu"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("larger --most"), "{error}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
