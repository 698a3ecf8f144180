//! HAM10000 as it is published (Tschandl, Rosendahl and Kittler, Sci. Data 5, 180161, 2018), and as ISIC 2018 handed it out
//! for its third task.
//!
//! ```text
//! FOLDER/HAM10000_metadata.csv                       lesion_id, image_id, dx, ...
//! FOLDER/HAM10000_images_part_1/ISIC_0024306.jpg     the images, in one or more such folders
//! FOLDER/HAM10000_images_part_2/...
//! FOLDER/HAM10000_segmentations_lesion_tschandl/ISIC_0024306_segmentation.png     optional
//!
//! FOLDER/ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv     image, MEL, NV, BCC, ...
//! FOLDER/ISIC2018_Task3_Training_Input/ISIC_0024306.jpg
//! FOLDER/ISIC2018_Task3_Training_LesionGroupings.csv                                     image, lesion_id, ...
//! ```
//!
//! Everything may lie deeper, and the images in whatever folder: they are found by their names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::card::Class;
use pellucid_tables::{Label, Table, is_labels, labels, lesions};

use super::dataset::choose;
use super::listing::readable;
use super::lookup::Lookup;
use super::sections::sections;
use super::{Dataset, Item, Notes, Part, Picture, identical};

/// The classes of the dataset: code in the column `dx`, and name.
pub(super) const CLASSES: [(&str, &str); 7] = [
    ("nv", "melanocytic nevus"),
    ("mel", "melanoma"),
    ("bkl", "benign keratosis"),
    ("bcc", "basal cell carcinoma"),
    ("akiec", "actinic keratosis"),
    ("vasc", "vascular lesion"),
    ("df", "dermatofibroma"),
];

/// What `--classes` means where it is left out: the first three, those of Margeloiu et al. (2020).
const USUAL: usize = 3;

/// The folder of the lesion masks.
pub(super) const MASKS: &str = "HAM10000_segmentations_lesion_tschandl";

/// A table longer than this many bytes is none of these, and not looked into.
const LONGEST_TABLE: u64 = 50_000_000;

/// Lists the folder's images of the chosen classes. Images of one lesion form a group.
pub(super) fn open(folder: &Path, codes: Option<&[String]>) -> Result<Dataset> {
    let known: Vec<Class> = CLASSES
        .iter()
        .map(|(code, name)| Class {
            code: (*code).into(),
            name: (*name).into(),
        })
        .collect();
    let classes = match codes {
        Some(_) => choose(&known, codes)?,
        None => known[..USUAL].to_vec(),
    };
    let found = Lookup::below(folder)?;
    let notes = Notes::default();
    let mut items = vec![];
    for (table, part) in tables(&found, folder, &known)? {
        let rows = with_lesions(labels(&table, &known)?, &found, &notes)?;
        items.extend(listed(rows, part, &table, &found, &classes)?);
    }
    identical::join_groups(&mut items)?;
    Ok(Dataset {
        classes,
        items,
        notes,
    })
}

/// The tables to read, and the part that each assigns where there are several.
fn tables(found: &Lookup, folder: &Path, known: &[Class]) -> Result<Vec<(Table, Option<Part>)>> {
    if let Some(path) = found.metadata() {
        return Ok(vec![(Table::read(path)?, None)]);
    }
    match found.ground_truths()[..] {
        [] => Ok(vec![(by_columns(found, folder, known)?, None)]),
        [path] => Ok(vec![(Table::read(path)?, None)]),
        ref several => several
            .iter()
            .map(|path| {
                let part = part_of(path).with_context(|| {
                    format!(
                        "there are several tables, and the name of {} does not say whether it is for training, validation or test: leave one",
                        path.display()
                    )
                })?;
                Ok((Table::read(path)?, Some(part)))
            })
            .collect(),
    }
}

/// The part that a table of ISIC 2018 is named after: `ISIC2018_Task3_Validation_GroundTruth.csv`.
fn part_of(path: &Path) -> Option<Part> {
    let name = readable(path);
    name.split('_').find_map(Part::from_folder)
}

/// The one table, whatever its name, whose columns say which image shows what.
fn by_columns(found: &Lookup, folder: &Path, known: &[Class]) -> Result<Table> {
    let place = folder.display();
    let mut fitting = vec![];
    let short = |path: &&PathBuf| path.metadata().is_ok_and(|data| data.len() < LONGEST_TABLE);
    for path in found.tables().iter().filter(short) {
        // What is no table at all is none of these.
        if let Ok(table) = Table::read(path)
            && is_labels(&table, known)
        {
            fitting.push(table);
        }
    }
    ensure!(
        fitting.len() < 2,
        "{place} holds no HAM10000_metadata.csv, but several tables of images, {} and {} among them: keep only the one that is meant",
        fitting[0].path.display(),
        fitting[1].path.display()
    );
    if let Some(table) = fitting.pop() {
        return Ok(table);
    }
    let (_, sections) = sections(folder)?;
    let classes = sections.iter().flat_map(|s| &s.listing.folders);
    let mut named = classes.filter(|f| known.iter().any(|c| c.code == readable(f).to_lowercase()));
    if named.next().is_some() {
        bail!(
            "{place} holds no HAM10000_metadata.csv, but a folder per class: give it as folder:{place}"
        );
    }
    match found.tables() {
        [] => bail!(
            "{place} holds no HAM10000_metadata.csv: give the folder that it was unpacked into"
        ),
        // Says which columns are missing.
        [only] => {
            let table = Table::read(only)?;
            labels(&table, known)?;
            Ok(table)
        }
        [first, ..] => bail!(
            "{place} holds no HAM10000_metadata.csv, and no other table there ({} is one) has the columns image_id and dx: rename what is meant",
            first.display()
        ),
    }
}

/// The labels with each image's lesion: the table's own, that of ISIC 2018's other table, or the image alone.
fn with_lesions(mut rows: Vec<Label>, found: &Lookup, notes: &Notes) -> Result<Vec<Label>> {
    if rows.iter().all(|row| row.lesion.is_some()) {
        return Ok(rows);
    }
    let lesions = match found.lesion_groupings() {
        Some(path) => lesions(&Table::read(path)?)?,
        None => HashMap::new(),
    };
    let mut alone = 0;
    for row in &mut rows {
        if row.lesion.is_none() {
            let known = lesions.get(&row.image);
            alone += usize::from(known.is_none());
            row.lesion = known.cloned();
        }
    }
    if alone > 0 {
        notes.add(format!(
            "of {alone} images nothing says which lesion they show, so that one lesion may stand in training and test: put HAM10000_metadata.csv or ISIC 2018's LesionGroupings.csv into the folder"
        ));
    }
    Ok(rows)
}

/// The images of the table that are of the chosen classes.
fn listed(
    rows: Vec<Label>,
    part: Option<Part>,
    table: &Table,
    found: &Lookup,
    classes: &[Class],
) -> Result<Vec<Item>> {
    let mut items = vec![];
    let mut missing = vec![];
    let all = rows.len();
    for row in rows {
        let Some(label) = classes.iter().position(|class| class.code == row.class) else {
            continue;
        };
        let Some(path) = found.image(&row.image)? else {
            missing.push(row.image);
            continue;
        };
        items.push(Item {
            picture: Picture::File(path.clone()),
            label,
            group: row.lesion.unwrap_or_else(|| row.image.clone()),
            mask: found.mask(&row.image)?.cloned(),
            id: row.image,
            part,
        });
    }
    if let Some(first) = missing.first() {
        bail!(
            "{} of the {all} images in {} are missing, {first} to begin with: {}",
            missing.len(),
            table.path.display(),
            found.why_missing()
        );
    }
    Ok(items)
}

#[cfg(test)]
#[path = "ham10000_tests.rs"]
mod tests;
