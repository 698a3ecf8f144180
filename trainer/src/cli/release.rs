//! `pellucid release`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use ndarray::{Array2, Array4, Ix2};
use pellucid_shared::attribution::{Signature, predicted};
use pellucid_shared::card::{Card, Scores};
use pellucid_shared::contract::{Contract, Wishes};
use pellucid_shared::onnx::{Model, Narrowed, data_file, narrow_weights};
use pellucid_shared::phantom::{PhantomOptions, generate};
use serde::Serialize;

use super::model;
use super::output::{bytes, print, print_json};
use crate::engines::{EngineKind, open};

/// Ready a model for others: weights at half the size, and a card that says whose they are and what for
///
/// With --float16 the large weights are stored in half precision; everything is still computed in single precision, in any
/// runtime. The answers of both files to drawings of skin lesions are then compared, and what was measured before is marked so in the
/// card. The gradient, the classes and the rest of the card stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid release runs/robust/best.onnx -o released.onnx --float16
  pellucid release robust.onnx -o shown.onnx --license CC-BY-NC-4.0 --attribution ViDIR")]
pub struct Args {
    /// The model
    model: PathBuf,
    /// Where to write the result
    #[arg(short = 'o', long = "out", value_name = "ONNX")]
    out: PathBuf,
    /// Store the large weights in half precision
    #[arg(long)]
    float16: bool,
    /// What to call the model
    #[arg(long)]
    name: Option<String>,
    /// The licence of the weights, as an SPDX identifier
    #[arg(long, value_name = "SPDX")]
    license: Option<String>,
    /// Whom to name: the makers of the data and of the weights that the training began with
    #[arg(long, value_name = "TEXT")]
    attribution: Option<String>,
    /// What the network is for and what not
    #[arg(long, value_name = "TEXT")]
    intended_use: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The files that are written; the second only where a model takes more than one can hold.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        vec![self.out.clone(), data_file(&self.out)]
    }

    fn says_something_for_the_card(&self) -> bool {
        let texts = [
            &self.name,
            &self.license,
            &self.attribution,
            &self.intended_use,
        ];
        texts.into_iter().any(Option::is_some)
    }

    /// Puts what the user says into the card.
    fn complete(&self, card: &mut Card) {
        for (text, field) in [
            (&self.name, &mut card.name),
            (&self.license, &mut card.license),
            (&self.attribution, &mut card.attribution),
            (&self.intended_use, &mut card.intended_use),
        ] {
            if let Some(text) = text {
                field.clone_from(text);
            }
        }
    }
}

/// What became of the file.
#[derive(Serialize)]
struct ReleaseReport {
    output: PathBuf,
    bytes_before: u64,
    bytes_after: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    float16: Option<Halved>,
}

/// What half precision did to the weights and to the answers.
#[derive(Serialize)]
struct Halved {
    tensors: usize,
    weights: usize,
    /// The largest rounding of a weight, as a share of the largest weight of its tensor.
    rounding: f64,
    /// How much the answers moved, where the file is a classifier that could be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    unasked: Option<String>,
}

/// The largest differences between the answers of two files.
#[derive(Clone, Copy, Debug, Serialize)]
struct Moved {
    images: usize,
    /// Of a logit, as a share of the largest logit.
    logits: f64,
    /// Of a probability, where the answers have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// Images that are given another class.
    classes: usize,
}

/// Readies a file.
///
/// # Errors
/// Where the model cannot be read, its weights cannot be stored so, or the result not be written.
pub fn run(args: Args) -> Result<()> {
    let (original, files) = model::load_with_files(&args.model)?;
    let bytes_before = model::size(&files)?;
    let place = || args.model.display().to_string();
    let mut card = Card::from_model(&original).with_context(place)?;
    ensure!(
        card.is_some() || !args.says_something_for_the_card(),
        "{} has no card to write into, and what a card must say of its input is not known: train it with pellucid, or put a card into its metadata property `pellucid.card`",
        place()
    );
    let mut released = original.clone();
    let mut float16 = None;
    if args.float16 {
        let (narrow, done) = narrow_weights(released).with_context(place)?;
        ensure!(
            done.tensors > 0,
            "{} has no float32 weights of 1,024 numbers or more: leave --float16 out",
            place()
        );
        released = narrow;
        float16 = Some(Halved::of(done, &original, &released)?);
        for metric in card.iter_mut().flat_map(|card| card.metrics.values_mut()) {
            let stop = if metric.note.is_empty() { "" } else { ", " };
            metric.note += &format!("{stop}before its weights were rounded to float16");
        }
    }
    if let Some(mut card) = card {
        args.complete(&mut card);
        card.write_into(&mut released).with_context(place)?;
    }
    model::save(&released, &args.out)?;
    let report = ReleaseReport {
        bytes_before,
        bytes_after: released.encoded_len() as u64,
        float16,
        output: args.out,
    };
    if args.json {
        return print_json(&report);
    }
    print(&report.text())
}

impl Halved {
    fn of(done: Narrowed, original: &Model, released: &Model) -> Result<Self> {
        let (moved, unasked) = match answers(original).and_then(|a| Ok((a, answers(released)?))) {
            Ok((before, after)) => (Some(Moved::between(&before, &after)?), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Ok(Self {
            tensors: done.tensors,
            weights: done.elements,
            rounding: done.rounding,
            moved,
            unasked,
        })
    }
}

/// Drawings that both files are asked about, and their seed.
const IMAGES: u64 = 16;
const SEED: u64 = 1;

/// The scores that a classifier gives drawings of skin lesions, in tract, and what they are.
fn answers(model: &Model) -> Result<(Array2<f32>, Scores)> {
    let contract = Contract::resolve(model, &Wishes::default())?;
    let size = contract.input.preprocessing.size;
    let (model, signature) = contract.of_pixels(model.clone())?;
    let mut engine = open(EngineKind::Tract, &model)?;
    let mut all = Array2::zeros((0, signature.classes));
    for index in 0..IMAGES {
        let image = drawing(index, size);
        let Signature { input, output, .. } = &signature;
        let mut outputs = engine.run(&[(input, image.view().into_dyn())])?;
        let logits = outputs.remove(output).context("the model gave no scores")?;
        all.append(
            ndarray::Axis(0),
            logits.into_dimensionality::<Ix2>()?.view(),
        )?;
    }
    Ok((all, signature.scores))
}

/// A drawing as `[1, 3, side, side]` in [0, 1].
fn drawing(index: u64, side: u32) -> Array4<f32> {
    let phantom = generate(index, &PhantomOptions::new(side, SEED));
    let side = side as usize;
    Array4::from_shape_fn((1, 3, side, side), |(_, channel, y, x)| {
        f32::from(phantom.image.get_pixel(x as u32, y as u32)[channel]) / 255.0
    })
}

impl Moved {
    fn between(
        (before, scores): &(Array2<f32>, Scores),
        (after, _): &(Array2<f32>, Scores),
    ) -> Result<Self> {
        ensure!(
            before.iter().chain(after).all(|score| score.is_finite()),
            "an answer is not a finite number, before or after the weights were rounded: the file was not written"
        );
        let largest = before
            .iter()
            .fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let mut moved = Self {
            images: before.nrows(),
            logits: 0.0,
            probability: None,
            classes: 0,
        };
        for (before, after) in before.outer_iter().zip(after.outer_iter()) {
            let (before, after) = (before.to_vec(), after.to_vec());
            moved.logits = moved
                .logits
                .max(furthest(&before, &after) / f64::from(largest));
            let both = scores
                .probabilities(&before)
                .zip(scores.probabilities(&after));
            if let Some((before, after)) = both {
                let far = furthest(&before, &after);
                moved.probability = Some(moved.probability.map_or(far, |most| most.max(far)));
            }
            moved.classes += usize::from(predicted(&before) != predicted(&after));
        }
        Ok(moved)
    }

    fn text(&self) -> String {
        let probability = self.probability.map_or_else(String::new, |far| {
            format!(
                "no probability moved by more than {:.2} points, ",
                100.0 * far
            )
        });
        format!(
            "of {} drawings {} got another class, {probability}no score by more than {:.1e} of the largest",
            self.images, self.classes, self.logits
        )
    }
}

/// The largest difference between two numbers that belong together.
fn furthest(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, f64::max)
}

impl ReleaseReport {
    fn text(&self) -> String {
        let sizes = format!(
            "{} became {}",
            bytes(self.bytes_before),
            bytes(self.bytes_after)
        );
        let Some(halved) = &self.float16 else {
            return format!("{}: {sizes}\n", self.output.display());
        };
        let moved = match (&halved.moved, &halved.unasked) {
            (Some(moved), _) => moved.text(),
            (None, why) => format!(
                "its answers were not compared: {}",
                why.as_deref().unwrap_or("it was not asked")
            ),
        };
        format!(
            "{}: {sizes}; {} weights in {} tensors are float16 now, within {:.1e} of the largest of each; {moved}\n",
            self.output.display(),
            halved.weights,
            halved.tensors,
            halved.rounding
        )
    }
}
