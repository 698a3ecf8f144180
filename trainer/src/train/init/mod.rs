//! The network that a training begins with.

mod foreign;
mod head;
mod imagenet;
mod names;
mod own;
#[cfg(test)]
mod tests;
mod weights;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use pellucid_shared::card::Class;
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::Model;
use pellucid_shared::zoo::{Architecture, Blueprint, build};

pub(super) use head::last_layer;
use names::unwrapped;
use own::own_graph;
use weights::{is_safetensors, load_by_name, read_weights};

/// What to begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The architecture; with `init` and without it, the file's own graph is trained.
    pub architecture: Option<Architecture>,
    /// Side of the input in pixels; otherwise the graph's own, or [`usual_size`].
    pub size: Option<u32>,
    /// What is borrowed.
    pub init: Option<Init>,
    /// The share of the features that a training drops before the last layer of an architecture, 0 to below 1; otherwise as
    /// much as its published weights were trained with.
    pub dropout: Option<f32>,
}

/// Whose weights to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// Those that were trained on ImageNet, as `cargo xtask deps --weights` fetches them.
    Imagenet,
    /// An `.onnx` model, or `.safetensors` weights under the architecture's names.
    File(PathBuf),
}

impl FromStr for Init {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "imagenet" => Self::Imagenet,
            file => Self::File(file.into()),
        })
    }
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Imagenet => f.write_str("imagenet"),
            Self::File(file) => write!(f, "{}", file.display()),
        }
    }
}

/// A model to train, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Initial {
    pub(super) model: Model,
    /// How images are cut and resized for it.
    pub(super) preprocessing: Preprocessing,
    /// The architecture's name for the card.
    pub(super) architecture: String,
    pub(super) notices: Vec<String>,
    /// Whether the graph is the file's own, which nobody here has exported before.
    pub(super) foreign: bool,
    /// Whether the last layer has learnt nothing yet, behind a body that has.
    pub(super) fresh_head: bool,
}

/// The input's side where nobody says: 224 pixels as on ImageNet, 64 for the small network.
#[must_use]
pub fn usual_size(architecture: Architecture) -> u32 {
    match architecture {
        Architecture::ResnetSmall => 64,
        _ => 224,
    }
}

/// Builds or loads the model for these classes.
pub(super) fn initial_model(start: &Start, classes: &[Class], seed: u64) -> Result<Initial> {
    match (&start.init, start.architecture) {
        (Some(Init::File(file)), None) if !is_safetensors(file) => {
            own_graph(file, start, classes, seed)
        }
        (Some(Init::Imagenet), architecture) => {
            let architecture = architecture.unwrap_or(Architecture::EfficientnetLite0);
            let weights = imagenet::weights(architecture)?;
            built(architecture, Some(&weights), start, classes, seed)
        }
        (init, architecture) => {
            let architecture = architecture.unwrap_or(Architecture::Resnet18);
            let file = init.as_ref().and_then(|init| match init {
                Init::File(file) => Some(file.as_path()),
                Init::Imagenet => None,
            });
            built(architecture, file, start, classes, seed)
        }
    }
}

/// An architecture of the zoo, with a file's weights where one is given.
fn built(
    architecture: Architecture,
    weights: Option<&Path>,
    start: &Start,
    classes: &[Class],
    seed: u64,
) -> Result<Initial> {
    let size = start.size.unwrap_or_else(|| usual_size(architecture));
    let mut blueprint = Blueprint::new(architecture, classes.len(), size as usize, seed);
    blueprint.dropout = start.dropout.unwrap_or(blueprint.dropout);
    let mut model = build(&blueprint)?;
    let mut notices = vec![];
    let mut fresh_head = false;
    if let Some(file) = weights {
        let weights = unwrapped(read_weights(file)?, &model);
        let skipped = load_by_name(&mut model, &weights).with_context(|| {
            format!(
                "{} does not hold the weights of {}: choose another --arch",
                file.display(),
                architecture.name()
            )
        })?;
        fresh_head = !skipped.is_empty();
        if fresh_head {
            notices.push(format!(
                "The head ({}) of {} is for other classes: it starts afresh.",
                skipped.join(", "),
                file.display()
            ));
        }
    }
    Ok(Initial {
        model,
        preprocessing: Preprocessing::square(size),
        architecture: architecture.name().to_owned(),
        notices,
        foreign: false,
        fresh_head,
    })
}
