//! Room on the disk.

use crate::sizes;
use anyhow::{Context, Result, anyhow, bail};
use std::io;
use std::path::Path;

/// Fails when the file system of `folder` has fewer than `needed` bytes free for this user.
pub(super) fn check(folder: &Path, needed: u64) -> Result<()> {
    let system = rustix::fs::statvfs(folder)
        .with_context(|| format!("{} cannot be examined", folder.display()))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free < needed {
        bail!(
            "{} has {} free and {} are needed while unpacking: make room, or set XDG_CACHE_HOME to a folder on another disk, \
             and run `cargo xtask deps` again",
            folder.display(),
            sizes::bytes(free),
            sizes::bytes(needed)
        );
    }
    Ok(())
}

/// An error of writing `path`, with the remedy when the disk is full.
pub(super) fn explain(error: io::Error, path: &Path) -> anyhow::Error {
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        return full(path);
    }
    anyhow::Error::new(error).context(format!("{} could not be written", path.display()))
}

/// The disk filled up while something was written to `path`.
pub(super) fn full(path: &Path) -> anyhow::Error {
    anyhow!(
        "the disk is full while {} is written (nothing half-written is left): make room, or set XDG_CACHE_HOME to a folder on \
         another disk, and run `cargo xtask deps` again",
        path.display()
    )
}
