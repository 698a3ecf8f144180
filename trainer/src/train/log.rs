//! One JSON line per epoch.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pellucid_shared::files::write_atomic;
use serde::{Deserialize, Serialize};

/// What is recorded of an epoch. Accuracies are shares, 0 to 1; the balanced ones are means over the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counts from 1 over both stages.
    pub epoch: usize,
    /// `head` or `whole`.
    pub stage: String,
    /// The learning rate at the epoch's end.
    pub learning_rate: f64,
    /// Mean cross-entropy of the training images as the network saw them: altered, and attacked in a robust training.
    pub train_loss: f64,
    /// Accuracy on the same images.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the clean validation images.
    pub validation_loss: f64,
    /// Accuracy on them.
    pub validation_accuracy: f64,
    /// Balanced accuracy on them.
    pub validation_balanced_accuracy: f64,
    /// Mean cross-entropy of the attacked validation images, where validation attacks.
    pub adversarial_loss: Option<f64>,
    /// Accuracy on them.
    pub adversarial_accuracy: Option<f64>,
    /// Balanced accuracy on them.
    pub adversarial_balanced_accuracy: Option<f64>,
    /// Whether this is the best epoch so far, whose weights `unverified.onnx` and in the end `best.onnx` hold.
    pub best: bool,
    /// How long training and validation took.
    pub seconds: f64,
}

impl EpochRecord {
    /// The record as a line for people.
    #[must_use]
    pub fn line(&self, epochs: usize) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let attacked = self
            .adversarial_accuracy
            .map(|a| format!(", attacked {}", percent(a)))
            .unwrap_or_default();
        format!(
            "epoch {:>2}/{epochs} ({}): loss {:.3}, train {}, validation {}{attacked}, {:.0} s{}",
            self.epoch,
            self.stage,
            self.train_loss,
            percent(self.train_accuracy),
            percent(self.validation_accuracy),
            self.seconds,
            if self.best { ", best" } else { "" },
        )
    }
}

/// The file that the records go to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// An empty log, replacing one that is there.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = write_atomic(path, b"").and_then(|()| File::options().append(true).open(path));
        let file = file.with_context(|| {
            format!(
                "the log {} cannot be written: free some space",
                path.display()
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Begins a log with what was recorded before; the path holds the whole of it, or what it held before.
    pub(super) fn rewrite(path: &Path, records: &[EpochRecord]) -> Result<Self> {
        let mut text = String::new();
        for record in records {
            text += &serde_json::to_string(record)?;
            text.push('\n');
        }
        let refused = || {
            format!(
                "the log {} cannot be written: free some space",
                path.display()
            )
        };
        write_atomic(path, text.as_bytes()).with_context(refused)?;
        let file = File::options()
            .append(true)
            .open(path)
            .with_context(refused)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends a line; it is in the file when this returns.
    pub(super) fn write(&mut self, record: &EpochRecord) -> Result<()> {
        let mut line = serde_json::to_string(record)?;
        line.push('\n');
        // One write per line: a reader that follows the file sees whole lines.
        self.file.write_all(line.as_bytes()).with_context(|| {
            format!(
                "the log {} cannot be written: free some space",
                self.path.display()
            )
        })
    }
}
