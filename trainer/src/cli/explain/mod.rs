//! `pellucid explain`.

mod method;
mod report;
mod subject;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use ndarray::{Array3, Array4, Axis};
use ndarray_npy::WriteNpyExt;
use pellucid_shared::attribution::{Attribution, AttributionError, Explainer, Job, Method, Target};
use pellucid_shared::card::Card;
use pellucid_shared::image::encode_png;
use pellucid_shared::render::{
    ColourMap, Flag, Normalised, Sign, collapse, normalise, overlay, paint,
};

use self::method::{Name, Parameters};
use self::report::Report;
use self::subject::{Described, Subject};
use super::output::{note, print, print_json, protect, write};
use super::values::{channels, named, percent, positive_channels, unit};
use super::{interrupt, model};
use crate::device::DeviceChoice;
use crate::engines::{EngineKind, explainer};
use crate::progress;

/// Show which pixels a classifier's answer hangs on
///
/// Prints the probability of every class; writes the attribution of one class as a picture over the image (-o) or as
/// numbers (--raw). The numbers are float32, neither scaled nor clipped. The methods that look at the network's own input
/// element by element write [1, 3, H, W]: gradient ∂logit/∂input, its absolute value and square, input-x-gradient,
/// smoothgrad, smoothgrad-squared and vargrad (mean, mean square and variance of the gradient under noise),
/// integrated-gradients and expected-gradients (in logits; they add up to logit(image) − logit(baseline)),
/// guided-backprop, deconvolution. The others write [1, 1, H, W]: grad-cam, grad-cam-plus-plus, layer-cam, cam and
/// score-cam (the weighted feature maps, enlarged bilinearly), occlusion (by how much the logit falls), rise
/// (probability).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  A model with a card says by itself how an image is to be fed:
    pellucid explain robust.onnx lesion.jpg -o map.png
    pellucid explain robust.onnx lesion.jpg --target mel --raw grad.npy

  Other methods, and why one class rather than another:
    pellucid explain robust.onnx lesion.jpg --method smoothgrad --samples 50 --sigma 0.2 -o map.png
    pellucid explain robust.onnx lesion.jpg --method integrated-gradients --baseline black --baseline blur -o map.png
    pellucid explain robust.onnx lesion.jpg --method grad-cam --target mel --against nv -o map.png
    pellucid explain robust.onnx lesion.jpg --method occlusion --window 50 --stride 25 --sign all -o map.png

  For any other ONNX classifier, say it:
    pellucid explain resnet50.onnx cat.jpg --size 224 --mean 0.485,0.456,0.406 \\
        --std 0.229,0.224,0.225 --labels imagenet.txt -o map.png

  A tensor is fed to the network as it is:
    pellucid explain resnet50.onnx input.npy --target 281 --engine ort --raw grad.npy")]
pub struct Args {
    /// The model: an ONNX classifier
    model: PathBuf,
    /// The image to explain, or an .npy file with a float32 tensor [1, 3, H, W] that is fed as it is
    image: PathBuf,

    /// How to attribute
    #[arg(long, value_enum, default_value_t)]
    method: Name,
    /// The class to explain: its code, name or number; left out, the predicted class
    #[arg(long, value_name = "CLASS")]
    target: Option<String>,
    /// Explain by how much the class's logit lies above this other class's
    #[arg(long, value_name = "CLASS")]
    against: Option<String>,
    /// What computes: tract is always there, ort needs ONNX Runtime's library, torch answers by its own autograd
    #[arg(long, value_enum, default_value_t)]
    engine: EngineKind,
    /// Where --engine torch computes: auto, cpu or cuda
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// The output that holds the logits; needed where the model has several outputs
    #[arg(long, value_name = "NAME")]
    output: Option<String>,

    /// Write the attribution over the image as a PNG
    #[arg(short = 'o', long = "out", value_name = "PNG")]
    out: Option<PathBuf>,
    /// Write the attribution itself as float32 [1, 3, H, W] or [1, 1, H, W], by the method
    #[arg(long, value_name = "NPY")]
    raw: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(
        flatten,
        next_help_heading = "Options of the methods (with their defaults)"
    )]
    parameters: Parameters,
    #[command(
        flatten,
        next_help_heading = "How the image is fed (where the model's card does not say it)"
    )]
    feed: Feed,
    #[command(flatten, next_help_heading = "How the map is drawn")]
    draw: Draw,
}

#[cfg(feature = "torch")]
impl Args {
    pub(super) fn computes_on_torch(&self) -> bool {
        self.engine == EngineKind::Torch
    }
}

/// What a model's card would say.
#[derive(Debug, clap::Args)]
struct Feed {
    /// Read the model card from this JSON file
    #[arg(long, value_name = "JSON")]
    card: Option<PathBuf>,
    /// Side of the square input in pixels
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// What of the image is kept
    #[arg(long, value_name = "CROP", value_parser = named::<pellucid_shared::image::Crop>(&["center_square", "stretch"]))]
    crop: Option<pellucid_shared::image::Crop>,
    /// Mean per RGB channel, subtracted before the image is fed: r,g,b in [0, 1]
    #[arg(long, value_name = "R,G,B", requires = "std", value_parser = channels, allow_hyphen_values = true)]
    mean: Option<[f32; 3]>,
    /// Standard deviation per RGB channel, divided by before the image is fed
    #[arg(long, value_name = "R,G,B", requires = "mean", value_parser = positive_channels)]
    std: Option<[f32; 3]>,
    /// Read the class names from this file, one per line in the order of the logits
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

/// How numbers become a picture.
#[derive(Debug, clap::Args)]
struct Draw {
    /// Draw the map alone, without the image below it
    #[arg(long)]
    map_only: bool,
    /// Which attributions to show, after summing over the channels
    #[arg(long, value_name = "SIGN", default_value = "absolute", value_parser = named::<Sign>(&["absolute", "positive", "negative", "all"]))]
    sign: Sign,
    /// Share of the total attribution beyond which the strongest pixels are clipped
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = percent)]
    outlier_percent: f32,
    /// The colour map: blues, or diverging for --sign all, where nothing is chosen
    #[arg(long, value_name = "MAP", value_parser = named::<ColourMap>(&["blues", "diverging", "inferno", "grey"]))]
    colours: Option<ColourMap>,
    /// How much the strongest pixels cover the image
    #[arg(long, value_name = "0..1", default_value = "0.8", value_parser = unit)]
    opacity: f32,
}

/// Explains one image.
///
/// # Errors
/// Where a file cannot be read, does not fit, or cannot be written; where an option does not go with the method.
pub fn run(args: Args) -> Result<()> {
    args.parameters.check(args.method)?;
    for out in args.out.iter().chain(&args.raw) {
        protect(&args.model, out)?;
        protect(&args.image, out)?;
    }
    let model = model::load(&args.model)?;
    let described = Described::find(&model, &args.model, &args.feed)?;
    let mut explainer = explainer(args.engine, model, args.output.as_deref(), args.device)
        .with_context(|| format!("{} cannot be explained", args.model.display()))?;
    let classes = described.classes(explainer.signature().classes)?;
    let subject = Subject::read(&args.image, &described, explainer.signature())?;
    let named = |class: &Option<String>| {
        let class = class.as_ref();
        class.map(|wanted| position(&classes, wanted)).transpose()
    };
    let target = Target {
        class: named(&args.target)?,
        against: named(&args.against)?,
    };
    let found = explain(&args, &mut explainer, &subject, target)?;

    let numbers = found.map.channels();
    let map = normalise(
        &collapse(&numbers),
        args.draw.sign,
        args.draw.outlier_percent,
    );
    tell_what_is_unusual(&map);
    tell_what_is_missing(&found);
    if let Some(path) = &args.raw {
        write(path, &npy(numbers)?)?;
    }
    if let Some(path) = &args.out {
        draw(path, &map, &subject, &args.draw)?;
    }
    let engine = explainer.engine().unwrap_or_default();
    let report = Report::new(&args, engine, &classes, &found, &map);
    if args.json {
        print_json(&report)
    } else {
        print(&report.text())
    }
}

/// Runs the method with a bar on the terminal, until it is done or Ctrl-C is pressed.
fn explain(
    args: &Args,
    explainer: &mut Explainer,
    subject: &Subject,
    target: Target,
) -> Result<Attribution> {
    let (_, _, height, width) = subject.tensor.dim();
    let method: Method = args.parameters.method(args.method, height.min(width));
    let interrupted = interrupt::flag();
    let progress = progress::Progress::visible();
    let bar = progress.bar(&args.method.text(), 0);
    let mut tell = |progress: pellucid_shared::attribution::Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        if interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let job = Job {
        seed: args.parameters.seed,
        batch: args.parameters.batch.get(),
        progress: Some(&mut tell),
    };
    let found = explainer.explain(&method, subject.tensor.view(), target, subject.space, job);
    bar.finish_and_clear();
    match found {
        Err(AttributionError::Cancelled) => bail!("interrupted: nothing was written"),
        other => {
            other.with_context(|| format!("{} on {}", args.model.display(), args.image.display()))
        }
    }
}

/// The number of the class that is meant.
fn position(classes: &Card, wanted: &str) -> Result<usize> {
    let count = classes.classes.len();
    if let Some(found) = classes.class(wanted) {
        return Ok(found);
    }
    if let Ok(class) = wanted.parse::<usize>() {
        bail!(
            "class {class} of {count}: the classes are numbered from 0 to {}",
            count.saturating_sub(1)
        );
    }
    let codes: Vec<&str> = classes
        .classes
        .iter()
        .take(20)
        .map(|c| &c.code[..])
        .collect();
    let more = if count > codes.len() { ", …" } else { "" };
    bail!(
        "there is no class `{wanted}`; there are {}{more}",
        codes.join(", ")
    )
}

fn tell_what_is_unusual(map: &Normalised) {
    match map.flag {
        Some(Flag::NonFinite) => {
            note("some values of the attribution are not numbers; they are drawn as 0")
        }
        Some(Flag::AllZero) => {
            note("the attribution is 0 everywhere that is to be shown: the map is blank")
        }
        Some(Flag::Tiny) => note(
            "the attribution is tiny; the map is drawn at full contrast, but may be rounding noise",
        ),
        _ => {}
    }
}

/// Share of the score that attributions may miss before more steps are advised.
const MISSED: f64 = 0.05;

fn tell_what_is_missing(found: &Attribution) {
    for part in &found.convergence {
        if part.delta.abs() > MISSED * part.difference.abs() {
            note(&format!(
                "the attributions from the baseline {} add up to {:.4} and not to {:.4}: more --steps come closer",
                part.baseline,
                part.difference + part.delta,
                part.difference
            ));
        }
    }
}

/// The bytes of an `.npy` file that holds the map as `[1, C, H, W]`.
fn npy(map: Array3<f32>) -> Result<Vec<u8>> {
    let map: Array4<f32> = map.insert_axis(Axis(0));
    let mut bytes = vec![];
    map.write_npy(&mut bytes)?;
    Ok(bytes)
}

fn draw(path: &Path, map: &Normalised, subject: &Subject, how: &Draw) -> Result<()> {
    let colours = how.colours.unwrap_or(if map.signed {
        ColourMap::Diverging
    } else {
        ColourMap::Blues
    });
    let picture = match &subject.picture {
        Some(picture) if !how.map_only => overlay(picture, map, colours, how.opacity),
        _ => paint(map, colours),
    };
    write(path, &encode_png(&picture)?)
}
