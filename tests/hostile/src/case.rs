//! One case: the files of a command, of which one is hostile.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{model, other};

/// The files that a command is given.
pub(crate) struct Case {
    /// What was changed, in words.
    pub(crate) what: String,
    pub(crate) model: PathBuf,
    /// A picture or an array.
    pub(crate) image: PathBuf,
    /// Further options of `explain`.
    pub(crate) options: Vec<String>,
    /// Whether it is the model that was changed: then all commands are tried.
    pub(crate) hostile_model: bool,
}

impl Case {
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.model, &self.image].into_iter().map(|path| &**path)
    }
}

/// The case of that number, in a folder.
pub(crate) fn make(seed: u64, folder: &Path) -> Result<Case> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut case = Case {
        what: String::new(),
        model: folder.join("model.onnx"),
        image: folder.join("image.png"),
        options: vec![],
        hostile_model: false,
    };
    std::fs::write(&case.image, other::picture()?)?;
    // Models are what strangers bring most, and what can be wrong in the most ways.
    if chance.random_ratio(3, 4) {
        let (bytes, what) = model::hostile(&mut chance)?;
        case.hostile_model = true;
        case.what = what;
        std::fs::write(&case.model, bytes)?;
        return Ok(case);
    }
    std::fs::write(&case.model, model::sound(&mut chance)?.to_bytes())?;
    match chance.random_range(0..4) {
        0 => {
            case.what = "picture".into();
            std::fs::write(&case.image, other::hostile_picture(&mut chance)?)?;
        }
        1 => {
            case.what = "array".into();
            case.image = folder.join("input.npy");
            std::fs::write(&case.image, other::hostile_array(&mut chance))?;
        }
        2 => {
            case.what = "card".into();
            let card = folder.join("card.json");
            std::fs::write(&card, other::hostile_card(&mut chance))?;
            case.options = vec!["--card".into(), card.display().to_string()];
        }
        _ => {
            case.what = "labels".into();
            let labels = folder.join("labels.txt");
            std::fs::write(&labels, other::hostile_labels(&mut chance))?;
            case.options = vec!["--labels".into(), labels.display().to_string()];
        }
    }
    Ok(case)
}
