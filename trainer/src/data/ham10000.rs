//! HAM10000 as it is published (Tschandl, Rosendahl and Kittler, Sci. Data 5, 180161, 2018).
//!
//! ```text
//! FOLDER/HAM10000_metadata.csv                       lesion_id, image_id, dx, ...
//! FOLDER/HAM10000_images_part_1/ISIC_0024306.jpg     the images, in one or more such folders
//! FOLDER/HAM10000_images_part_2/...
//! FOLDER/HAM10000_segmentations_lesion_tschandl/ISIC_0024306_segmentation.png     optional
//! ```

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::card::Class;

use super::dataset::choose;
use super::{Dataset, Item, Picture, identical};

/// The classes of the dataset: code in the column `dx`, and name.
const CLASSES: [(&str, &str); 7] = [
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

/// The names under which the table is found: as published, as on Kaggle, and with tabs from Harvard Dataverse.
const TABLES: [&str; 3] = [
    "HAM10000_metadata.csv",
    "HAM10000_metadata",
    "HAM10000_metadata.tab",
];

/// The folder of the lesion masks.
pub(super) const MASKS: &str = "HAM10000_segmentations_lesion_tschandl";

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
    let table = TABLES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "{} holds no HAM10000_metadata.csv: give the folder that it was unpacked into",
                folder.display()
            )
        })?;
    let files = image_files(folder)?;
    let masks = folder.join(MASKS);
    let mut items = vec![];
    let mut missing = vec![];
    for row in read_table(&table, &known)? {
        let Some(label) = classes.iter().position(|class| class.code == row.dx) else {
            continue;
        };
        let Some(path) = files.get(&row.image_id) else {
            missing.push(row.image_id);
            continue;
        };
        let mask = masks.join(format!("{}_segmentation.png", row.image_id));
        items.push(Item {
            picture: Picture::File(path.clone()),
            label,
            group: row.lesion_id,
            mask: mask.is_file().then_some(mask),
            id: row.image_id,
        });
    }
    if let Some(first) = missing.first() {
        bail!(
            "{} images of {} are in no folder {}, {first} to begin with: unpack every part beside the table",
            missing.len(),
            table.display(),
            folder.join("HAM10000_images_part_*").display(),
        );
    }
    identical::join_groups(&mut items)?;
    Ok(Dataset { classes, items })
}

/// One row of the table, as far as it is needed.
struct Row {
    lesion_id: String,
    image_id: String,
    dx: String,
}

fn read_table(path: &Path, known: &[Class]) -> Result<Vec<Row>> {
    let place = path.display();
    let text =
        fs::read_to_string(path).with_context(|| format!("the table {place} cannot be read"))?;
    let tabs = text.lines().next().is_some_and(|line| line.contains('\t'));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if tabs { b'\t' } else { b',' })
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader
        .headers()
        .with_context(|| format!("the table {place} is damaged: copy it again"))?
        .clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).with_context(|| {
            let found: Vec<&str> = header.iter().collect();
            format!(
                "the table {place} has no column `{name}`, only `{}`: use the published file",
                found.join("`, `")
            )
        })
    };
    let (lesion, image, dx) = (column("lesion_id")?, column("image_id")?, column("dx")?);
    let mut seen = HashSet::new();
    let mut rows = vec![];
    for record in reader.records() {
        let record =
            record.with_context(|| format!("the table {place} is damaged: copy it again"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| record.get(index).unwrap_or_default().to_owned();
        let row = Row {
            lesion_id: field(lesion),
            image_id: field(image),
            dx: field(dx),
        };
        ensure!(
            ![&row.lesion_id, &row.image_id].iter().any(|f| f.is_empty()),
            "line {line} of {place} lacks its lesion_id or image_id: copy the table again"
        );
        ensure!(
            known.iter().any(|class| class.code == row.dx),
            "line {line} of {place} has the unknown class `{}`: it must be one of {}",
            row.dx,
            super::dataset::list(known.iter().map(|class| &class.code))
        );
        ensure!(
            seen.insert(row.image_id.clone()),
            "line {line} of {place} names the image {} a second time: remove one of the rows",
            row.image_id
        );
        rows.push(row);
    }
    Ok(rows)
}

/// Every image file in the folders `HAM10000_images_part_*`, by its name without the ending.
fn image_files(folder: &Path) -> Result<HashMap<String, PathBuf>> {
    let mut files = HashMap::new();
    for part in listed(folder)? {
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        if !name.to_lowercase().starts_with("ham10000_images") || !part.is_dir() {
            continue;
        }
        for path in listed(&part)? {
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if let (Some(stem), "jpg" | "jpeg" | "png") =
                (path.file_stem(), &ending.to_lowercase()[..])
            {
                files.insert(stem.to_string_lossy().into_owned(), path.clone());
            }
        }
    }
    Ok(files)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("the folder {} cannot be read", folder.display());
    fs::read_dir(folder)
        .with_context(context)?
        .map(|entry| entry.map(|e| e.path()).with_context(context))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::testing::{png, real_data};
    use super::*;

    fn small(table: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("HAM10000_metadata"), table).unwrap();
        for (part, id) in [(1, "I1"), (2, "I2"), (2, "I3")] {
            let part = folder.path().join(format!("HAM10000_images_part_{part}"));
            fs::create_dir_all(&part).unwrap();
            fs::write(part.join(format!("{id}.jpg")), png(9, id.as_bytes()[1])).unwrap();
        }
        fs::create_dir(folder.path().join(MASKS)).unwrap();
        let mask = folder.path().join(MASKS).join("I2_segmentation.png");
        fs::write(mask, png(9, 255)).unwrap();
        folder
    }

    const TABLE: &str = "lesion_id,image_id,dx,dx_type,age,sex,localization\n\
        L1,I1,nv,histo,80.0,male,back\nL2,I2,bkl,histo,,male,back\nL2,I3,bkl,histo,,male,back\n";

    #[test]
    fn the_published_layout_is_read() {
        for table in [TABLE.to_owned(), TABLE.replace(',', "\t")] {
            let folder = small(&table);
            let dataset = open(folder.path(), None).unwrap();
            assert_eq!(dataset.counts(), [1, 0, 2]);
            assert_eq!(dataset.items[1].group, dataset.items[2].group);
            let masks: Vec<bool> = dataset.items.iter().map(|i| i.mask.is_some()).collect();
            assert_eq!(masks, [false, true, false]);
            assert!(dataset.items.iter().all(|i| i.picture.read(32).is_ok()));
        }
    }

    #[test]
    fn each_fault_of_the_table_is_named() {
        for (table, reason) in [
            (TABLE.replace(",dx,", ",diagnosis,"), "no column `dx`"),
            (TABLE.replace("nv", "wart"), "line 2 of"),
            (TABLE.replace("nv", "wart"), "unknown class `wart`"),
            (TABLE.replace("I3", "I2"), "a second time"),
            (TABLE.replace("L1,", ","), "lacks its lesion_id"),
            (TABLE.replace("I3", "I4"), "1 images of"),
            (format!("{TABLE}L3\n"), "damaged"),
        ] {
            let folder = small(&table);
            let error = format!("{:#}", open(folder.path(), None).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = open(empty.path(), None).unwrap_err().to_string();
        assert!(error.contains("holds no HAM10000_metadata.csv"), "{error}");
        let unknown = ["nv".to_owned(), "wart".to_owned()];
        let error = open(empty.path(), Some(&unknown)).unwrap_err().to_string();
        assert!(
            error.contains("choose --classes from nv, mel, bkl, bcc"),
            "{error}"
        );
    }

    #[test]
    fn the_real_tables_have_the_published_numbers() {
        let Some(data) = real_data("ham10000") else {
            return;
        };
        let codes: Vec<String> = CLASSES.iter().map(|(code, _)| (*code).into()).collect();
        let dataset = open(&data, Some(&codes)).unwrap();
        assert_eq!(dataset.counts(), [6705, 1113, 1099, 514, 327, 142, 115]);
        let lesions: HashSet<&str> = dataset.items.iter().map(|i| &i.group[..]).collect();
        assert_eq!(lesions.len(), 7470);
        assert!(dataset.items.iter().all(|item| item.mask.is_some()));
        assert_eq!(open(&data, None).unwrap().counts(), [6705, 1113, 1099]);
    }
}
