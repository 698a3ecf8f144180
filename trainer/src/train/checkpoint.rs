//! The files of a run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pellucid_shared::card::Card;
use pellucid_shared::files::write_atomic;
use pellucid_shared::onnx::Model;

use crate::torch::Network;

/// The folder of a run and what stands in it.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder. One that holds a run is refused unless it may be overwritten; then the run's own files go.
    pub(super) fn prepare(path: &Path, overwrite: bool) -> Result<Self> {
        let place = path.display();
        fs::create_dir_all(path)
            .with_context(|| format!("the folder {place} cannot be made: choose another --out"))?;
        let folder = Self(path.to_owned());
        for file in [folder.log(), folder.best(), folder.latest()] {
            if !file.exists() {
                continue;
            }
            if !overwrite {
                bail!("{place} holds a run already: choose another --out, or add --overwrite");
            }
            fs::remove_file(&file)
                .with_context(|| format!("{} cannot be replaced", file.display()))?;
        }
        Ok(folder)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    pub(super) fn best(&self) -> PathBuf {
        self.0.join("best.onnx")
    }

    pub(super) fn latest(&self) -> PathBuf {
        self.0.join("latest.onnx")
    }

    pub(super) fn split(&self) -> PathBuf {
        self.0.join("split.csv")
    }

    /// Renames the best network's file, so that nobody takes it for a verified one.
    pub(super) fn set_aside(&self) -> Result<PathBuf> {
        let unverified = self.0.join("unverified.onnx");
        fs::rename(self.best(), &unverified)
            .with_context(|| format!("{} cannot be renamed", self.best().display()))?;
        Ok(unverified)
    }

    /// Writes `settings.json`.
    pub(super) fn write_settings(&self, settings: &serde_json::Value) -> Result<()> {
        let path = self.0.join("settings.json");
        let text = serde_json::to_string_pretty(settings)? + "\n";
        write_atomic(&path, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// Writes the network's weights and the card as an ONNX file; the path holds the whole file or what it held before.
pub(super) fn save(model: &mut Model, network: &Network, card: &Card, path: &Path) -> Result<()> {
    network.write_back(model)?;
    card.write_into(model)?;
    model.save(path).with_context(|| {
        format!(
            "the checkpoint {} cannot be written, and what stood there is as it was: free some space and go on from \
             it with --init",
            path.display()
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_not_overwritten_by_accident() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let run = Folder::prepare(&path, false).unwrap();
        fs::write(run.best(), "a model").unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let error = Folder::prepare(&path, false).unwrap_err().to_string();
        assert!(error.contains("--overwrite"), "{error}");
        assert!(run.best().exists());
        Folder::prepare(&path, true).unwrap();
        assert!(!run.best().exists() && path.join("notes.txt").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_a_sentence() {
        use pellucid_shared::card::Input;
        use pellucid_shared::image::Preprocessing;
        use pellucid_shared::zoo::{Architecture, Blueprint, build};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest.onnx");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap();
        let network = Network::new(&model, tch::Device::Cpu).unwrap();
        let card = Card::new("", vec![], Input::plain(Preprocessing::square(32)));
        let error = save(&mut model, &network, &card, &path).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("latest.onnx") && text.contains("free some space"),
            "{text}"
        );
        assert!(text.contains("No space left"), "{text}");
    }
}
