//! What can be wrong with a table of images.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::grid::Grid;
use super::mutate;
use super::tables::{Form, IMAGES, Right};

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
pub(crate) fn changed(chance: &mut ChaCha8Rng, form: Form, grid: &mut Grid) -> (Right, String) {
    let (image, class) = columns(form, grid);
    let row = grid.any_row(chance);
    // What means the same is as often as all that does not.
    let change = match chance.random() {
        true => chance.random_range(0..4),
        false => chance.random_range(4..16),
    };
    let (right, what) = match change {
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
pub(crate) fn bytes(chance: &mut ChaCha8Rng, mut bytes: Vec<u8>) -> (Vec<u8>, Right, String) {
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
