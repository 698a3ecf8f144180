//! Reading files, and nothing else: a pipe would wait for ever, a device never end.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

use super::claim;

/// Why a path is not read, as the source of an [`io::Error`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// Something else than an ordinary file.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// More than is wanted of such a file.
    #[error("it has {found} bytes, and such a file has at most {most}")]
    TooLarge {
        /// Its length, or what was seen of it.
        found: u64,
        /// The most that is read.
        most: u64,
    },
    /// A file that [`claim`](super::claim()) has for an output.
    #[error("it would be overwritten by what this command writes: write to another file")]
    Claimed,
}

impl From<Unreadable> for io::Error {
    fn from(why: Unreadable) -> Self {
        let kind = match why {
            Unreadable::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            Unreadable::NotAFile(_) | Unreadable::Claimed => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, why)
    }
}

/// Opens an ordinary file, also through links.
///
/// # Errors
/// The operating system's; [`Unreadable`] for what is not an ordinary file, and for one that is going to be written.
pub fn open(path: &Path) -> io::Result<File> {
    // Asked before it is opened: opening a pipe waits for its writer.
    ordinary(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    let there = file.metadata()?;
    ordinary(there.file_type())?;
    if claim::holds(path, &there) {
        return Err(Unreadable::Claimed.into());
    }
    Ok(file)
}

/// Reads an ordinary file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; [`Unreadable::TooLarge`] before any memory is taken.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let small = |found: u64| {
        let fits = found <= most;
        fits.then_some(())
            .ok_or(io::Error::from(Unreadable::TooLarge { found, most }))
    };
    small(length)?;
    let mut bytes = vec![];
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    // It may grow meanwhile.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    small(bytes.len() as u64)?;
    Ok(bytes)
}

/// As [`read`], for text in UTF-8.
///
/// # Errors
/// As [`read`], and where the bytes are no UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
    String::from_utf8(read(path, most)?).map_err(invalid)
}

/// The first bytes of an ordinary file, at most `count`.
///
/// # Errors
/// As [`open`].
pub fn read_beginning(path: &Path, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    open(path)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn ordinary(kind: FileType) -> Result<(), Unreadable> {
    if kind.is_file() {
        Ok(())
    } else {
        Err(Unreadable::NotAFile(name(kind)))
    }
}

fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a folder"
    } else {
        "something else"
    }
}
