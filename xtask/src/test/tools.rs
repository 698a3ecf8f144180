//! Programs that the tests need besides Rust's.

use crate::checkout::Checkout;
use crate::process::{self, Programs};
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node.js that playwright-core runs on.
const OLDEST_NODE: u32 = 20;

/// Whether `cargo nextest` is installed.
pub(super) fn has_nextest(checkout: &Checkout, programs: &Programs) -> bool {
    let output = checkout
        .cargo(programs)
        .args(["nextest", "--version"])
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// Fails unless Node.js is there and new enough, and npm with it.
pub(crate) fn check_node(programs: &Programs) -> Result<()> {
    let remedy = format!(
        "the browser's tests need Node.js {OLDEST_NODE} or newer with npm: install it (nodejs.org, or your system's packages), or pass --no-browser"
    );
    let output = process::capture(programs.command("node").arg("--version"), &remedy)?;
    let version = process::printed(&output.stdout)?;
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|digits| digits.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_NODE) {
        bail!("node is {version}: {remedy}");
    }
    process::capture(programs.command("npm").arg("--version"), &remedy)?;
    Ok(())
}

/// The browser: what `CHROMIUM` names, or what is installed, or installed now where that can be done without a question.
pub(crate) fn chromium(programs: &Programs) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("CHROMIUM names {}, which is not there", path.display());
        }
        return Ok(path);
    }
    if let Some(path) = installed(programs) {
        return Ok(path);
    }
    if !may_install(programs) {
        bail!(
            "Chromium was not found: install it (on Debian: `apt-get install chromium`), or set CHROMIUM to its path, or pass --no-browser"
        );
    }
    install(&["chromium"], programs)?;
    installed(programs)
        .context("apt-get installed Chromium, but no program of that name is on the PATH")
}

/// The second browser: what `FIREFOX` names, or what is installed, or installed now where that can be done without a question.
pub(super) fn firefox(programs: &Programs) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FIREFOX") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("FIREFOX names {}, which is not there", path.display());
        }
        return Ok(path);
    }
    let installed = || {
        ["firefox-esr", "firefox"]
            .iter()
            .find_map(|name| programs.find(name))
    };
    if let Some(path) = installed() {
        return Ok(path);
    }
    if !may_install(programs) {
        bail!(
            "Firefox was not found: install it (on Debian: `apt-get install firefox-esr`), or set FIREFOX to its path, or pass --no-browser"
        );
    }
    install(&["firefox-esr"], programs)?;
    installed().context("apt-get installed Firefox, but no program of that name is on the PATH")
}

/// The web servers whose settings docs/embedding.md shows.
pub(super) fn web_servers(programs: &Programs) -> Result<()> {
    let places = ["/usr/sbin", "/usr/local/sbin"].map(Path::new);
    let missing = |name: &&str| {
        programs.find(name).is_none() && !places.iter().any(|place| place.join(name).is_file())
    };
    if !["nginx", "apache2"].iter().any(missing) {
        return Ok(());
    }
    if !may_install(programs) {
        bail!(
            "nginx or Apache was not found: install them (on Debian: `apt-get install nginx-light apache2-bin`), or pass --no-browser"
        );
    }
    install(&["nginx-light", "apache2-bin"], programs)
}

/// Whether programs can be installed without a question.
fn may_install(programs: &Programs) -> bool {
    rustix::process::geteuid().is_root() && programs.find("apt-get").is_some()
}

fn install(packages: &[&str], programs: &Programs) -> Result<()> {
    eprintln!("installing {}", packages.join(", "));
    let apt_get = |words: &[&str]| -> Command {
        let mut command = programs.command("apt-get");
        // In runlevel 1 no service is started (invoke-rc.d(8)).
        command
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1");
        command
    };
    process::run(&mut apt_get(&["update", "-q"]), "")?;
    let words = [&["install", "-qy", "--no-install-recommends"], packages].concat();
    process::run(&mut apt_get(&words), "")
}

fn installed(programs: &Programs) -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .find_map(|name| programs.find(name))
}

/// Installs the tests' own packages as the lock file says, unless they are there.
pub(crate) fn install_packages(folder: &Path, programs: &Programs) -> Result<()> {
    let mut npm = programs.command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder);
    process::run(&mut npm, "install npm").map_err(|error| {
        anyhow!("{error:#}: check the network (and `npm config list` for the registry and proxy) and run the command again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn program(folder: &Path, name: &str, script: &str) {
        let beside = folder.join(format!("{name}.new"));
        fs::write(&beside, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, folder.join(name)).unwrap();
    }

    #[test]
    fn node_must_be_there_and_new_enough() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::only_in(folder.path());
        let check = || check_node(&programs).map_err(|error| error.to_string());
        assert!(check().unwrap_err().contains("node was not found"));
        program(folder.path(), "node", "echo v18.19.0");
        assert!(check().unwrap_err().contains("node is v18.19.0"));
        program(folder.path(), "node", "echo v22.1.0");
        assert!(check().unwrap_err().contains("npm was not found"));
        program(folder.path(), "npm", "echo 10.0.0");
        check().unwrap();
    }

    #[test]
    fn the_browser_is_found_under_its_usual_names() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::only_in(folder.path());
        assert_eq!(installed(&programs), None);
        program(folder.path(), "chromium-browser", "");
        assert_eq!(
            installed(&programs),
            Some(folder.path().join("chromium-browser"))
        );
    }
}
