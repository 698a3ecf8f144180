//! What lies in a folder of data, without what systems and programs drop there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pellucid_shared::files;
use pellucid_shared::kind::FileKind;
use pellucid_tables::{IMAGE_ENDINGS, without_image_ending};

/// The endings of images that are not read here.
const UNREAD: [&str; 22] = [
    "heic", "heif", "avif", "jp2", "j2k", "jpf", "jpx", "jxl", "dcm", "dicom", "cr2", "cr3", "nef",
    "arw", "dng", "raf", "orf", "rw2", "psd", "svg", "pdf", "exr",
];

/// Files and folders that hold no data wherever they lie, in lower case. Hidden ones (`.DS_Store`, `._x.jpg`,
/// `.ipynb_checkpoints`, `.git`) are left out by their first character.
const DROPPINGS: [&str; 14] = [
    "__macosx",
    "@eadir",
    "@recycle",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__pycache__",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "network trash folder",
];

/// Folders are followed down to this depth.
const DEEPEST: usize = 8;

/// A folder's contents, each in the order of their names.
pub(super) struct Listing {
    pub(super) folders: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

impl Listing {
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let context = || format!("the folder {} cannot be read", folder.display());
        let (mut folders, mut files) = (vec![], vec![]);
        for entry in fs::read_dir(folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if is_dropping(&path) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files.push(path);
            }
        }
        folders.sort();
        files.sort();
        Ok(Self { folders, files })
    }

    /// The files that are taken for images.
    pub(super) fn images(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(|path| is_image(path))
    }
}

/// Every file in the folder and below it, a folder's own files before those of its sub-folders.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    fn walk(
        folder: &Path,
        depth: usize,
        seen: &mut HashSet<PathBuf>,
        files: &mut Vec<PathBuf>,
    ) -> Result<()> {
        // Links may lead in a circle.
        let new = fs::canonicalize(folder).map_or(true, |place| seen.insert(place));
        if depth > DEEPEST || !new {
            return Ok(());
        }
        let listing = Listing::of(folder)?;
        files.extend(listing.files);
        listing
            .folders
            .iter()
            .try_for_each(|inner| walk(inner, depth + 1, seen, files))
    }
    let mut files = vec![];
    walk(folder, 0, &mut HashSet::new(), &mut files)?;
    Ok(files)
}

fn is_dropping(path: &Path) -> bool {
    let name = readable(path);
    name.starts_with('.') || name.starts_with("~$") || DROPPINGS.contains(&&name.to_lowercase()[..])
}

/// Whether a file is taken for an image: by its ending, and by its bytes where it has none.
pub(super) fn is_image(path: &Path) -> bool {
    match ending(path) {
        Some(ending) => IMAGE_ENDINGS.contains(&&ending[..]),
        None => beginning(path).is_some_and(FileKind::is_read_as_image),
    }
}

/// Whether a file's ending is that of an image which is not read here.
pub(super) fn is_unread_image(path: &Path) -> bool {
    ending(path).is_some_and(|ending| UNREAD.contains(&&ending[..]))
}

/// What the file is by its first bytes.
pub(super) fn beginning(path: &Path) -> Option<FileKind> {
    FileKind::of(&files::read_beginning(path, 512).ok()?)
}

/// What follows the last full stop of the name, in lower case; a number is no ending (`ISIC.0024306`).
pub(super) fn ending(path: &Path) -> Option<String> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    (!ending.is_empty() && !ending.chars().all(|c| c.is_ascii_digit())).then_some(ending)
}

/// The name of a file or folder as text. Bytes that are no UTF-8, as old archives bring, become `\xE4`: two names stay two.
pub(super) fn readable(path: &Path) -> String {
    let mut name = String::new();
    let bytes = path.file_name().unwrap_or_default().as_encoded_bytes();
    for chunk in bytes.utf8_chunks() {
        name += chunk.valid();
        for byte in chunk.invalid() {
            name += &format!("\\x{byte:02X}");
        }
    }
    name
}

/// [`readable`] without an image's ending.
pub(super) fn stem(path: &Path) -> String {
    without_image_ending(&readable(path)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{png, tree};
    use super::*;

    #[test]
    fn droppings_are_left_out_by_name_at_every_depth() {
        let folder = tree(&[
            "__MACOSX/a/._1.jpg",
            "@eaDir/1.jpg/SYNOFILE_THUMB_M.jpg",
            "a/.ipynb_checkpoints/1-checkpoint.jpg",
            "a/Thumbs.db",
            "a/._1.jpg",
            "a/.DS_Store",
            "a/desktop.ini",
            "a/Desktop.INI",
            "a/#recycle/2.jpg",
            "$RECYCLE.BIN/3.jpg",
            "a/1.jpg",
            "a/b/2.jpg",
        ]);
        let names: Vec<String> = files_below(folder.path())
            .unwrap()
            .iter()
            .map(|path| {
                path.strip_prefix(folder.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(names, ["a/1.jpg", "a/b/2.jpg"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end() {
        let folder = tree(&["a/1.jpg"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/again")).unwrap();
        assert_eq!(files_below(folder.path()).unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf_8_stay_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let name = |bytes: &[u8]| readable(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name(b"Melan\xF6m.jpg"), "Melan\\xF6m.jpg");
        assert_ne!(name(b"\xE4.jpg"), name(b"\xF6.jpg"));
        assert_eq!(name("Größe.jpg".as_bytes()), "Größe.jpg");
        assert_eq!(stem(Path::new(OsStr::from_bytes(b"a/\xE4.JPG"))), "\\xE4");
    }

    #[test]
    fn a_file_without_an_ending_is_an_image_by_its_bytes() {
        let folder = tree(&["ISIC_1.txt"]);
        let (plain, other) = (
            folder.path().join("ISIC_0024306"),
            folder.path().join("LICENSE"),
        );
        fs::write(&plain, png(9, 1)).unwrap();
        fs::write(&other, "MIT").unwrap();
        assert!(is_image(&plain) && !is_image(&other));
        assert!(is_unread_image(Path::new("IMG_1.HEIC")) && !is_unread_image(&plain));
    }
}
