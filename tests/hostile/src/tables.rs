//! A folder of images with the table that says what they show.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pellucid_shared::image::{RgbImage, encode_png};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::grid::{Grid, Style};
use super::harm;

/// Images in the folder, as many of each class.
pub(crate) const IMAGES: usize = 12;
/// The classes by code, in the order of the data.
pub(crate) const CLASSES: [&str; 3] = ["nv", "mel", "bkl"];

/// What has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// What the sound table says: the change means nothing.
    Same,
    /// A refusal: the table does not say what the images show, or says two things.
    Refused,
    /// Either; but all commands alike.
    Either,
}

/// Data that a command is given.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) folder: PathBuf,
    /// A split of the data, where it is that which was changed.
    pub(crate) split: Option<PathBuf>,
    pub(crate) right: Right,
    /// Class and lesion by image, as the sound table says them.
    pub(crate) truth: BTreeMap<String, (String, String)>,
    /// Whether it is trained on and reported on, which takes longer.
    pub(crate) train: bool,
    pub(crate) report: bool,
}

impl Tables {
    /// The images that `evaluate` counts where the table is sound.
    pub(crate) fn measured(&self) -> usize {
        match self.split {
            Some(_) => 2 * CLASSES.len(),
            None => IMAGES,
        }
    }

    /// What is hostile of it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let below = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let below = below.map(|entry| entry.path());
        below.chain(self.split.clone()).collect()
    }
}

/// The forms in which a table may come.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// HAM10000's, by its name.
    Published,
    /// ISIC 2018's: a column per class.
    OneHot,
    /// One that is known by its columns.
    Renamed,
    /// HAM10000's, sound, with a split.
    Split,
}

fn id(index: usize) -> String {
    format!("ISIC_{:07}", 24_300 + index)
}

fn class(index: usize) -> &'static str {
    CLASSES[index % CLASSES.len()]
}

/// The last two images of each class show one lesion.
fn lesion(index: usize) -> String {
    let last = IMAGES - CLASSES.len();
    let first = if index >= last {
        index - CLASSES.len()
    } else {
        index
    };
    format!("HAM_{first:07}")
}

/// Writes the folder below this one; says what was changed.
pub(crate) fn make(chance: &mut ChaCha8Rng, below: &Path) -> Result<(Tables, String)> {
    let folder = below.join("data");
    let images = folder.join("HAM10000_images_part_1");
    fs::create_dir_all(&images)?;
    for index in 0..IMAGES {
        let picture = RgbImage::from_fn(24, 20, |x, y| {
            let shade = |by: usize| u8::try_from((x as usize * by + y as usize * index) % 256);
            [7, 5, 3].map(|by| shade(by).unwrap_or(0)).into()
        });
        fs::write(
            images.join(format!("{}.png", id(index))),
            encode_png(&picture)?,
        )?;
    }
    let form =
        [Form::Published, Form::OneHot, Form::Renamed, Form::Split][chance.random_range(0..4)];
    let mut grid = sound(form);
    let (mut right, mut what) = harm::changed(chance, form, &mut grid);
    let mut style = match chance.random_ratio(2, 3) {
        true => Style::any(chance),
        false => Style::plain(),
    };
    if right == Right::Refused {
        // Else a field that is missing would be there, empty.
        style.empty = 0;
    }
    let mut bytes = grid.written(&style);
    if chance.random_ratio(1, 5) {
        (bytes, right, what) = harm::bytes(chance, bytes);
    }
    let split = (form == Form::Split).then(|| below.join("split.csv"));
    let place = match form {
        Form::Published => folder.join("HAM10000_metadata.csv"),
        Form::OneHot => folder.join("ISIC2018_Task3_Training_GroundTruth.csv"),
        Form::Renamed => folder.join("labels.csv"),
        Form::Split => below.join("split.csv"),
    };
    fs::write(place, bytes)?;
    let beside = match form {
        Form::OneHot => Some(("ISIC2018_Task3_Training_LesionGroupings.csv", groupings())),
        Form::Split => Some(("HAM10000_metadata.csv", sound(Form::Published))),
        _ => None,
    };
    if let Some((name, grid)) = beside {
        fs::write(folder.join(name), grid.written(&Style::plain()))?;
    }
    let truth = (0..IMAGES).map(|index| {
        // The renamed table knows no lesions.
        let alone = form == Form::Renamed;
        let lesion = if alone { id(index) } else { lesion(index) };
        (id(index), (class(index).to_owned(), lesion))
    });
    let tables = Tables {
        folder,
        split,
        right,
        truth: truth.collect(),
        train: chance.random_ratio(1, 6),
        report: chance.random_ratio(1, 4),
    };
    Ok((tables, format!("table, {what}, {style:?}")))
}

fn groupings() -> Grid {
    let row = |index| vec![id(index), lesion(index), "histo".into()];
    Grid::of(
        &["image", "lesion_id", "diagnosis_confirm_type"],
        (0..IMAGES).map(row),
    )
}

fn sound(form: Form) -> Grid {
    let all = 0..IMAGES;
    match form {
        Form::Published => {
            let header = [
                "lesion_id",
                "image_id",
                "dx",
                "dx_type",
                "age",
                "sex",
                "localization",
            ];
            let row = |index: usize| {
                let more = ["histo", "80.0", "male", "back"].map(String::from);
                let first = [lesion(index), id(index), class(index).into()];
                first.into_iter().chain(more).collect()
            };
            Grid::of(&header, all.map(row))
        }
        Form::OneHot => {
            let header = ["image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];
            let row = |index: usize| {
                let holds = |name: &&str| {
                    if name.to_lowercase() == class(index) {
                        "1.0"
                    } else {
                        "0.0"
                    }
                };
                let classes = header[1..].iter().map(holds).map(String::from);
                std::iter::once(id(index)).chain(classes).collect()
            };
            Grid::of(&header, all.map(row))
        }
        Form::Renamed => {
            let row = |index: usize| {
                vec![
                    format!("{}.PNG", id(index)),
                    class(index).to_uppercase(),
                    "x".into(),
                ]
            };
            Grid::of(&["Image ID", "Diagnosis", "notes"], all.map(row))
        }
        Form::Split => {
            let row = |index: usize| {
                let part = ["train", "validation", "test", "test"][index / CLASSES.len()];
                vec![id(index), class(index).into(), lesion(index), part.into()]
            };
            Grid::of(&["image_id", "label", "group", "split"], all.map(row))
        }
    }
}
