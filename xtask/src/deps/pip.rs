//! Downloading wheels through the user's own pip, so that their index, proxy and certificates are used.

use super::space;
use super::tables::Wheel;
use crate::process::{self, Programs};
use crate::sizes;
use anyhow::{Result, anyhow, bail};
use std::fs;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Downloads one wheel into `work`. pip refuses one with another SHA-256, and shows how much has arrived.
pub(super) fn download(programs: &Programs, wheel: &Wheel, work: &Path) -> Result<PathBuf> {
    let Wheel { project, pin, .. } = wheel;
    eprintln!(
        "fetching {project} {} ({})",
        pin.version,
        sizes::bytes(pin.bytes)
    );
    let wanted = work.join("wanted.txt");
    let line = format!("{project}=={} --hash=sha256:{}\n", pin.version, pin.sha256);
    fs::write(&wanted, line).map_err(|error| space::explain(error, &wanted))?;
    let output = process::capture(&mut command(programs, wheel, &wanted, work), NO_PYTHON)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(explain(&said, wheel, work));
    }
    let path = work.join(wheel.file());
    if !path.exists() {
        bail!("pip saved no {}; it said\n{}", wheel.file(), tail(&said));
    }
    Ok(path)
}

/// The wheel for this one platform and Python, whatever Python runs pip. pip works in `work`, which is on the disk that
/// was checked for room, and does not keep a second copy in its own cache.
fn command(programs: &Programs, wheel: &Wheel, wanted: &Path, work: &Path) -> Command {
    let mut command = programs.command("python3");
    command.args(["-m", "pip", "download", "--no-deps", "--require-hashes"]);
    command.args(["--only-binary=:all:", "--no-cache-dir"]);
    command.args(["--disable-pip-version-check", "--no-input"]);
    command.args([
        "--implementation=cp",
        "--python-version=3.12",
        "--abi=cp312",
    ]);
    command.args(wheel.platforms().map(|tag| format!("--platform={tag}")));
    if stdout().is_terminal() {
        command.stdout(Stdio::inherit());
    } else {
        command.arg("--quiet");
    }
    command.arg("--dest").arg(work).arg("-r").arg(wanted);
    // English messages, of which `explain` knows a few.
    command.env("TMPDIR", work).env("LC_ALL", "C.UTF-8");
    command
}

/// Why pip failed and what to do about it.
fn explain(said: &str, wheel: &Wheel, work: &Path) -> anyhow::Error {
    if said.contains("No module named pip") {
        return anyhow!(
            "python3 has no pip: install it (on Debian and Ubuntu: `apt-get install python3-pip`; elsewhere: \
             `python3 -m ensurepip`) and run `cargo xtask deps` again"
        );
    }
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        return space::full(work);
    }
    let Wheel { project, pin, .. } = wheel;
    let (what, remedy) = if said.contains("DO NOT MATCH THE HASHES") {
        (
            format!("{} arrived broken and was deleted", wheel.file()),
            ": run `cargo xtask deps` again; if it happens again, the package index that pip is configured for serves another file",
        )
    } else if SIGNS_OF_NO_NETWORK.iter().any(|sign| said.contains(sign)) {
        (
            format!(
                "pip could not reach its package index for {project} {}",
                pin.version
            ),
            ": check the network (and `python3 -m pip config list` for the index and proxy) and run `cargo xtask deps` again",
        )
    } else {
        (
            format!("pip could not download {project} {}", pin.version),
            "",
        )
    };
    anyhow!("{what}{remedy}; pip said\n{}", tail(said))
}

/// The last lines of a long text, indented.
fn tail(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.map(|line| format!("    {line}")).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
