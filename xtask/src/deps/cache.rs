//! The user's cache folder: whole bundles, or none.

use super::tables::{Bundle, Wheel};
use super::{archive, pip, space};
use crate::process::Programs;
use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Folders being made start with this, so that those of a killed run are known as rubbish.
const UNFINISHED: &str = ".unfinished-";
/// The file that a bundle is not complete without.
const MARKER: &str = "pellucid-bundle.json";

/// `pellucid/` in the user's cache folder.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// Held by the one process that may write to the cache; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// What a complete bundle was made of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// SHA-256 of each wheel by its file name.
    wheels: BTreeMap<String, String>,
    /// Size in bytes of each file by its path.
    files: BTreeMap<String, u64>,
}

impl Cache {
    /// The cache of the user who runs this: `$XDG_CACHE_HOME/pellucid`, or `~/.cache/pellucid`.
    pub(crate) fn of_user() -> Result<Self> {
        let folder = dirs::cache_dir()
            .context("your cache folder is unknown: set HOME or XDG_CACHE_HOME")?;
        Ok(Self {
            folder: folder.join("pellucid"),
        })
    }

    /// The cache in `folder`.
    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The bundle's folder, if it is complete: made of these very wheels, every file there in its full size.
    pub(super) fn complete(&self, bundle: &Bundle) -> Option<PathBuf> {
        let folder = self.folder.join(bundle.folder);
        let marker: Marker = serde_json::from_slice(&fs::read(folder.join(MARKER)).ok()?).ok()?;
        let whole = |(path, size): (&String, &u64)| {
            fs::metadata(folder.join(path)).is_ok_and(|file| file.len() == *size)
        };
        (marker.wheels == hashes(bundle) && marker.files.iter().all(whole)).then_some(folder)
    }

    /// A folder that `make` fills, made once: later calls find it by its name, which must therefore change with whatever
    /// its content depends on. `make` is given an empty folder beside; on an error the cache is as it was.
    pub(crate) fn made_once(
        &self,
        name: &str,
        needed_bytes: u64,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let place = self.folder.join(name);
        if place.is_dir() {
            return Ok(place);
        }
        let _lock = self.lock()?;
        // Whoever held the lock before us may have made it.
        if place.is_dir() {
            return Ok(place);
        }
        self.remove_rubbish()?;
        space::check(&self.folder, needed_bytes)?;
        let work = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.folder)
            .map_err(|error| space::explain(error, &self.folder))?;
        let tree = work.path().join("tree");
        fs::create_dir(&tree).map_err(|error| space::explain(error, &tree))?;
        make(&tree)?;
        // On the disk before it has its name, so that a crash leaves no half of it under that name.
        rustix::fs::syncfs(File::open(&tree)?).map_err(|e| space::explain(e.into(), &tree))?;
        fs::rename(&tree, &place)
            .with_context(|| format!("{} could not be put in place", place.display()))?;
        Ok(place)
    }

    /// Waits until no other process writes to the cache.
    pub(super) fn lock(&self) -> Result<Lock> {
        let path = self.folder.join(".lock");
        let locked = || -> Result<File> {
            fs::create_dir_all(&self.folder)?;
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    eprintln!("waiting for another `cargo xtask deps` to finish");
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            Ok(file)
        };
        let file = locked().with_context(|| {
            format!(
                "the cache cannot be written at {}: set XDG_CACHE_HOME to a folder that can",
                self.folder.display()
            )
        })?;
        Ok(Lock { _file: file })
    }

    /// Downloads and unpacks a bundle beside its place and moves it there in one step, over whatever was there before.
    /// On an error the cache is as it was.
    pub(super) fn bring(
        &self,
        _lock: &Lock,
        bundle: &Bundle,
        programs: &Programs,
    ) -> Result<PathBuf> {
        self.remove_rubbish()?;
        space::check(&self.folder, needed_bytes(bundle))?;
        let work = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.folder)
            .map_err(|error| space::explain(error, &self.folder))?;
        let tree = work.path().join("tree");
        let mut files = BTreeMap::new();
        for wheel in bundle.wheels {
            let path = pip::download(programs, wheel, work.path())?;
            files.extend(archive::unpack(&path, wheel, &tree)?);
            fs::remove_file(&path)
                .with_context(|| format!("{} could not be removed", path.display()))?;
        }
        for (path, content) in bundle.written {
            let path_there = tree.join(path);
            fs::write(&path_there, content).map_err(|error| space::explain(error, &path_there))?;
            files.insert((*path).to_owned(), content.len() as u64);
        }
        finish(
            &tree,
            &Marker {
                wheels: hashes(bundle),
                files,
            },
        )?;
        let place = self.folder.join(bundle.folder);
        put(&tree, &place)
            .with_context(|| format!("{} could not be put in place", place.display()))?;
        Ok(place)
    }

    /// Removes what killed runs left. Only for the holder of the lock.
    fn remove_rubbish(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_dir_all(entry.path())
                    .with_context(|| format!("{} could not be removed", entry.path().display()))?;
            }
        }
        Ok(())
    }
}

/// The most that the disk holds at one time: pip keeps its download until it has copied it to where we want it.
fn needed_bytes(bundle: &Bundle) -> u64 {
    let largest = bundle
        .wheels
        .iter()
        .map(|wheel| wheel.bytes)
        .max()
        .unwrap_or(0);
    2 * largest + bundle.kept_bytes
}

fn hashes(bundle: &Bundle) -> BTreeMap<String, String> {
    let pair = |wheel: &Wheel| (wheel.file.to_owned(), wheel.sha256.to_owned());
    bundle.wheels.iter().map(pair).collect()
}

/// Writes the marker and waits until all of it is on the disk, so that a marker never outlives its files in a crash.
fn finish(tree: &Path, marker: &Marker) -> Result<()> {
    let path = tree.join(MARKER);
    let json = serde_json::to_vec(marker).context("the marker cannot be written as JSON")?;
    fs::write(&path, json).map_err(|error| space::explain(error, &path))?;
    let folder = File::open(tree)?;
    rustix::fs::syncfs(&folder).map_err(|error| space::explain(error.into(), tree))
}

/// Moves `tree` to `place`. What was there changes places with it in the same step and goes with the work folder, so
/// that a build running meanwhile finds a whole folder at every moment.
fn put(tree: &Path, place: &Path) -> std::io::Result<()> {
    match rustix::fs::renameat_with(CWD, tree, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::NOENT) => fs::rename(tree, place),
        // Not every file system can exchange (NFS cannot).
        Err(_) => {
            fs::remove_dir_all(place)?;
            fs::rename(tree, place)
        }
    }
}
