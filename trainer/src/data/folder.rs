//! A folder with one sub-folder of images per class.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use pellucid_shared::card::Class;
use pellucid_shared::kind::FileKind;

use super::dataset::choose;
use super::listing::{Listing, beginning, files_below, is_image, is_unread_image, readable};
use super::lookup::is_dermoscopy_table;
use super::sections::{Section, sections};
use super::{Dataset, Item, Notes, Part, Picture, identical};

/// Lists the folder. An image's id is `CLASS/FILE`, behind its part's name where the folder is laid out in parts; files
/// with the same bytes form one group.
pub(super) fn open(folder: &Path, classes: Option<&[String]>) -> Result<Dataset> {
    let (folder, sections) = sections(folder)?;
    let folders: Vec<&PathBuf> = sections.iter().flat_map(|s| &s.listing.folders).collect();
    ensure!(
        !folders.is_empty(),
        without_classes(&folder, &sections[0].listing)
    );
    let codes: BTreeMap<String, ()> = folders.iter().map(|f| (readable(f), ())).collect();
    let known: Vec<Class> = codes
        .into_keys()
        .map(|code| Class {
            code,
            name: String::new(),
        })
        .collect();
    let classes = choose(&known, classes)?;
    let notes = Notes::default();
    let mut items = vec![];
    for (label, class) in classes.iter().enumerate() {
        let before = items.len();
        let mut others = vec![];
        for section in &sections {
            of_class(section, class, label, &mut items, &mut others)?;
        }
        let unread: Vec<&PathBuf> = others.iter().filter(|file| is_unread_image(file)).collect();
        if items.len() == before {
            bail!(without_images(&folder.join(&class.code), others.first()));
        }
        if let Some(first) = unread.first() {
            notes.add(format!(
                "{} files of the class {} are images of a kind that is not read and are left out, such as {}: save them as PNG or JPEG",
                unread.len(),
                class.code,
                first.display()
            ));
        }
    }
    identical::join_groups(&mut items)?;
    leave_out_what_is_tested(&mut items, &notes);
    Ok(Dataset {
        classes,
        items,
        notes,
    })
}

/// Adds the images of a class in a section, also of its sub-folders; `others` are the files that are no images.
fn of_class(
    section: &Section,
    class: &Class,
    label: usize,
    items: &mut Vec<Item>,
    others: &mut Vec<PathBuf>,
) -> Result<()> {
    let named = |folder: &&PathBuf| readable(folder) == class.code;
    for folder in section.listing.folders.iter().filter(named) {
        for path in files_below(folder)? {
            if !is_image(&path) {
                others.push(path);
                continue;
            }
            let below = path.ancestors().take_while(|p| p != folder);
            let names: Vec<String> = below.map(readable).collect();
            let names: Vec<&str> = names.iter().rev().map(String::as_str).collect();
            let id = format!("{}{}/{}", section.prefix, class.code, names.join("/"));
            items.push(Item {
                group: id.clone(),
                id,
                picture: Picture::File(path),
                label,
                mask: None,
                part: section.part,
            });
        }
    }
    Ok(())
}

/// Of images that stand in two parts, byte for byte, only those of the later one stay: nothing is tested on that was trained on.
fn leave_out_what_is_tested(items: &mut [Item], notes: &Notes) {
    let rank = |part: Part| Part::ALL.iter().position(|p| *p == part);
    let mut latest: HashMap<String, Part> = HashMap::new();
    for item in items.iter() {
        if let Some(part) = item.part {
            let latest = latest.entry(item.group.clone()).or_insert(part);
            if rank(part) > rank(*latest) {
                *latest = part;
            }
        }
    }
    let mut left_out = 0;
    for item in items.iter_mut() {
        if item.part.is_some() && item.part != latest.get(&item.group).copied() {
            item.part = None;
            left_out += 1;
        }
    }
    if left_out > 0 {
        notes.add(format!(
            "{left_out} images stand in two parts of the data, byte for byte: they are left out of the one that is learnt from"
        ));
    }
}

/// What is said of a folder without sub-folders.
fn without_classes(folder: &Path, listing: &Listing) -> String {
    let place = folder.display();
    let images = listing.images().count();
    if listing.files.iter().any(|file| is_dermoscopy_table(file)) {
        format!("{place} holds a table of HAM10000 or ISIC 2018: give it as ham10000:{place}")
    } else if images > 0 {
        format!(
            "{place} has no sub-folder, but {images} images: put each class's images into a folder of the class's name"
        )
    } else {
        format!(
            "{place} has no sub-folder: put each class's images into a folder of the class's name"
        )
    }
}

/// What is said of a class without images.
fn without_images(folder: &Path, other: Option<&PathBuf>) -> String {
    let place = folder.display();
    let kind = other.and_then(|path| beginning(path).map(|kind| (path, kind)));
    let why = match kind {
        Some((path, kind @ (FileKind::Zip | FileKind::Gzip | FileKind::Archive))) => {
            format!("{} is {}: unpack it", path.display(), kind.name())
        }
        Some((path, kind)) if kind.is_picture() && !kind.is_read_as_image() => {
            format!("{} is {}", path.display(), kind.instead_of_an_image())
        }
        _ => "add some, or leave the class out with --classes".to_owned(),
    };
    format!("{place} holds no image file: {why}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::{png, tree};
    use super::super::{Shares, Split};
    use super::*;

    fn ids(dataset: &Dataset) -> Vec<&str> {
        dataset.items.iter().map(|item| &item.id[..]).collect()
    }

    #[test]
    fn sub_folders_are_classes_and_identical_files_one_group() {
        let folder = tree(&["b/1.png", "b/2.PNG", "a/1.png", "a/3.png"]);
        fs::write(folder.path().join("a/1.png"), png(9, 0)).unwrap();
        fs::write(folder.path().join("b/notes.txt"), "not an image").unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(ids(&dataset), ["a/1.png", "a/3.png", "b/1.png", "b/2.PNG"]);
        assert_eq!(dataset.counts(), [2, 2]);
        let groups: Vec<&str> = dataset.items.iter().map(|item| &item.group[..]).collect();
        assert_eq!(groups, ["a/1.png", "a/3.png", "a/1.png", "b/2.PNG"]);
        assert!(!dataset.has_parts() && dataset.notes.take().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = || open(folder.path(), None).unwrap_err().to_string();
        assert!(said().contains("has no sub-folder: put"), "{}", said());
        fs::write(folder.path().join("1.png"), png(9, 1)).unwrap();
        assert!(said().contains("no sub-folder, but 1 images"), "{}", said());
        let table = folder.path().join("HAM10000_metadata.csv");
        fs::write(&table, "lesion_id,image_id,dx\n").unwrap();
        assert!(said().contains("give it as ham10000:"), "{}", said());
        fs::create_dir(folder.path().join("mel")).unwrap();
        assert!(
            said().contains("mel holds no image file: add"),
            "{}",
            said()
        );
        for (name, bytes, reason) in [
            (
                "IMG.HEIC",
                &b"\0\0\0\x18ftypheic\0\0\0\0"[..],
                "a HEIC image",
            ),
            ("all.zip", b"PK\x03\x04", "is a zip archive: unpack it"),
        ] {
            let file = folder.path().join("mel").join(name);
            fs::write(&file, bytes).unwrap();
            assert!(said().contains(reason), "{}", said());
            fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn images_that_are_not_read_are_counted() {
        let folder = tree(&["a/1.png", "a/2.heic", "a/3.HEIC", "b/1.jpg", "b/notes.txt"]);
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(ids(&dataset), ["a/1.png", "b/1.jpg"]);
        let notes = dataset.notes.take();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with("2 files of the class a "), "{notes:?}");
    }

    #[test]
    fn a_class_may_have_folders_of_its_own() {
        let folder = tree(&["set/a/x/1.png", "set/a/y/1.png", "set/b/1.png"]);
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(ids(&dataset), ["a/x/1.png", "a/y/1.png", "b/1.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf_8_train_and_come_back() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        for (shade, name) in [&b"n\xE4vus"[..], b"mel"].iter().enumerate() {
            let class = folder.path().join(OsStr::from_bytes(name));
            fs::create_dir(&class).unwrap();
            for (index, file) in [&b"\xE4.png"[..], b"\xF6.png", b"a,\"b\".png", b" c .png"]
                .iter()
                .enumerate()
            {
                let path = class.join(OsStr::from_bytes(file));
                fs::write(path, png(9, (10 * shade + index) as u8)).unwrap();
            }
        }
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(dataset.classes[1].code, "n\\xE4vus");
        assert_eq!(dataset.counts(), [4, 4]);
        assert!(
            dataset
                .items
                .iter()
                .all(|item| item.picture.read(32, &Notes::default()).is_ok())
        );
        let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
        let path = folder.path().join("split.csv");
        split.write(&path, &dataset).unwrap();
        assert_eq!(Split::read(&path, &dataset).unwrap(), split);
        let chosen = open(folder.path(), Some(&["n\\xE4vus".into()])).unwrap();
        assert_eq!(chosen.counts(), [4]);
    }

    #[test]
    fn parts_of_the_folder_are_the_split() {
        let mut files = vec![];
        for (part, count) in [("train", 6), ("valid", 2), ("test", 3)] {
            for class in ["mel", "nv"] {
                files.extend((0..count).map(|i| format!("{part}/{class}/{i}.png")));
            }
        }
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let folder = tree(&names);
        let dataset = open(folder.path(), None).unwrap();
        let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
        for (part, count, prefix) in [
            (Part::Train, 12, "train/"),
            (Part::Validation, 4, "valid/"),
            (Part::Test, 6, "test/"),
        ] {
            let part = dataset.select(&split.indices(part));
            assert_eq!(part.items.len(), count);
            assert!(part.items.iter().all(|item| item.id.starts_with(prefix)));
        }
        assert_eq!(dataset.clone().own_part(Part::Test).items.len(), 6);
        // A part that is missing is drawn from the images for training.
        fs::remove_dir_all(folder.path().join("valid")).unwrap();
        let dataset = open(folder.path(), None).unwrap();
        let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
        let counts = Part::ALL.map(|part| split.indices(part).len());
        assert_eq!(counts, [10, 2, 6]);
    }

    #[test]
    fn what_is_tested_is_not_trained_on() {
        let folder = tree(&[
            "train/a/1.png",
            "train/a/2.png",
            "train/b/3.png",
            "test/a/4.png",
            "test/b/5.png",
        ]);
        let copy = folder.path().join("test/a/copy.png");
        fs::copy(folder.path().join("train/a/1.png"), copy).unwrap();
        let dataset = open(folder.path(), None).unwrap();
        assert!(dataset.notes.take()[0].starts_with("1 images stand in two parts"));
        let first = dataset.items.iter().find(|item| item.id == "train/a/1.png");
        assert_eq!(first.unwrap().part, None);
        assert_eq!(dataset.own_part(Part::Test).items.len(), 3);
    }
}
