//! Running the program, and what came of it.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What the program answered.
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    /// Processor time, which does not hang on what else the machine does.
    pub(crate) seconds: f64,
    pub(crate) peak_bytes: u64,
}

/// A process that goes on so long hangs, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs the program, and ends it where it hangs.
pub(crate) fn run(program: &Path, words: &[&str], folder: &Path) -> Result<Answer> {
    let (out, err) = (folder.join(".out"), folder.join(".err"));
    let mut child = Command::new(program)
        .args(words)
        .env_remove("RUST_BACKTRACE")
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()
        .with_context(|| program.display().to_string())?;
    let pid = libc::pid_t::try_from(child.id())?;
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: all of its fields are numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: the process is a child of ours that nobody else waits for.
        let ended = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) };
        if ended != 0 {
            break;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let answer = Answer {
        status: ExitStatus::from_raw(status),
        out: std::fs::read(&out)?,
        err: std::fs::read(&err)?,
        seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        // Linux counts in kibibytes.
        peak_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    };
    std::fs::remove_file(out)?;
    std::fs::remove_file(err)?;
    Ok(answer)
}
