//! The links from a checkout to the cache.

use super::tables::{self, Bundle, Flavour};
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
            "{} is no link that this command made: move it away and run `cargo xtask deps` again",
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

/// The flavour of the libtorch that the checkout is linked to; CPU where there is none yet.
pub(super) fn linked_flavour(checkout: &Checkout) -> Flavour {
    let is_cuda = |bundle: &Bundle| {
        fs::read_link(checkout.links().join(bundle.link))
            .is_ok_and(|target| target.ends_with(bundle.folder))
    };
    if tables::bundles(Flavour::Cuda).iter().any(is_cuda) {
        Flavour::Cuda
    } else {
        Flavour::Cpu
    }
}
