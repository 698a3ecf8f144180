//! The links from a checkout to the cache.

use super::tables::Bundle;
use crate::checkout::Checkout;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Points `.pellucid/<name>` to a folder. An older link is replaced in one step.
pub(crate) fn link(checkout: &Checkout, name: &str, folder: &Path) -> Result<()> {
    let links = checkout.links();
    let link = links.join(name);
    if fs::read_link(&link).is_ok_and(|target| target == folder) {
        return Ok(());
    }
    if link.exists() && !link.is_symlink() {
        bail!(
            "{} is not a link made by this command: move it away and run `cargo xtask deps` again",
            link.display()
        );
    }
    let replace = || -> std::io::Result<()> {
        fs::create_dir_all(&links)?;
        let beside = tempfile::Builder::new()
            .prefix(".link-")
            .make_in(&links, |path| symlink(folder, path))?;
        fs::rename(beside.path(), &link)
    };
    replace().with_context(|| format!("{} could not be made", link.display()))
}

/// Whether the checkout is linked to one of these bundles.
pub(super) fn is_linked(checkout: &Checkout, bundles: &[Bundle]) -> bool {
    bundles.iter().any(|Bundle { place, .. }| {
        let link = checkout.links().join(&place.link);
        fs::read_link(link).is_ok_and(|target| target.ends_with(&place.folder))
    })
}
