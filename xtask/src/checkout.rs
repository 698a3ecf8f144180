//! Where things lie in this checkout.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

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
}
