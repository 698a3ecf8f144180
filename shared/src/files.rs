//! Writing files so that nobody ever sees half of one.
//!
//! The bytes go to a temporary file beside the target, reach the disk, and only then take the target's name. Whoever
//! opens the target sees the old file or the new one, also when the disk fills or the power fails half-way.

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
    let target = match fs::metadata(path) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let kind = io::ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "is no ordinary file").into());
        }
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let temporary = fill_beside(&target, fill)?;
    let result = check(&temporary.path)?;
    temporary.rename_to(&target)?;
    Ok(result)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_and_replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        write_atomic(&path, b"first").unwrap();
        write_atomic(&path, b"second, longer").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second, longer");
        assert_eq!(names(folder.path()), ["model.onnx"]);
    }

    #[test]
    fn an_error_half_way_keeps_the_old_file_and_removes_the_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic_with(&path, |file| {
            // More than any buffer holds, so that part of it really is on disk.
            file.write_all(&vec![1; 1 << 20])?;
            Err(io::Error::new(io::ErrorKind::StorageFull, "disk full"))
        })
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["model.onnx"]);
    }

    #[test]
    fn what_the_check_refuses_never_takes_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        write_atomic(&path, b"old").unwrap();
        let fill = |file: &mut dyn Write| file.write_all(b"new");
        let refused: io::Result<()> = write_checked(&path, fill, |temporary| {
            assert_eq!(fs::read(temporary)?, b"new");
            assert_eq!(fs::read(&path)?, b"old");
            Err(io::Error::other("not good enough"))
        });
        assert_eq!(refused.unwrap_err().to_string(), "not good enough");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["model.onnx"]);
        let accepted: io::Result<u8> = write_checked(&path, fill, |_| Ok(7));
        assert_eq!(
            (accepted.unwrap(), fs::read(&path).unwrap()),
            (7, b"new".to_vec())
        );
        assert_eq!(names(folder.path()), ["model.onnx"]);
    }

    #[test]
    fn a_reader_sees_the_old_content_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        write_atomic(&path, b"old").unwrap();
        write_atomic_with(&path, |file| {
            file.write_all(b"new")?;
            file.flush()?;
            assert_eq!(fs::read(&path)?, b"old");
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_leftover_of_a_killed_writer_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".a.0.tmp"), b"half").unwrap();
        write_atomic(&folder.path().join("a"), b"whole").unwrap();
        assert_eq!(names(folder.path()), [".a.0.tmp", "a"]);
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"whole");
    }

    #[test]
    fn a_missing_folder_a_folder_and_no_name_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/file");
        assert_eq!(
            write_atomic(&missing, b"").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            write_atomic(folder.path(), b"").unwrap_err().kind(),
            io::ErrorKind::IsADirectory
        );
        assert!(write_atomic(Path::new(""), b"").is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_are_written_to_and_a_full_disk_is_told() {
        write_atomic(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let error = write_atomic(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
