//! Opening a source, of whatever kind it is.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use pellucid_shared::card::Class;
use pellucid_shared::kind::FileKind;
use pellucid_shared::phantom;

use super::dataset::{choose, list};
use super::listing::beginning;
use super::{Dataset, Item, Notes, Picture, Source, folder, ham10000};

impl Dataset {
    /// Lists the images of a source; files are not decoded yet.
    ///
    /// `classes` chooses classes by code and gives their order; without it, HAM10000 means the three of the paper that
    /// this trainer repeats (`nv,mel,bkl`), a folder all its sub-folders. `population` is that of the phantoms where the
    /// source names none: [`TRAINING_POPULATION`](super::TRAINING_POPULATION) or
    /// [`EVALUATION_POPULATION`](super::EVALUATION_POPULATION).
    ///
    /// # Errors
    /// Where the folder, a column, an image or a class is missing; each error says which and what to do.
    pub fn open(source: &Source, classes: Option<&[String]>, population: u64) -> Result<Self> {
        let dataset = match source {
            Source::Phantom {
                count,
                population: named,
            } => phantoms(*count, named.unwrap_or(population), classes)?,
            Source::Ham10000(folder) => ham10000::open(existing(folder)?, classes)?,
            Source::Folder(folder) => folder::open(existing(folder)?, classes)?,
            Source::Csv(table) => table.open(classes)?,
        };
        ensure!(
            !dataset.items.is_empty(),
            "{source} holds no image of the classes {}: check the folder and --classes",
            list(dataset.classes.iter().map(|class| &class.code))
        );
        Ok(dataset)
    }
}

/// The folder, or what stands there instead.
fn existing(folder: &Path) -> Result<&Path> {
    let place = folder.display();
    if folder.is_file() {
        match beginning(folder) {
            Some(FileKind::Zip | FileKind::Gzip | FileKind::Archive) => {
                bail!("{place} is an archive: unpack it, and give the folder")
            }
            _ => bail!("{place} is a file: give the folder that holds the images"),
        }
    }
    ensure!(
        folder.is_dir(),
        "there is no folder {place}: check the path"
    );
    Ok(folder)
}

/// Phantoms `0..count` of a population.
fn phantoms(count: u64, population: u64, classes: Option<&[String]>) -> Result<Dataset> {
    let known: Vec<Class> = phantom::Class::ALL
        .iter()
        .map(|class| Class {
            code: class.code().into(),
            name: class.name().into(),
        })
        .collect();
    let classes = choose(&known, classes)?;
    let items = (0..count).filter_map(|index| {
        let class = phantom::class_of(index, population);
        let label = classes.iter().position(|c| c.code == class.code())?;
        let id = format!("phantom-{population}-{index:06}");
        Some(Item {
            group: id.clone(),
            id,
            picture: Picture::Phantom { population, index },
            label,
            mask: None,
            part: None,
        })
    });
    Ok(Dataset {
        items: items.collect(),
        classes,
        notes: Notes::default(),
    })
}
