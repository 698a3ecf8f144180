//! One case: the files of a command, of which one is hostile.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tables::Tables;
use super::{model, other, tables};

/// What is hostile about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A model: then all commands that read one are tried.
    Model,
    Picture,
    Array,
    Card,
    Labels,
    /// A table of images and classes, or a split.
    Table,
}

impl Kind {
    /// Models are what strangers bring most, and what can be wrong in the most ways.
    fn any(chance: &mut ChaCha8Rng) -> Self {
        if chance.random_ratio(3, 4) {
            return Self::Model;
        }
        match chance.random_range(0..6) {
            0 => Self::Picture,
            1 => Self::Array,
            2 => Self::Card,
            3 => Self::Labels,
            _ => Self::Table,
        }
    }
}

/// The files that a command is given.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    /// What was changed, in words.
    pub(crate) what: String,
    pub(crate) model: PathBuf,
    /// A picture or an array.
    pub(crate) image: PathBuf,
    /// Further options of `explain`.
    pub(crate) options: Vec<String>,
    /// Data with their table.
    pub(crate) tables: Option<Tables>,
}

impl Case {
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.model.clone(), self.image.clone()];
        if let Some(tables) = &self.tables {
            files.extend(tables.files());
        }
        files.extend(self.options.iter().map(PathBuf::from));
        files.retain(|path| path.is_file());
        files
    }
}

/// The case of that number, in a folder; of one kind, where it is named.
pub(crate) fn make(seed: u64, only: Option<Kind>, folder: &Path) -> Result<Case> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let kind = Kind::any(&mut chance);
    let mut case = Case {
        kind: only.unwrap_or(kind),
        what: String::new(),
        model: folder.join("model.onnx"),
        image: folder.join("image.png"),
        options: vec![],
        tables: None,
    };
    std::fs::write(&case.image, other::picture()?)?;
    let chance = &mut chance;
    let model = match case.kind {
        Kind::Model => {
            let (bytes, what) = model::hostile(chance)?;
            case.what = what;
            bytes
        }
        Kind::Table => {
            let (tables, what) = tables::make(chance, folder)?;
            case.what = what;
            case.tables = Some(tables);
            model::plain(chance)?.to_bytes()
        }
        _ => model::sound(chance)?.to_bytes(),
    };
    std::fs::write(&case.model, model)?;
    let (what, name, bytes) = match case.kind {
        Kind::Model | Kind::Table => return Ok(case),
        Kind::Picture => ("picture", "image.png", other::hostile_picture(chance)?),
        Kind::Array => ("array", "input.npy", other::hostile_array(chance)),
        Kind::Card => ("card", "card.json", other::hostile_card(chance)),
        Kind::Labels => ("labels", "labels.txt", other::hostile_labels(chance)),
    };
    case.what = what.into();
    let path = folder.join(name);
    std::fs::write(&path, bytes)?;
    match case.kind {
        Kind::Card => case.options = vec!["--card".into(), path.display().to_string()],
        Kind::Labels => case.options = vec!["--labels".into(), path.display().to_string()],
        _ => case.image = path,
    }
    Ok(case)
}
