//! Licences, sources and known faults of everything that we depend on, by cargo-deny; what holds is in `deny.toml`.

use crate::checkout::Checkout;
use crate::deps::Cache;
use crate::process::{self, Programs};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The release of cargo-deny that is installed where there is none.
const VERSION: &str = "0.20.2";
/// What compiling it takes in the cache, in bytes.
const BYTES: u64 = 1_500_000_000;
/// How cargo-deny begins to say that it could not fetch the list of known faults.
const UNREACHABLE: &str = "failed to fetch advisory database";

/// Carries the stage out.
pub(super) fn run(checkout: &Checkout, programs: &Programs) -> Result<()> {
    let deny = cargo_deny(checkout, programs)?;
    let check = |what: &[&str]| {
        let mut command = programs.command(&deny);
        command
            .current_dir(checkout.root())
            .args(["--log-level", "error", "check"])
            .args(what);
        command
    };
    process::run(&mut check(&["licenses", "bans", "sources"]), "")?;
    let output = process::capture(&mut check(&["advisories"]), "")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains(UNREACHABLE) {
        eprintln!(
            "note: the list of known faults (github.com/RustSec/advisory-db) cannot be reached from here, so dependencies were not compared with it"
        );
    } else if !output.status.success() {
        bail!("dependencies have known faults:\n{said}");
    }
    Ok(())
}

/// cargo-deny: what is installed, or what is compiled now, once for this user.
fn cargo_deny(checkout: &Checkout, programs: &Programs) -> Result<PathBuf> {
    if let Some(path) = programs.find("cargo-deny") {
        return Ok(path);
    }
    let name = format!("cargo-deny-{VERSION}");
    let folder = Cache::of_user()?
        .made_once(&name, BYTES, |folder| install(folder, checkout, programs))
        .context("cargo-deny could not be installed")?;
    Ok(folder.join("bin/cargo-deny"))
}

fn install(folder: &Path, checkout: &Checkout, programs: &Programs) -> Result<()> {
    eprintln!("installing cargo-deny {VERSION} (some minutes)");
    let build = folder.join("build");
    let mut cargo = checkout.cargo(programs);
    // It runs for a second: compiling it fast is worth more.
    cargo
        .args([
            "install",
            "--quiet",
            "--locked",
            "--debug",
            "cargo-deny",
            "--version",
        ])
        .arg(format!("={VERSION}"))
        .args(["--config", "profile.dev.debug=false", "--root"])
        .arg(folder)
        .arg("--target-dir")
        .arg(&build);
    process::run(&mut cargo, "install Rust through rustup")?;
    std::fs::remove_dir_all(&build)
        .with_context(|| format!("{} could not be removed", build.display()))
}
