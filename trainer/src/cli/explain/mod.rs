//! `pellucid explain`.

mod explained_image;
mod method;
mod report;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array4, Axis};
use ndarray_npy::WriteNpyExt;
use pellucid_shared::attribution::{Attribution, Explainer, Job, Map, Method, Target};
use pellucid_shared::autodiff::Quantized;
use pellucid_shared::card::{Class, Layout, position};
use pellucid_shared::image::encode_png;
use pellucid_shared::render::{
    ColourMap, Flag, Normalised, Sign, collapse, normalise, overlay, paint,
};

use self::explained_image::{ExplainedImage, own_layout};
use self::method::{Name, Parameters};
use self::report::ExplanationReport;
use super::differentiate::ROUNDING;
use super::feed::{Feed, contract};
use super::model;
use super::output::{note, print, print_json, write};
use super::values::{between, fraction, one_of};
use crate::device::DeviceChoice;
use crate::engines::{EngineKind, explainer};
use crate::progress;
use crate::spelling::spelled;

/// Show which pixels a classifier's answer depends on
///
/// Prints the probability of every class; writes the attribution of one class as a picture over the image (-o) or as
/// numbers (--raw). The numbers are float32, neither scaled nor clipped. The methods that look at the network's own input
/// element by element write [1, 3, H, W]: gradient ∂logit/∂input, its absolute value and square, input-x-gradient,
/// smoothgrad, smoothgrad-squared and vargrad (mean, mean square and variance of the gradient under noise),
/// integrated-gradients and expected-gradients (in logits; they add up to logit(image) − logit(baseline)),
/// guided-backprop, deconvolution; [1, H, W, 3] where that is the network's layout, and 1 for 3 where it takes grey. The others write [1, 1, H, W]: grad-cam, grad-cam-plus-plus, layer-cam, cam and
/// score-cam (the weighted feature maps, enlarged bilinearly), occlusion (by how much the logit falls), rise
/// (probability).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  A model with a card says how to feed it an image:
    pellucid explain robust.onnx lesion.jpg -o map.png
    pellucid explain robust.onnx lesion.jpg --target mel --raw grad.npy

  Other methods, and why one class rather than another:
    pellucid explain robust.onnx lesion.jpg --method smoothgrad --samples 50 --sigma 0.2 \\
        -o map.png
    pellucid explain robust.onnx lesion.jpg --method integrated-gradients --baseline black \\
        --baseline blur -o map.png
    pellucid explain robust.onnx lesion.jpg --method grad-cam --target mel --against nv -o map.png
    pellucid explain robust.onnx lesion.jpg --method occlusion --window 50 --stride 25 \\
        --sign all -o map.png

  For any other ONNX classifier, what is not known is assumed and listed; to correct it:
    pellucid explain resnet50.onnx cat.jpg --size 224 --mean 0.485,0.456,0.406 \\
        --std 0.229,0.224,0.225 --labels imagenet.txt -o map.png
    pellucid explain mobilenet.onnx cat.jpg --layout nhwc --range=-1..1 -o map.png

  The score before the last Softmax or Sigmoid is explained; name the probabilities to explain them:
    pellucid explain classifier.onnx cat.jpg --output probabilities -o map.png
    pellucid explain benign-or-malignant.onnx lesion.jpg --target 0 --raw grad.npy

  A tensor is fed to the network unchanged:
    pellucid explain resnet50.onnx input.npy --target 281 --engine ort --raw grad.npy")]
pub struct Args {
    /// The model: an ONNX classifier
    model: PathBuf,
    /// The image to explain, or an .npy file with a float32 tensor of the network's own shape that is fed as it is
    image: PathBuf,

    /// How to attribute
    #[arg(long, value_enum, default_value_t)]
    method: Name,
    /// The class to explain: its code, name or number (0 or 1 where one score stands for two classes) [default: the predicted class]
    #[arg(long, value_name = "CLASS")]
    target: Option<String>,
    /// Explain how much higher the class's logit is than this other class's
    #[arg(long, value_name = "CLASS")]
    against: Option<String>,
    /// What computes: tract is always there, ort needs ONNX Runtime's library, torch answers by its own autograd
    #[arg(long, value_enum, default_value_t)]
    engine: EngineKind,
    /// Where --engine torch computes
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Explain this output or value of the graph as it is [default: the score before the last Softmax or Sigmoid]
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Pass gradients through QuantizeLinear and DequantizeLinear: `straight-through` takes their rounding for the
    /// identity, which is an estimate
    #[arg(long, value_name = "RULE", value_parser = one_of(ROUNDING))]
    quantized: Option<Quantized>,

    /// Write the attribution over the image as a PNG
    #[arg(short = 'o', long = "out", value_name = "PNG")]
    out: Option<PathBuf>,
    /// Write the attribution itself as float32, of the shape of the network's input or [1, 1, H, W], by the method
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
        next_help_heading = "What the model takes and gives (where card and graph do not say it)"
    )]
    feed: Feed,
    #[command(flatten, next_help_heading = "How the map is drawn")]
    draw: Draw,
}

impl Args {
    /// The files that are written.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.out.iter().chain(&self.raw).cloned().collect()
    }
}

#[cfg(feature = "torch")]
impl Args {
    pub(super) fn computes_on_torch(&self) -> bool {
        self.engine == EngineKind::Torch
    }
}

const SIGNS: [(&str, Sign); 4] = [
    ("absolute", Sign::Absolute),
    ("positive", Sign::Positive),
    ("negative", Sign::Negative),
    ("all", Sign::All),
];
const COLOURS: [(&str, ColourMap); 5] = [
    ("blues", ColourMap::Blues),
    ("diverging", ColourMap::Diverging),
    ("purple_green", ColourMap::PurpleGreen),
    ("inferno", ColourMap::Inferno),
    ("grey", ColourMap::Grey),
];

/// How numbers become a picture.
#[derive(Debug, clap::Args)]
struct Draw {
    /// Draw the map alone, without the image below it
    #[arg(long)]
    map_only: bool,
    /// Which attributions to show, after summing over the channels
    #[arg(long, value_name = "SIGN", default_value = "absolute", value_parser = one_of(SIGNS))]
    sign: Sign,
    /// Percentage of the total attribution beyond which the strongest pixels are clipped
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = between(0.0_f32, 100.0))]
    outlier_percent: f32,
    /// The colour map: blues, or diverging for --sign all, where nothing is chosen
    #[arg(long, value_name = "MAP", value_parser = one_of(COLOURS))]
    colours: Option<ColourMap>,
    /// How much the strongest pixels cover the image
    #[arg(long, value_name = "0..1", default_value = "0.8", value_parser = fraction::<f32>)]
    opacity: f32,
}

/// Explains one image.
///
/// # Errors
/// Where a file cannot be read, does not fit, or cannot be written; where an option does not go with the method.
pub fn run(args: Args) -> Result<()> {
    args.parameters.check(args.method)?;
    let model = model::load(&args.model)?;
    let wishes = args.feed.wishes(args.output.as_deref())?;
    let contract = contract(&model, &args.model, &wishes)?;
    let mut explainer = explainer(args.engine, model, &contract, args.device)
        .with_context(|| format!("{} cannot be explained", args.model.display()))?
        .passing(args.quantized.unwrap_or_default());
    let explained = ExplainedImage::read(&args.image, &contract)?;
    let named = |class: &Option<String>| {
        let class = class.as_ref();
        class
            .map(|wanted| number(&contract.classes, wanted))
            .transpose()
    };
    let target = Target {
        class: named(&args.target)?,
        against: named(&args.against)?,
    };
    let found = explain(&args, &mut explainer, &explained, target)?;

    let numbers = found.map.channels();
    let map = normalise(
        &collapse(&numbers),
        args.draw.sign,
        args.draw.outlier_percent,
    );
    tell_what_is_unusual(&map);
    tell_what_is_missing(&found);
    if args.quantized.is_some() {
        note(
            "gradients pass the rounding of a quantized model by the straight-through rule: they are estimates",
        );
    }
    if let Some(path) = &args.raw {
        write(path, &npy(&found, contract.layout())?)?;
    }
    if let Some(path) = &args.out {
        draw(path, &map, &explained, &args.draw)?;
    }
    let engine = explainer.engine().unwrap_or_default();
    let report = ExplanationReport::new(&args, engine, &contract, &found, &map);
    if args.json {
        print_json(&report)
    } else {
        print(&report.text())
    }
}

/// Numbers of the images that a network is run on at a time, at the most: two gigabytes.
const MOST_NUMBERS: usize = 1 << 29;

/// Runs the method with a bar on the terminal.
fn explain(
    args: &Args,
    explainer: &mut Explainer,
    explained: &ExplainedImage,
    target: Target,
) -> Result<Attribution> {
    let (_, _, height, width) = explained.tensor.dim();
    let method: Method = args.parameters.method(args.method, height.min(width));
    let most = (MOST_NUMBERS / explained.tensor.len().max(1)).max(1);
    let batch = args.parameters.batch.get();
    ensure!(
        batch <= most,
        "--batch {batch} images of {height}×{width} do not fit: choose at most {most}"
    );
    let progress = progress::Progress::visible();
    let bar = progress.bar(&spelled(&args.method), 0);
    let mut tell = |progress: pellucid_shared::attribution::Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        ControlFlow::Continue(())
    };
    let job = Job {
        seed: args.parameters.seed,
        batch,
        progress: Some(&mut tell),
    };
    let found = explainer.explain(
        &method,
        explained.tensor.view(),
        target,
        explained.space,
        job,
    );
    bar.finish_and_clear();
    found.with_context(|| format!("{} on {}", args.model.display(), args.image.display()))
}

/// The number of the class that is meant.
fn number(classes: &[Class], wanted: &str) -> Result<usize> {
    let count = classes.len();
    if let Some(found) = position(classes, wanted) {
        return Ok(found);
    }
    if let Ok(class) = wanted.parse::<usize>() {
        bail!(
            "class {class} of {count}: the classes are numbered from 0 to {}",
            count.saturating_sub(1)
        );
    }
    let codes: Vec<&str> = classes.iter().take(20).map(|c| &c.code[..]).collect();
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
            note("what is to be shown of the attribution is 0 everywhere: the map is blank")
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
        if !part.difference.is_finite() {
            note(&format!(
                "the score at the baseline {} is no number, so the sum of the attributions cannot be checked: choose another --baseline",
                part.baseline
            ));
        } else if part.delta.abs() > MISSED * part.difference.abs() {
            note(&format!(
                "the attributions from the baseline {} add up to {:.4} and not to {:.4}: more --steps come closer",
                part.baseline,
                part.difference + part.delta,
                part.difference
            ));
        }
    }
}

/// The bytes of an `.npy` file with the attribution: per element of the network's own input, in its own layout, or per
/// pixel, `[1, 1, H, W]`.
fn npy(found: &Attribution, layout: Layout) -> Result<Vec<u8>> {
    let map = match &found.map {
        Map::Channels(map) => own_layout(map.clone(), layout),
        Map::Pixels(_) => found.map.channels(),
    };
    let map: Array4<f32> = map.insert_axis(Axis(0));
    let mut bytes = vec![];
    map.write_npy(&mut bytes)?;
    Ok(bytes)
}

fn draw(path: &Path, map: &Normalised, explained: &ExplainedImage, how: &Draw) -> Result<()> {
    let colours = how.colours.unwrap_or(if map.signed {
        ColourMap::Diverging
    } else {
        ColourMap::Blues
    });
    let picture = match &explained.picture {
        Some(picture) if !how.map_only => overlay(picture, map, colours, how.opacity),
        _ => paint(map, colours),
    };
    write(path, &encode_png(&picture)?)
}
