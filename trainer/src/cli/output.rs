//! Text and JSON for standard output, notes for standard error, and files.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use pellucid_shared::{files, said};
use serde::Serialize;

/// Writes text to standard output, with what steers a terminal made visible. Unlike `println!`, a reader that has gone away is
/// an error and no panic.
pub(super) fn print(text: &str) -> Result<()> {
    write_out(&said::visible(text))
}

fn write_out(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a value as indented JSON to standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    write_out(&format!("{}\n", said::visible_json(&json)))
}

/// Says on standard error what the user should know although the job went well.
pub(super) fn note(text: &str) {
    // Nothing is lost but the note where standard error is closed.
    let _ = writeln!(io::stderr(), "note: {}", said::sentence(text));
}

/// Whether the reader of standard output has gone away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}

/// Writes a file all or nothing.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    files::write_atomic(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// A file that findings are appended to, a line of JSON each, as soon as they are there.
#[cfg(feature = "torch")]
pub(super) struct Record {
    path: std::path::PathBuf,
    file: std::fs::File,
}

#[cfg(feature = "torch")]
impl Record {
    pub(super) fn open(path: std::path::PathBuf) -> Result<Self> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Appends a finding of a stage.
    pub(super) fn add(&self, stage: &str, finding: &impl Serialize) -> Result<()> {
        #[derive(Serialize)]
        struct Line<'a, F> {
            stage: &'a str,
            #[serde(flatten)]
            finding: &'a F,
        }
        let line = serde_json::to_string(&Line { stage, finding })? + "\n";
        (&self.file)
            .write_all(line.as_bytes())
            .with_context(|| format!("cannot write {}: free some space", self.path.display()))
    }
}

/// A size for people: decimal units, as disks and file managers state it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(44_713_000), "44.7 MB");
    }
}
