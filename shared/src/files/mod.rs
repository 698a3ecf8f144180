//! Writing files so that nobody ever sees half of one.
//!
//! The bytes go to a temporary file beside the target, reach the disk, and only then take the target's name. Whoever
//! opens the target sees the old file or the new one, also when the disk fills or the power fails half-way.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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
    temporary.rename_to(&target)?;
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
    let temporary = fill_beside(&targets.0, first.1)?;
    let other = fill_beside(&targets.1, second.1)?;
    temporary.rename_to(&targets.0)?;
    other.rename_to(&targets.1)
}

/// The file to replace: where a link points to. Devices and pipes cannot be replaced.
fn ordinary(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let kind = io::ErrorKind::InvalidInput;
            Err(io::Error::new(kind, "is no ordinary file"))
        }
        Ok(_) => fs::canonicalize(path),
        Err(_) => Ok(path.to_owned()),
    }
}

fn replace<F>(target: &Path, fill: F) -> io::Result<()>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    fill_beside(target, fill)?.rename_to(target)
}

/// A temporary file beside the target whose content is whole and on disk.
fn fill_beside<F>(target: &Path, fill: F) -> io::Result<Temporary>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    if target.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"));
    }
    let (file, temporary) = Temporary::beside(target)?;
    let mut buffered = BufWriter::new(file);
    fill(&mut buffered)?;
    // `into_inner` flushes; an error of the last flush must not be lost in a drop.
    let file = buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(temporary)
}

/// A file's name until its content is whole; dropped before that, it takes the file with it.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates `.NAME.N.tmp` with the first N that nobody uses, so that two writers never share one.
    fn beside(target: &Path) -> io::Result<(File, Self)> {
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "names no file"))?;
        for number in 0..1000 {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{number}.tmp"));
            let path = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    return Ok((
                        file,
                        Self {
                            path,
                            renamed: false,
                        },
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a thousand leftover .tmp files stand beside it: delete them",
        ))
    }

    fn rename_to(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        sync_folder_of(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Already failing: the first error is the one to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the new name itself survive a power failure; only unix opens folders as files.
#[cfg(unix)]
fn sync_folder_of(target: &Path) -> io::Result<()> {
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match File::open(folder)?.sync_all() {
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
