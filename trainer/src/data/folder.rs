//! A folder with one sub-folder of images per class.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::Class;

use super::dataset::choose;
use super::{Dataset, Item, Picture, identical};

/// The endings of files that are taken for images; anything else in a class's folder is left alone.
const IMAGES: [&str; 8] = ["png", "jpg", "jpeg", "tif", "tiff", "webp", "bmp", "gif"];

/// Lists the folder. An image's id is `CLASS/FILE`; files with the same bytes form one group.
pub(super) fn open(folder: &Path, classes: Option<&[String]>) -> Result<Dataset> {
    let known: Vec<Class> = entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| Class {
            code: name(&path),
            name: String::new(),
        })
        .collect();
    ensure!(
        !known.is_empty(),
        "{} has no sub-folder: put each class's images into a folder of the class's name",
        folder.display()
    );
    let classes = choose(&known, classes)?;
    let mut items = vec![];
    for (label, class) in classes.iter().enumerate() {
        let before = items.len();
        for path in entries(&folder.join(&class.code))? {
            if is_image(&path) {
                let id = format!("{}/{}", class.code, name(&path));
                items.push(Item {
                    group: id.clone(),
                    id,
                    picture: Picture::File(path),
                    label,
                    mask: None,
                });
            }
        }
        ensure!(
            items.len() > before,
            "{} holds no image file: add some, or leave the class out with --classes",
            folder.join(&class.code).display()
        );
    }
    identical::join_groups(&mut items)?;
    Ok(Dataset { classes, items })
}

/// What a folder holds, by name, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("the folder {} cannot be read", folder.display());
    let mut paths = vec![];
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if !name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    path.is_file() && IMAGES.contains(&&ending.to_lowercase()[..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::testing::png;
    use super::*;

    #[test]
    fn sub_folders_are_classes_and_identical_files_one_group() {
        let folder = tempfile::tempdir().unwrap();
        for (file, shade) in [
            ("b/1.png", 1),
            ("b/2.PNG", 2),
            ("a/1.png", 1),
            ("a/3.png", 3),
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, png(9, shade)).unwrap();
        }
        fs::write(folder.path().join("b/notes.txt"), "not an image").unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let dataset = open(folder.path(), None).unwrap();
        let ids: Vec<&str> = dataset.items.iter().map(|item| &item.id[..]).collect();
        assert_eq!(ids, ["a/1.png", "a/3.png", "b/1.png", "b/2.PNG"]);
        assert_eq!(dataset.counts(), [2, 2]);
        let groups: Vec<&str> = dataset.items.iter().map(|item| &item.group[..]).collect();
        assert_eq!(groups, ["a/1.png", "a/3.png", "a/1.png", "b/2.PNG"]);
    }

    #[test]
    fn an_empty_folder_and_an_empty_class_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("has no sub-folder"), "{error}");
        fs::create_dir(folder.path().join("mel")).unwrap();
        let error = open(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("mel holds no image file"), "{error}");
    }
}
