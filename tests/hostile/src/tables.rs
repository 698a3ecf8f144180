//! A folder of images with the table that says what they show, and what can be wrong with such a table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pellucid_shared::image::{RgbImage, encode_png};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::grid::{Grid, Style};
use super::mutate;

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
enum Form {
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
    let (mut right, mut what) = changed(chance, form, &mut grid);
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
        (bytes, right, what) = other_bytes(chance, bytes);
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

/// The columns of the image and of the class; the one-hot form has several of these.
fn columns(form: Form, grid: &Grid) -> (usize, usize) {
    let [image, class] = match form {
        Form::Published => ["image_id", "dx"],
        Form::OneHot => ["image", "NV"],
        Form::Renamed => ["Image ID", "Diagnosis"],
        Form::Split => ["image_id", "label"],
    };
    (grid.column(image), grid.column(class))
}

/// Texts that do harm where they are shown, run or counted.
const HARMFUL: [&str; 9] = [
    "=HYPERLINK(\"http://x\",\"y\")",
    "\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{202e}gpj.exe",
    "a\0b",
    "a\nb\r\nc",
    "../../../etc/passwd",
    "\"\"\",;\t|",
    "NaN",
    "-1",
];

fn harmful(chance: &mut ChaCha8Rng) -> String {
    match chance.random_range(0..=HARMFUL.len()) {
        0 => "x".repeat(100_000),
        at => HARMFUL[at - 1].to_owned(),
    }
}

/// Changes one thing in a table.
fn changed(chance: &mut ChaCha8Rng, form: Form, grid: &mut Grid) -> (Right, String) {
    let (image, class) = columns(form, grid);
    let row = grid.any_row(chance);
    let (right, what) = match chance.random_range(0..16) {
        0 => (Right::Same, "nothing"),
        1 => {
            grid.0[1..].shuffle(chance);
            (Right::Same, "its rows in another order")
        }
        2 => {
            grid.0[0].push("remarks".into());
            for row in &mut grid.0[1..] {
                row.push(harmful(chance));
            }
            (Right::Same, "a column of harmful texts")
        }
        3 => {
            grid.0[0]
                .iter_mut()
                .for_each(|name| *name = format!(" {} ", name.to_uppercase()));
            (Right::Same, "its columns in capitals")
        }
        4 => {
            grid.0[row].pop();
            (Right::Refused, "a row without its last field")
        }
        5 => {
            grid.0[row].push("more".into());
            (Right::Refused, "a row with a field more")
        }
        6 => {
            let again = grid.0[row].clone();
            grid.0.push(again);
            (Right::Refused, "an image twice")
        }
        7 => {
            let mut again = grid.0[row].clone();
            again[image] = again[image].to_lowercase();
            grid.0.push(again);
            (Right::Refused, "an image twice, in small letters")
        }
        8 => {
            grid.0[row][image] = "ISIC_9999999".into();
            (Right::Refused, "an image that is not there")
        }
        9 => {
            grid.0[row][image] = harmful(chance);
            (Right::Refused, "a harmful image")
        }
        10 => {
            grid.0[row][class] = match chance.random_range(0..4) {
                0 => "7".into(),
                1 => "wart".into(),
                2 => "1e999".into(),
                _ => harmful(chance),
            };
            (Right::Refused, "no class")
        }
        11 => {
            grid.0[0][image] = "picture of it".into();
            (Right::Refused, "no column of images")
        }
        12 => {
            for row in &mut grid.0 {
                let twice = row[image].clone();
                row.push(twice);
            }
            (Right::Refused, "the column of images twice")
        }
        13 => {
            grid.0.truncate(1);
            (Right::Refused, "its header alone")
        }
        14 => {
            grid.0[row].iter_mut().for_each(|field| *field = "x".into());
            (Right::Refused, "a row of something else")
        }
        _ => of_the_form(chance, form, grid, row),
    };
    (right, what.to_owned())
}

/// What can be wrong with tables of one form only.
fn of_the_form(
    chance: &mut ChaCha8Rng,
    form: Form,
    grid: &mut Grid,
    row: usize,
) -> (Right, &'static str) {
    let odd = chance.random_ratio(1, 2);
    match form {
        Form::Published => {
            let column = grid.column("lesion_id");
            grid.0[row][column] = " ".into();
            (Right::Refused, "a row without its lesion")
        }
        Form::OneHot if odd => {
            grid.0[row][1..].fill(["0.0", "1.0"][chance.random_range(0..2)].into());
            (Right::Refused, "a row of no class or of all")
        }
        Form::OneHot => {
            grid.0[row][1..].fill("0,14".into());
            (Right::Refused, "a row of scores")
        }
        Form::Renamed => {
            let column = grid.column("Diagnosis");
            grid.0[0][column] = "finding".into();
            (Right::Refused, "no column of classes")
        }
        Form::Split if odd => {
            let column = grid.column("split");
            grid.0[row][column] =
                ["dev", "", "TEST", "\u{202e}tset"][chance.random_range(0..4)].into();
            (Right::Refused, "a part that there is not")
        }
        Form::Split => {
            // The lesion of the last two images of a class, torn apart.
            let column = grid.column("split");
            grid.0[IMAGES][column] = "train".into();
            (Right::Refused, "a lesion in two parts")
        }
    }
}

/// Bytes that no program writes as a table.
fn other_bytes(chance: &mut ChaCha8Rng, mut bytes: Vec<u8>) -> (Vec<u8>, Right, String) {
    match chance.random_range(0..9) {
        0 => (vec![], Right::Refused, "no bytes".into()),
        1 => (vec![0; 4096], Right::Refused, "zeros".into()),
        2 => {
            let line = b"x".repeat(10_000_000);
            (line, Right::Refused, "a line of 10 MB".into())
        }
        3 => {
            let line = b"image_id,".repeat(1_000_000);
            (line, Right::Refused, "a million columns".into())
        }
        4 => {
            // Where all fields stand in quotes it may end.
            bytes = [b"\"", &bytes[..]].concat();
            (bytes, Right::Either, "a quote that never ends".into())
        }
        5 => {
            let rows = b"1,2,3\n".repeat(500_000);
            let header = b"image_id,dx,lesion_id\n".to_vec();
            (
                [header, rows].concat(),
                Right::Refused,
                "half a million wrong rows".into(),
            )
        }
        6 => {
            let at = chance.random_range(0..bytes.len());
            bytes.truncate(at);
            (bytes, Right::Either, format!("cut to {at} bytes"))
        }
        _ => {
            let what = mutate::bytes(chance, &mut bytes);
            (bytes, Right::Either, what)
        }
    }
}
