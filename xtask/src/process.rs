//! Other programs, called by name.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Output};

/// What chooses the libtorch-free trainer. The workspace's other crates stay in, so that what they share with it keeps its
/// features and is not compiled again.
pub(crate) const WITHOUT_TORCH: &str = "--workspace --exclude pellucid-tests --no-default-features";

/// The folders in which programs are looked up: `PATH` as the user set it. Carried as a value, so that a test can
/// give its own without touching the process's environment.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    search_path: OsString,
}

impl Programs {
    /// The programs on the user's `PATH`.
    pub(crate) fn on_path() -> Self {
        Self {
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// The programs in one folder and nowhere else.
    #[cfg(test)]
    pub(crate) fn only_in(folder: &Path) -> Self {
        Self {
            search_path: folder.into(),
        }
    }

    /// A command that is looked up in these folders, as are the programs it calls itself.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.search_path);
        command
    }

    /// Where a program lies, if it is there.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.search_path)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
    }
}

/// Runs a command to its end and captures what it prints. A program that is not there is an error that ends with `remedy`.
pub(crate) fn capture(command: &mut Command, remedy: &str) -> Result<Output> {
    command
        .output()
        .map_err(|error| missing(command, error, remedy))
}

/// Runs a command to its end, its output going where ours goes; an exit status other than 0 is an error.
pub(crate) fn run(command: &mut Command, remedy: &str) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| missing(command, error, remedy))?;
    if !status.success() {
        bail!("`{}` failed ({status})", spoken(command));
    }
    Ok(())
}

/// What went wrong when a program could not be started at all.
pub(crate) fn missing(command: &Command, error: std::io::Error, remedy: &str) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        anyhow::anyhow!("{program} was not found: {remedy}")
    } else {
        anyhow::Error::new(error).context(format!("{program} could not be started"))
    }
}

/// A command as one would type it.
pub(crate) fn spoken(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a command printed, as text, without the white space around it.
pub(crate) fn printed(output: &[u8]) -> Result<&str> {
    Ok(std::str::from_utf8(output)
        .context("the output is not UTF-8")?
        .trim())
}
