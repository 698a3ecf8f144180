//! What the user says of a model, and what follows from it together with card and graph.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pellucid_shared::card::{Card, Channels, Class, Layout, Range, Scores};
use pellucid_shared::contract::{Assumption, Contract, Wishes};
use pellucid_shared::files;
use pellucid_shared::image::{Crop, Filter};
use pellucid_shared::onnx::Model;

use super::values::{MOST_TEXT, channels, one_of, positive_channels};

/// Names as the card spells them.
const CROPS: [(&str, Crop); 2] = [
    ("center_square", Crop::CenterSquare),
    ("stretch", Crop::Stretch),
];
const FILTERS: [(&str, Filter); 4] = [
    ("triangle", Filter::Triangle),
    ("catmull_rom", Filter::CatmullRom),
    ("lanczos3", Filter::Lanczos3),
    ("nearest", Filter::Nearest),
];
const LAYOUTS: [(&str, Layout); 2] = [("nchw", Layout::Nchw), ("nhwc", Layout::Nhwc)];
const CHANNELS: [(&str, Channels); 2] = [("1", Channels::Grey), ("3", Channels::Rgb)];
const RANGES: [(&str, Range); 3] = [
    ("0..1", Range::Unit),
    ("0..255", Range::Bytes),
    ("-1..1", Range::Signed),
];
const SCORES: [(&str, Scores); 4] = [
    ("softmax", Scores::Softmax),
    ("sigmoid", Scores::Sigmoid),
    ("probabilities", Scores::Probabilities),
    ("values", Scores::Values),
];

/// What a model's card would say; these go before it.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Feed {
    /// Read the model card from this JSON file
    #[arg(long, value_name = "JSON")]
    card: Option<PathBuf>,
    /// Side of the square input in pixels
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// Which part of the image is kept
    #[arg(long, value_name = "CROP", value_parser = one_of(CROPS))]
    crop: Option<Crop>,
    /// How it is resized
    #[arg(long, value_name = "FILTER", value_parser = one_of(FILTERS))]
    resize: Option<Filter>,
    /// The order of the input's axes
    #[arg(long, value_name = "LAYOUT", value_parser = one_of(LAYOUTS))]
    layout: Option<Layout>,
    /// 3 for red, green and blue, 1 for grey
    #[arg(long, value_name = "COUNT", value_parser = one_of(CHANNELS))]
    channels: Option<Channels>,
    /// The values of black and white, before mean and standard deviation
    #[arg(long, value_name = "RANGE", value_parser = one_of(RANGES), allow_hyphen_values = true)]
    range: Option<Range>,
    /// Mean per channel in units of the range, subtracted before the image is fed: r,g,b or one number
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = channels, allow_hyphen_values = true)]
    mean: Option<[f32; 3]>,
    /// Standard deviation per channel, divided by before the image is fed
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = positive_channels)]
    std: Option<[f32; 3]>,
    /// Read the class names from this file, one per line in the order of the scores
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What the network's numbers are: logits of classes that exclude each other (softmax) or do not (sigmoid; one number
    /// is the logit of two classes), probabilities, or other values
    #[arg(long, value_name = "KIND", value_parser = one_of(SCORES))]
    scores: Option<Scores>,
}

impl Feed {
    /// What the contract is asked for; `output` names the value that is explained.
    pub(super) fn wishes(&self, output: Option<&str>) -> Result<Wishes> {
        let card = match &self.card {
            Some(file) => {
                let text = files::read_text(file, MOST_TEXT)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Some(Card::parse(&text).with_context(|| file.display().to_string())?)
            }
            None => None,
        };
        Ok(Wishes {
            card,
            size: self.size,
            crop: self.crop,
            resize: self.resize,
            layout: self.layout,
            channels: self.channels,
            range: self.range,
            normalization: self.mean.zip(self.std),
            classes: self.labels.as_deref().map(labels).transpose()?,
            output: output.map(str::to_owned),
            scores: self.scores,
        })
    }
}

/// What the model takes and gives.
pub(super) fn contract(model: &Model, path: &Path, wishes: &Wishes) -> Result<Contract> {
    let contract = Contract::resolve(model, wishes);
    contract.with_context(|| format!("{} cannot be used", path.display()))
}

/// A line for each thing that nobody told.
pub(super) fn assumed_lines(assumed: &[Assumption]) -> String {
    let lines = assumed.iter().map(|what| format!("assumed: {what}\n"));
    lines.collect()
}

/// One class per line; blank lines at the end do not count.
fn labels(path: &Path) -> Result<Vec<Class>> {
    let text = files::read_text(path, MOST_TEXT)
        .with_context(|| format!("cannot read the labels {}", path.display()))?;
    let classes: Vec<Class> = text
        .trim_end()
        .lines()
        .map(|line| Class {
            code: line.trim().to_owned(),
            name: String::new(),
        })
        .collect();
    if classes.is_empty() || classes.iter().any(|class| class.code.is_empty()) {
        bail!(
            "{} is empty or has a blank line: a file of labels has one class per line",
            path.display()
        );
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[test]
    fn names_are_those_of_the_card() {
        fn spelled<T: Serialize>(choices: &[(&str, T)]) {
            for (name, value) in choices {
                assert_eq!(serde_json::to_value(value).unwrap(), *name);
            }
        }
        spelled(&CROPS);
        spelled(&FILTERS);
        spelled(&LAYOUTS);
        spelled(&RANGES);
        spelled(&SCORES);
    }
}
