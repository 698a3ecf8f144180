//! The user's cache folder: whole bundles, or none.

use super::tables::Bundle;
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

    /// The folder of a bundle, which is downloaded and unpacked unless it is there: made of these very wheels, every file in
    /// its full size.
    pub(super) fn bundle(&self, bundle: &Bundle, programs: &Programs) -> Result<PathBuf> {
        let wheels: BTreeMap<_, _> = bundle
            .wheels
            .iter()
            .map(|wheel| (wheel.file(), wheel.pin.sha256.clone()))
            .collect();
        let place = &bundle.place;
        let largest = bundle.wheels.iter().map(|wheel| wheel.pin.bytes).max();
        // pip keeps its download until it has copied it to where we want it.
        let needed = 2 * largest.unwrap_or(0) + place.kept_bytes;
        self.made(
            &place.folder,
            needed,
            |folder| is_whole(folder, &wheels),
            |tree| {
                let mut files = BTreeMap::new();
                for wheel in &bundle.wheels {
                    let work = tempfile::tempdir_in(tree.parent().unwrap_or(tree))
                        .map_err(|error| space::explain(error, tree))?;
                    let archive = pip::download(programs, wheel, work.path())?;
                    files.extend(archive::unpack(&archive, wheel, tree)?);
                }
                for (path, content) in &place.written {
                    write(&tree.join(path), content.as_bytes())?;
                    files.insert(path.clone(), content.len() as u64);
                }
                let marker = Marker {
                    wheels: wheels.clone(),
                    files,
                };
                let json =
                    serde_json::to_vec(&marker).context("the marker cannot be written as JSON")?;
                write(&tree.join(MARKER), &json)
            },
        )
    }

    /// A folder that `make` fills, made once: later calls find it by its name, which must therefore change with whatever
    /// its content depends on. `make` is given an empty folder beside; on an error the cache is as it was.
    pub(crate) fn made_once(
        &self,
        name: &str,
        needed_bytes: u64,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        self.made(name, needed_bytes, Path::is_dir, make)
    }

    /// As [`Cache::made_once`]; what is there and not `whole` is made anew, and changes places with the new folder in one
    /// step.
    fn made(
        &self,
        name: &str,
        needed_bytes: u64,
        whole: impl Fn(&Path) -> bool,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let place = self.folder.join(name);
        if whole(&place) {
            return Ok(place);
        }
        let _lock = self.lock()?;
        // Whoever held the lock before us may have made it.
        if whole(&place) {
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
        put(&tree, &place)
            .with_context(|| format!("{} could not be put in place", place.display()))?;
        Ok(place)
    }

    /// Waits until no other process writes to the cache. The kernel lets go of the lock when the file is closed or the process
    /// ends, however it ends.
    fn lock(&self) -> Result<File> {
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
        locked().with_context(|| {
            format!(
                "the cache cannot be written at {}: set XDG_CACHE_HOME to a folder that can",
                self.folder.display()
            )
        })
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

/// Whether a folder's marker names these wheels, and every file that it names is there in its full size.
fn is_whole(folder: &Path, wheels: &BTreeMap<String, String>) -> bool {
    let marker = fs::read(folder.join(MARKER)).ok();
    let marker: Option<Marker> = marker.and_then(|json| serde_json::from_slice(&json).ok());
    let is_there = |(path, size): (&String, &u64)| {
        fs::metadata(folder.join(path)).is_ok_and(|file| file.len() == *size)
    };
    marker.is_some_and(|marker| marker.wheels == *wheels && marker.files.iter().all(is_there))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| space::explain(error, path))
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
