//! Where the files of HAM10000 and ISIC 2018 lie below a folder, however they were unpacked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use pellucid_shared::said;

use super::listing::{ending, files_below, is_image, readable, stem};

/// Everything of use below a folder.
pub(super) struct Lookup {
    folder: PathBuf,
    /// Files that may be tables, those nearest to the folder first.
    tables: Vec<PathBuf>,
    /// Image files by their name without the ending, in lower case.
    images: HashMap<String, Vec<PathBuf>>,
    /// Lesion masks by the image's name, in lower case.
    masks: HashMap<String, Vec<PathBuf>>,
    /// Archives that are not unpacked, and downloads that have not ended.
    unready: Vec<PathBuf>,
}

/// What follows an image's name in that of its lesion's mask.
const MASK: &str = "_segmentation";
/// What pictures beside the images are called by, such as those of phantoms' causes.
const NO_IMAGES: [&str; 5] = [MASK, "_cause", "_shortcut", "_superpixels", "_attribute"];
const TABLES: [&str; 4] = ["csv", "tab", "tsv", "txt"];
const ARCHIVES: [&str; 7] = ["zip", "gz", "tgz", "tar", "7z", "rar", "001"];
const UNFINISHED: [&str; 7] = [
    "part",
    "crdownload",
    "download",
    "partial",
    "aria2",
    "opdownload",
    "filepart",
];

/// Whether a file bears the name of HAM10000's table or of one of ISIC 2018.
pub(super) fn is_dermoscopy_table(path: &Path) -> bool {
    let name = readable(path).to_lowercase();
    name.starts_with("ham10000_metadata") || is_ground_truth(&name)
}

fn is_ground_truth(name: &str) -> bool {
    name.starts_with("isic") && name.contains("groundtruth") && name.ends_with(".csv")
}

impl Lookup {
    pub(super) fn below(folder: &Path) -> Result<Self> {
        let mut found = Self {
            folder: folder.to_owned(),
            tables: vec![],
            images: HashMap::new(),
            masks: HashMap::new(),
            unready: vec![],
        };
        for path in files_below(folder)? {
            found.take(path);
        }
        found
            .tables
            .sort_by_key(|path| (path.components().count(), path.clone()));
        Ok(found)
    }

    fn take(&mut self, path: PathBuf) {
        let name = stem(&path).to_lowercase();
        let ending = ending(&path).unwrap_or_default();
        let table = TABLES.contains(&&ending[..]) || readable(&path) == "HAM10000_metadata";
        if table {
            self.tables.push(path);
        } else if is_image(&path) {
            if let Some(image) = name.strip_suffix(MASK) {
                self.masks.entry(image.to_owned()).or_default().push(path);
            } else if !NO_IMAGES.iter().any(|suffix| name.ends_with(suffix)) {
                self.images.entry(name).or_default().push(path);
            }
        } else if ARCHIVES.contains(&&ending[..]) || UNFINISHED.contains(&&ending[..]) {
            self.unready.push(path);
        }
    }

    /// The published table of HAM10000, by its name.
    pub(super) fn metadata(&self) -> Option<&PathBuf> {
        let named = |path: &&PathBuf| {
            let name = readable(path).to_lowercase();
            name.starts_with("ham10000_metadata")
        };
        self.tables.iter().find(named)
    }

    /// The tables of ISIC 2018, Task 3, by their names: for training, validation and test.
    pub(super) fn ground_truths(&self) -> Vec<&PathBuf> {
        let named = |path: &&PathBuf| is_ground_truth(&readable(path).to_lowercase());
        self.tables.iter().filter(named).collect()
    }

    /// ISIC 2018's table that says which images show one lesion.
    pub(super) fn lesion_groupings(&self) -> Option<&PathBuf> {
        let named = |path: &&PathBuf| readable(path).to_lowercase().contains("lesiongroupings");
        self.tables.iter().find(named)
    }

    /// Every file that may be a table.
    pub(super) fn tables(&self) -> &[PathBuf] {
        &self.tables
    }

    /// The image of that name, with or without an ending.
    pub(super) fn image(&self, id: &str) -> Result<Option<&PathBuf>> {
        pick(&self.images, id)
    }

    /// The mask of that image's lesion.
    pub(super) fn mask(&self, id: &str) -> Result<Option<&PathBuf>> {
        pick(&self.masks, id)
    }

    /// Why images may be missing, for the end of a sentence.
    pub(super) fn why_missing(&self) -> String {
        let images: usize = self.images.values().map(Vec::len).sum();
        let place = self.folder.display();
        let unfinished =
            |path: &&PathBuf| UNFINISHED.contains(&&ending(path).unwrap_or_default()[..]);
        if let Some(path) = self.unready.iter().find(unfinished) {
            format!(
                "the download of {} is incomplete: fetch it again",
                path.display()
            )
        } else if let Some(path) = self.unready.first() {
            format!(
                "{} is not unpacked yet: unpack it, and every other part of it",
                path.display()
            )
        } else if images == 0 {
            format!("there is no image below {place}: unpack every part of the data there")
        } else {
            format!(
                "{images} images lie below {place}, and a part is missing there: fetch and unpack it too, or remove the rows from a copy of the table"
            )
        }
    }
}

/// Of several files for one image, one in a folder that is called as published goes before others; beyond that they must be
/// of one length.
fn pick<'a>(files: &'a HashMap<String, Vec<PathBuf>>, id: &str) -> Result<Option<&'a PathBuf>> {
    let Some(found) = files.get(&stem(Path::new(id)).to_lowercase()) else {
        return Ok(None);
    };
    let mut candidates: Vec<&PathBuf> = found.iter().filter(|path| is_published(path)).collect();
    if candidates.is_empty() {
        candidates.extend(found);
    }
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    let first = candidates[0];
    if let Some(other) = candidates.iter().find(|path| length(path) != length(first)) {
        bail!(
            "the image {} is there twice and not alike, as {} and {}: remove one of the folders, or give the other",
            said::name(id),
            first.display(),
            other.display()
        );
    }
    Ok(Some(first))
}

/// Whether a file lies in a folder of HAM10000 or ISIC 2018, by its name.
fn is_published(path: &Path) -> bool {
    path.parent().is_some_and(|parent| {
        let name = readable(parent).to_lowercase();
        ["ham10000_images", "ham10000_segmentations", "isic2018_task"]
            .iter()
            .any(|begin| name.starts_with(begin))
    })
}
