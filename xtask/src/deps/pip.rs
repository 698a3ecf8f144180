//! Downloading wheels through the user's own pip, so that their index, proxy and certificates are used.

use super::space;
use super::tables::Wheel;
use crate::process::{self, Programs};
use crate::progress;
use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

const NO_PYTHON: &str = "it brings pip, through which libtorch is fetched; install both (on Debian and Ubuntu: \
                         `apt-get install python3 python3-pip`) and run `cargo xtask deps` again";

/// How pip and Python say that nothing could be reached.
const SIGNS_OF_NO_NETWORK: &[&str] = &[
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "SSLError",
    "Max retries exceeded",
    "Connection refused",
    "Connection reset",
    "Network is unreachable",
    "name resolution",
    "Read timed out",
    "IncompleteRead",
];

/// Downloads one wheel into `work` and checks its SHA-256. A wheel with another one is deleted.
pub(super) fn download(programs: &Programs, wheel: &Wheel, work: &Path) -> Result<PathBuf> {
    let scratch = work.join("scratch");
    let folder = work.join("wheels");
    for folder in [&scratch, &folder] {
        fs::create_dir_all(folder).map_err(|error| space::explain(error, folder))?;
    }
    let mut command = command(programs, wheel, &scratch, &folder);
    let output = watch(&mut command, wheel, &scratch, &folder)?;
    if !output.status.success() {
        return Err(explain(&output, wheel, work));
    }
    let path = folder.join(wheel.file);
    if !path.exists() {
        bail!(
            "pip saved no {}: its output was\n{}",
            wheel.file,
            tail(&String::from_utf8_lossy(&output.stdout))
        );
    }
    check(&path, wheel)?;
    Ok(path)
}

/// The wheel for this one platform and Python, whatever Python runs pip. pip works in `scratch`, which is on the
/// disk that was checked for room, and does not keep a second copy in its own cache.
fn command(programs: &Programs, wheel: &Wheel, scratch: &Path, folder: &Path) -> Command {
    let mut command = programs.command("python3");
    command.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--progress-bar=off",
    ]);
    command.args(["--disable-pip-version-check", "--no-input"]);
    command.args([
        "--implementation=cp",
        "--python-version=3.12",
        "--abi=cp312",
    ]);
    command.args(wheel.platforms().map(|tag| format!("--platform={tag}")));
    command
        .arg("--dest")
        .arg(folder)
        .arg(format!("{}=={}", wheel.project, wheel.version));
    // English messages, of which `explain` knows a few.
    command.env("TMPDIR", scratch).env("LC_ALL", "C.UTF-8");
    command
}

/// Runs pip and shows how much of the wheel has arrived.
fn watch(command: &mut Command, wheel: &Wheel, scratch: &Path, folder: &Path) -> Result<Output> {
    let bar = progress::bytes_bar(&format!("{} {}", wheel.project, wheel.version), wheel.bytes);
    let output = thread::scope(|scope| {
        let (done, finished) = mpsc::channel::<()>();
        let running = scope.spawn(move || {
            let output = process::capture(command, NO_PYTHON);
            drop(done);
            output
        });
        while finished.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
            // While pip copies its download, both are there: the larger one tells how far it is.
            bar.set_position(
                bytes_below(scratch)
                    .max(bytes_below(folder))
                    .min(wheel.bytes),
            );
        }
        running
            .join()
            .map_err(|_| anyhow!("the thread that runs pip ended early"))?
    });
    bar.finish_and_clear();
    output
}

/// The bytes of all files below a folder; those that vanish meanwhile do not count.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// Why pip failed and what to do about it.
fn explain(output: &Output, wheel: &Wheel, work: &Path) -> anyhow::Error {
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if said.contains("No module named pip") {
        return anyhow!(
            "python3 has no pip: install it (on Debian and Ubuntu: `apt-get install python3-pip`; elsewhere: \
             `python3 -m ensurepip`) and run `cargo xtask deps` again"
        );
    }
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        return space::full(work);
    }
    if SIGNS_OF_NO_NETWORK.iter().any(|sign| said.contains(sign)) {
        return anyhow!(
            "pip could not reach its package index for {} {}: check the network (and `python3 -m pip config list` for the \
             index and proxy) and run `cargo xtask deps` again; pip said\n{}",
            wheel.project,
            wheel.version,
            tail(&said)
        );
    }
    anyhow!(
        "pip could not download {} {}; it said\n{}",
        wheel.project,
        wheel.version,
        tail(&said)
    )
}

/// The last lines of a long text, indented.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(6)..];
    last.iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Deletes the file and fails unless its SHA-256 is the pinned one.
fn check(path: &Path, wheel: &Wheel) -> Result<()> {
    let found = sha256(path)?;
    if found != wheel.sha256 {
        fs::remove_file(path)
            .with_context(|| format!("{} could not be removed", path.display()))?;
        bail!(
            "{} arrived broken (SHA-256 {found} instead of {}) and was deleted: run `cargo xtask deps` again; if it happens \
             again, the package index that pip is configured for serves another file",
            wheel.file,
            wheel.sha256
        );
    }
    Ok(())
}

/// The SHA-256 of a file in lower-case hexadecimal.
fn sha256(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => {
                    break Ok(hasher
                        .finalize()
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect());
                }
                count => hasher.update(&buffer[..count]),
            }
        }
    };
    read().with_context(|| format!("{} could not be read", path.display()))
}
