//! No command writes over anything it reads.
//!
//! A command says what it is going to write before it reads anything ([`claim`]). From then on, whatever reads a file
//! ([`super::read()`], [`super::open`]) refuses those, under every name and link: a model, the weights beside it, an image in a
//! folder of thousands. Only files that are there can be lost, so only those are looked for.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// Why a command may not write what it says it will.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ClaimError {
    /// Two outputs are one file.
    #[error("{} and {} are one file, and the second output would replace the first: give each a file of its own", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// A folder stands where a file is to be written.
    #[error("{} is a folder: name a file to write to", .0.display())]
    Folder(PathBuf),
    /// There is no folder to write the file into.
    #[error("{} cannot be written: there is no folder {}", .0.display(), .1.display())]
    NoFolder(PathBuf, PathBuf),
}

/// Files that are going to be written, until this is dropped.
#[derive(Debug)]
#[must_use = "the files may be read again as soon as this is dropped"]
pub struct Claim(usize);

/// A file, by its place and by what the file system knows it as.
struct Identity {
    place: PathBuf,
    inode: Option<(u64, u64)>,
}

impl Identity {
    fn is(&self, other: &Self) -> bool {
        self.place == other.place || (self.inode.is_some() && self.inode == other.inode)
    }
}

struct Claimed {
    identity: Identity,
    by: usize,
}

struct Claims {
    claimed: Vec<Claimed>,
    next: usize,
}

static CLAIMS: Mutex<Claims> = Mutex::new(Claims {
    claimed: vec![],
    next: 0,
});

fn claims() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says which files are going to be written. Devices and pipes may be named, and named twice.
///
/// # Errors
/// See [`ClaimError`].
pub fn claim(outputs: &[PathBuf]) -> Result<Claim, ClaimError> {
    let mut found: Vec<(Identity, &PathBuf, bool)> = vec![];
    for output in outputs {
        let (identity, exists) = match fs::metadata(output) {
            Ok(there) if there.is_dir() => return Err(ClaimError::Folder(output.clone())),
            Ok(there) if !there.is_file() => continue,
            Ok(there) => (identity(output, &there), true),
            Err(_) => (missing(output)?, false),
        };
        if let Some((_, other, _)) = found.iter().find(|(other, ..)| other.is(&identity)) {
            return Err(ClaimError::Twice((*other).clone(), output.clone()));
        }
        found.push((identity, output, exists));
    }
    let mut claims = claims();
    let by = claims.next;
    claims.next += 1;
    let there = found.into_iter().filter(|(_, _, exists)| *exists);
    claims
        .claimed
        .extend(there.map(|(identity, ..)| Claimed { identity, by }));
    Ok(Claim(by))
}

impl Drop for Claim {
    fn drop(&mut self) {
        claims().claimed.retain(|claimed| claimed.by != self.0);
    }
}

/// Whether the file at this path is one that is going to be written.
#[must_use]
pub fn is_claimed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| holds(path, &there))
}

pub(super) fn holds(path: &Path, there: &Metadata) -> bool {
    let claims = claims();
    if claims.claimed.is_empty() {
        return false;
    }
    let identity = identity(path, there);
    claims
        .claimed
        .iter()
        .any(|claimed| claimed.identity.is(&identity))
}

/// A file has been replaced or removed: what stands at its path, or comes to bear its number in the file system, is new.
pub(super) fn release(path: &Path) {
    let mut claims = claims();
    if !claims.claimed.is_empty() {
        let place = place(path);
        claims.claimed.retain(|old| old.identity.place != place);
    }
}

fn identity(path: &Path, there: &Metadata) -> Identity {
    Identity {
        place: place(path),
        inode: inode(there),
    }
}

#[cfg(unix)]
fn inode(there: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn inode(_there: &Metadata) -> Option<(u64, u64)> {
    None
}

/// The real path, where the file itself or its folder can be found.
fn place(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = fs::canonicalize(folder_of(path)).ok()?;
        Some(folder.join(path.file_name()?))
    };
    let whole = fs::canonicalize(path).ok();
    whole.or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// A file that is not there yet.
fn missing(path: &Path) -> Result<Identity, ClaimError> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(ClaimError::NoFolder(path.to_owned(), folder.to_owned()));
    }
    Ok(Identity {
        place: place(path),
        inode: None,
    })
}

/// The folder that a path names a file in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
