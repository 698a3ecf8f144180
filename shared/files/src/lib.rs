//! What comes from strangers and goes to a disk.
//!
//! Files are written so that nobody ever sees half of one, and read only where they are files.
//!
//! The bytes go to a temporary file beside the target, reach the disk, and only then take the target's name. Whoever
//! opens the target sees the old file or the new one, also when the disk fills or the power fails half-way. What a killed
//! process left is removed by the next ([`sweep`]), and what a command is going to write it does not read ([`claim()`]).
//! [`kind`] tells what a file is by its bytes, [`said`] how a stranger's names stand in messages, [`guard`] where a library's panics end.

mod claim;
pub mod guard;
pub mod kind;
mod read;
pub mod said;
mod temporary;
#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub use claim::{Claim, ClaimError, claim, is_claimed};
pub use read::{Unreadable, open, read, read_beginning, read_text};
use temporary::Temporary;
pub use temporary::{abandon, sweep};

/// Writes `bytes` to `path`, replacing what was there, all or nothing.
///
/// # Errors
/// Whatever the operating system answers (no such folder, no permission, disk full, ...). The target is then as it was,
/// and no temporary file remains.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], for content that is produced piece by piece; the writer it hands out is buffered.
///
/// # Errors
/// The error that `fill` returns, or the operating system's. The target is then as it was, and no temporary file remains.
pub fn write_atomic_with<F>(path: &Path, fill: F) -> io::Result<()>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    match fs::metadata(path) {
        // A pipe or a device such as /dev/stdout cannot be replaced, only written to.
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let mut device = BufWriter::new(OpenOptions::new().write(true).open(path)?);
            fill(&mut device)?;
            device.flush()
        }
        // Through a symbolic link the file it points to is replaced, not the link.
        Ok(_) => replace(&fs::canonicalize(path)?, fill),
        Err(_) => replace(path, fill),
    }
}

/// As [`write_atomic_with`], and before the file takes its name, `check` may read it under its temporary one and refuse.
///
/// # Errors
/// The operating system's, or that of `fill` or `check`. The target is then as it was, and no temporary file remains.
/// A device or pipe cannot be read back, and is refused.
pub fn write_checked<T, E, F, C>(path: &Path, fill: F, check: C) -> Result<T, E>
where
    E: From<io::Error>,
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
    C: FnOnce(&Path) -> Result<T, E>,
{
    let target = ordinary(path)?;
    let temporary = fill_beside(&target, fill)?;
    let result = check(&temporary.path)?;
    name([(temporary, target.as_path())])?;
    Ok(result)
}

/// Writes two files of which the second refers to the first, each all or nothing: both are whole and on disk before the
/// first takes its name, and then the second.
///
/// # Errors
/// Whatever the operating system answers. No temporary file remains, and where writing failed, both paths hold what they
/// held. A device or pipe is refused: the second file could not find the first there.
pub fn write_both<F, G>(first: (&Path, F), second: (&Path, G)) -> io::Result<()>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
    G: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    let targets = (ordinary(first.0)?, ordinary(second.0)?);
    let one = fill_beside(&targets.0, first.1)?;
    let other = fill_beside(&targets.1, second.1)?;
    name([(one, targets.0.as_path()), (other, targets.1.as_path())])
}

/// The file to replace: where a link points to. Devices and pipes cannot be replaced.
fn ordinary(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let kind = io::ErrorKind::InvalidInput;
            Err(io::Error::new(kind, "is not an ordinary file"))
        }
        Ok(_) => fs::canonicalize(path),
        Err(_) => Ok(path.to_owned()),
    }
}

fn replace<F>(target: &Path, fill: F) -> io::Result<()>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    name([(fill_beside(target, fill)?, target)])
}

/// A temporary file beside the target whose content is whole and on disk.
fn fill_beside<F>(target: &Path, fill: F) -> io::Result<Temporary>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    if target.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"));
    }
    let temporary = Temporary::beside(target)?;
    let mut buffered = BufWriter::new(&temporary.file);
    fill(&mut buffered)?;
    // `into_inner` flushes; an error of the last flush must not be lost in a drop.
    buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    temporary.file.sync_all()?;
    Ok(temporary)
}

/// Gives each temporary file its target's name.
fn name<const N: usize>(files: [(Temporary, &Path); N]) -> io::Result<()> {
    let mut files = files;
    temporary::rename(&mut files)?;
    files
        .iter()
        .try_for_each(|(_, target)| sync_folder_of(target))
}

/// Gives a file another name, replacing what bears it.
///
/// # Errors
/// The operating system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    claim::release(from);
    claim::release(to);
    sync_folder_of(to)
}

/// Removes a file; one that is not there is no error.
///
/// # Errors
/// The operating system's.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            claim::release(path);
            Ok(())
        }
    }
}

/// Whether files can be written into a folder: one is, and goes.
///
/// # Errors
/// The operating system's.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    Temporary::beside(&folder.join("try")).map(drop)
}

/// Makes the new name itself survive a power failure; only unix opens folders as files.
#[cfg(unix)]
fn sync_folder_of(target: &Path) -> io::Result<()> {
    match fs::File::open(claim::folder_of(target))?.sync_all() {
        // Some network file systems cannot sync a folder; the file itself is safe by then.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder_of(_target: &Path) -> io::Result<()> {
    Ok(())
}
