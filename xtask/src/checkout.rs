//! Where things lie in this checkout.

use crate::process::{self, Programs};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What we read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// One checkout of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that `cargo xtask` was called in.
    pub(crate) fn here() -> Result<Self> {
        // Cargo sets the variable for `cargo run`; the constant serves a binary that is called by its path.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask lies in no folder")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The checkout whose top folder is `root`.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of links into the user's cache; `.cargo/config.toml` names it.
    pub(crate) fn links(&self) -> PathBuf {
        self.root.join(".pellucid")
    }

    /// What `.cargo/config.toml` sets under `[env]`, as cargo hands it on.
    pub(crate) fn configured_variables(&self) -> [(&'static str, OsString); 3] {
        [
            ("LIBTORCH", self.links().join("libtorch").into()),
            (
                "ORT_DYLIB_PATH",
                self.links().join("onnxruntime/libonnxruntime.so").into(),
            ),
            ("OMP_WAIT_POLICY", "passive".into()),
        ]
    }

    /// The cargo that runs us, in this checkout.
    pub(crate) fn cargo(&self, programs: &Programs) -> Command {
        let mut command =
            programs.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.root());
        // The outer cargo has put `.cargo/config.toml`'s `[env]` into our environment. The inner one reads that file
        // itself; inherited values look like the user's own, and build scripts would run again for them.
        for (name, value) in self.configured_variables() {
            if std::env::var_os(name).is_some_and(|given| given == value) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The folder that cargo builds into, wherever the user has put it.
    pub(crate) fn target_folder(&self, programs: &Programs) -> Result<PathBuf> {
        let mut command = self.cargo(programs);
        command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
        let output = process::capture(&mut command, "install Rust through rustup")?;
        let metadata: Metadata = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )
        })?;
        Ok(metadata.target_directory)
    }
}
