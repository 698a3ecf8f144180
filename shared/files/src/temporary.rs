//! A file's name until its content is whole.
//!
//! Temporary files are called `.NAME.N.pellucid-tmp` and stand beside their target. Whoever writes one holds a lock on it,
//! which the system lets go when the process ends, however it ends: a temporary file that nobody has locked is what a
//! killed process left, and may go.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::claim;

/// What the names of temporary files end in, so that nobody else's are taken for ours.
const ENDING: &str = ".pellucid-tmp";
/// Bytes of the target's name that are repeated: with the rest the name stays well below any system's 143 or 255.
const MOST_OF_NAME: usize = 64;
/// Writers of targets of one name at once.
const MOST_WRITERS: usize = 1000;

/// The temporary files of this process, and how many of its files have taken their names.
struct Live {
    paths: Vec<PathBuf>,
    named: usize,
}

static LIVE: Mutex<Live> = Mutex::new(Live {
    paths: vec![],
    named: 0,
});

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file; dropped before it has taken its target's name, it goes.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
    named: bool,
}

impl Temporary {
    /// Creates one beside the target, under the first number that nobody uses: two writers never share a file.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "names no file"))?;
        let name = name.to_string_lossy();
        let name = shortened(&name);
        let mut live = live();
        for number in 0..MOST_WRITERS {
            let path = target.with_file_name(format!(".{name}.{number}{ENDING}"));
            if let Some(file) = create(&path)? {
                live.paths.push(path.clone());
                return Ok(Self {
                    path,
                    file,
                    named: false,
                });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there are a thousand temporary files of that name beside it: delete them",
        ))
    }
}

/// Gives each file its target's name; nothing comes in between that [`abandon`] could tear apart.
pub(super) fn rename(temporaries: &mut [(Temporary, &Path)]) -> io::Result<()> {
    let mut live = live();
    for (temporary, target) in temporaries {
        let target: &Path = target;
        fs::rename(&temporary.path, target)?;
        temporary.named = true;
        live.named += 1;
        live.paths.retain(|path| *path != temporary.path);
        claim::release(target);
    }
    Ok(())
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.named {
            let mut live = live();
            // Already failing: the first error is the one to tell.
            let _ = fs::remove_file(&self.path);
            live.paths.retain(|path| *path != self.path);
        }
    }
}

/// For the moment before this process is ended from outside: removes its temporary files, and no writer gets any further.
/// Tells how many files have taken their names.
pub fn abandon() -> usize {
    let live = live();
    for path in &live.paths {
        // Nobody is left to be told.
        let _ = fs::remove_file(path);
    }
    let named = live.named;
    // Whoever still writes waits for this lock until the process is gone.
    std::mem::forget(live);
    named
}

/// Removes the temporary files that killed processes left in a folder; those that somebody is writing stay.
pub fn sweep(folder: &Path) {
    // The folder that `map.png` is in is named by nothing.
    let here = folder.as_os_str().is_empty();
    let folder = if here { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(ENDING) {
            remove_left(&entry.path());
        }
    }
}

/// The beginning of a name.
fn shortened(name: &str) -> &str {
    let mut end = name.len().min(MOST_OF_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// A new, locked file; `None` where somebody else has the name.
fn create(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..2 {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => return Ok(lock(&file, path).then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !remove_left(path) {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether the new file is ours: between its creation and this, a sweep may have taken it for a leftover.
#[cfg(unix)]
fn lock(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Ok(()) => stands_at(file, path),
        Err(fs::TryLockError::WouldBlock) => false,
        // A file system without locks: nobody can take this for a leftover there.
        Err(fs::TryLockError::Error(_)) => true,
    }
}

/// Removes a temporary file that no living process has locked.
#[cfg(unix)]
fn remove_left(path: &Path) -> bool {
    // Neither a link, which would lead elsewhere, nor a pipe, which would wait to be opened.
    if !fs::symlink_metadata(path).is_ok_and(|there| there.is_file()) {
        return false;
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return false;
    };
    file.try_lock().is_ok() && stands_at(&file, path) && fs::remove_file(path).is_ok()
}

/// Whether the open file is the one at this path now.
#[cfg(unix)]
fn stands_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Elsewhere a lock would keep the file from being read back, and leftovers stay.
#[cfg(not(unix))]
fn lock(_file: &File, _path: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn remove_left(_path: &Path) -> bool {
    false
}
