//! A Python environment in which PyPI's torch runs on a CPU without NVIDIA's two gigabytes.

use crate::deps;
use crate::process::{self, Programs};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the environment takes on the disk, and pip's downloads while it is made.
pub(super) const BYTES: u64 = 2_600_000_000;

/// The Pythons that `requirements.txt` has hashes for, the user's own choice first.
const PYTHONS: &[&str] = &["python3", "python3.12", "python3.11", "python3.13"];
const VERSIONS: std::ops::RangeInclusive<u32> = 11..=13;

/// Libraries of NVIDIA that torch's extension module is linked against. A CPU calls nothing in them, so that empty
/// ones under their names will do.
const STAND_INS: &[&str] = &[
    "libcublas.so.13",
    "libcublasLt.so.13",
    "libcudnn.so.9",
    "libcufft.so.12",
    "libcufile.so.0",
    "libcurand.so.10",
    "libcusparse.so.12",
    "libcusparseLt.so.0",
    "libnccl.so.2",
    "libnvshmem_host.so.3",
];
/// Python binds every symbol of an extension when it loads it; what the empty libraries lack must wait until it is
/// called, which is never. Python runs this line at every start.
const LAZY: &str = "import os, sys; sys.setdlopenflags(os.RTLD_LAZY)\n";

/// Makes the environment in `folder`, which is empty.
pub(super) fn environment(folder: &Path, requirements: &Path, programs: &Programs) -> Result<()> {
    let python = find(programs)?;
    deps::check_cpp_compiler(programs)?;
    let mut venv = programs.command(&python);
    venv.args(["-m", "venv"]).arg(folder);
    let remedy = "install Python 3.11, 3.12 or 3.13";
    process::run(&mut venv, remedy).context(
        "Python cannot make virtual environments: install its module (on Debian and Ubuntu: `apt-get install python3-venv`) and \
         run `cargo xtask reference` again",
    )?;
    let python = folder.join("bin/python");
    eprintln!("installing Python packages (650 MB to download)");
    let mut pip = programs.command(&python);
    pip.args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:"])
        .args([
            "--require-hashes",
            "--no-cache-dir",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--quiet", "--no-compile", "--requirement"])
        .arg(requirements)
        .env("TMPDIR", folder);
    process::run(&mut pip, remedy).context(
        "pip could not install the packages: check the network (and `python3 -m pip config list` for the index and proxy) and \
         run `cargo xtask reference` again",
    )?;
    let packages = packages(programs.command(&python))?;
    for name in STAND_INS {
        stand_in(&packages.join("torch/lib").join(name), name, programs)?;
    }
    fs::write(packages.join("pellucid.pth"), LAZY).context("pellucid.pth could not be written")?;
    let mut trial = programs.command(&python);
    trial.args([
        "-c",
        "import torch, torchvision, onnx, onnxscript, onnxruntime",
    ]);
    process::run(&mut trial, remedy).context("the packages do not run on this machine")
}

/// The first Python that the packages have wheels for.
fn find(programs: &Programs) -> Result<PathBuf> {
    let mut found = vec![];
    for python in PYTHONS.iter().filter_map(|name| programs.find(name)) {
        let mut command = programs.command(&python);
        command.args(["-c", "import sys; print(sys.version_info.minor)"]);
        let output = process::capture(&mut command, "install Python")?;
        match process::printed(&output.stdout)?.parse::<u32>() {
            Ok(minor) if VERSIONS.contains(&minor) => return Ok(python),
            Ok(minor) => found.push(format!("3.{minor}")),
            Err(_) => {}
        }
    }
    let there = if found.is_empty() {
        "none was found".to_owned()
    } else {
        format!("found {}", found.join(", "))
    };
    bail!(
        "the reference values need Python 3.11, 3.12 or 3.13 ({there}): install one (on Debian and Ubuntu: `apt-get install \
         python3 python3-venv`) and run `cargo xtask reference` again"
    )
}

/// Where an environment keeps its packages.
fn packages(mut python: Command) -> Result<PathBuf> {
    python.args([
        "-c",
        "import sysconfig; print(sysconfig.get_path('platlib'))",
    ]);
    let output = process::capture(&mut python, "install Python")?;
    Ok(process::printed(&output.stdout)?.into())
}

/// An empty shared library that answers to `name`.
fn stand_in(path: &Path, name: &str, programs: &Programs) -> Result<()> {
    let mut compiler = programs.command("c++");
    compiler
        .args(["-shared", "-x", "c++", "/dev/null"])
        .arg(format!("-Wl,-soname,{name}"))
        .arg("-o")
        .arg(path);
    process::run(&mut compiler, "install a C++ compiler")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn python(folder: &Path, name: &str, minor: u32) {
        let beside = folder.join(format!("{name}.new"));
        fs::write(&beside, format!("#!/bin/sh\necho {minor}\n")).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, folder.join(name)).unwrap();
    }

    #[test]
    fn a_python_with_wheels_is_chosen_and_its_lack_explained() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::only_in(folder.path());
        let error = find(&programs).unwrap_err().to_string();
        assert!(
            error.contains("none was found") && error.contains("python3-venv"),
            "{error}"
        );
        python(folder.path(), "python3", 9);
        let error = find(&programs).unwrap_err().to_string();
        assert!(error.contains("found 3.9"), "{error}");
        python(folder.path(), "python3.11", 11);
        assert_eq!(find(&programs).unwrap(), folder.path().join("python3.11"));
        python(folder.path(), "python3", 13);
        assert_eq!(find(&programs).unwrap(), folder.path().join("python3"));
    }
}
