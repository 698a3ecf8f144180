//! How the images of a folder are sorted: by class, and where the folder says so, by part.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Part;
use super::listing::{Listing, readable};

/// A folder whose sub-folders are classes, and the part that its name assigns.
pub(super) struct Section {
    pub(super) part: Option<Part>,
    pub(super) listing: Listing,
    /// What stands before a class in an image's id: `train/`.
    pub(super) prefix: String,
}

/// Archives often hold one folder that holds everything: as many are gone through.
const WRAPPERS: usize = 4;

/// The sections of a folder: one per part where it is laid out as `train/`, `val/`, `test/` with classes below each, and
/// itself alone otherwise. `shown` is the folder that was decided on.
pub(super) fn sections(folder: &Path) -> Result<(PathBuf, Vec<Section>)> {
    let mut shown = folder.to_owned();
    for _ in 0..WRAPPERS {
        let listing = Listing::of(&shown)?;
        if let Some(sections) = parts(&listing)? {
            return Ok((shown, sections));
        }
        match &listing.folders[..] {
            // A lone folder of folders is none of the classes.
            [only] if listing.images().next().is_none() && holds_folders_alone(only)? => {
                shown.clone_from(only);
            }
            _ => break,
        }
    }
    let section = Section {
        part: None,
        listing: Listing::of(&shown)?,
        prefix: String::new(),
    };
    Ok((shown, vec![section]))
}

/// The parts, where every sub-folder is named after one and holds classes, not images, and one of them is for training.
fn parts(listing: &Listing) -> Result<Option<Vec<Section>>> {
    let mut sections = vec![];
    for folder in &listing.folders {
        let name = readable(folder);
        let Some(part) = Part::from_folder(&name) else {
            return Ok(None);
        };
        if !holds_folders_alone(folder)? {
            return Ok(None);
        }
        sections.push(Section {
            part: Some(part),
            listing: Listing::of(folder)?,
            prefix: format!("{name}/"),
        });
    }
    let trains = sections.iter().any(|s| s.part == Some(Part::Train));
    Ok((trains && sections.len() > 1).then_some(sections))
}

fn holds_folders_alone(folder: &Path) -> Result<bool> {
    let listing = Listing::of(folder)?;
    Ok(!listing.folders.is_empty() && listing.images().next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    fn layout(files: &[&str]) -> (String, Vec<Option<Part>>) {
        let folder = tree(files);
        let (shown, sections) = sections(folder.path()).unwrap();
        let below = shown.strip_prefix(folder.path()).unwrap();
        (
            below.display().to_string(),
            sections.iter().map(|s| s.part).collect(),
        )
    }

    #[test]
    fn parts_and_wrappers_are_told_from_classes() {
        use Part::{Test, Train, Validation};
        for (files, below, parts) in [
            (&["a/1.png", "b/2.png"][..], "", &[None][..]),
            (
                &["data/skin/a/1.png", "data/skin/b/2.png", "__MACOSX/x/1.png"],
                "data/skin",
                &[None],
            ),
            (
                &["train/a/1.png", "val/a/2.png", "test/a/3.png"],
                "",
                &[Some(Test), Some(Train), Some(Validation)],
            ),
            (
                &["x/Training/a/1.png", "x/Validation/a/2.png"],
                "x",
                &[Some(Train), Some(Validation)],
            ),
            // Vehicles; a training part alone; parts of which one holds images itself.
            (&["train/1.png", "bus/2.png"], "", &[None]),
            (&["train/a/1.png", "train/b/2.png"], "train", &[None]),
            (&["train/a/1.png", "test/3.png"], "", &[None]),
            (&["mel/1.png"], "", &[None]),
            (&["mel/old/1.png", "notes.txt"], "mel", &[None]),
        ] {
            assert_eq!(
                layout(files),
                (below.to_owned(), parts.to_vec()),
                "{files:?}"
            );
        }
    }
}
