//! A chore that runs beside the stages, because it mostly waits for the network or keeps one core busy.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read, Seek, copy, stderr};
use std::process::{Child, Command, Stdio};

/// A chore of this program in a process of its own. What it says is kept until [`Aside::finish`].
pub(super) struct Aside {
    child: Child,
    said: File,
}

impl Aside {
    /// Starts the chore.
    pub(super) fn start(chore: &str) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own file is not known")?;
        let mut command = Command::new(program);
        Self::spawn(command.arg(chore))
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let said = tempfile::tempfile().context("no temporary file can be made")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()
            .with_context(|| format!("{command:?} could not be started"))?;
        Ok(Self { child, said })
    }

    /// Waits for the chore's end and hands on what it has said.
    ///
    /// # Errors
    /// Where the chore failed.
    pub(super) fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        self.said.rewind()?;
        copy(&mut self.said.by_ref(), &mut stderr())?;
        if !status.success() {
            bail!("it ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_chore_ends_is_handed_on() {
        Aside::spawn(&mut Command::new("true"))
            .unwrap()
            .finish()
            .unwrap();
        let failed = Aside::spawn(&mut Command::new("false")).unwrap().finish();
        assert!(failed.unwrap_err().to_string().contains("exit status: 1"));
    }
}
