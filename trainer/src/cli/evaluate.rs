//! `pellucid evaluate`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use pellucid_shared::attribution::Signature;
use pellucid_shared::card::{Class, Norm, Scores};
use pellucid_shared::contract::{Assumption, Contract};
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::{Model, require_finite, single_precision};
use serde::Serialize;

use super::ball::{length, too_large};
use super::feed::{Feed, assumed_lines, contract};
use super::output::{note, print, print_json};
use super::values::{MOST_IMAGES, MOST_STEPS, NORMS, count, one_of};
use crate::data::{
    Dataset, EVALUATION_POPULATION, Examples, Part, Source, Split, TRAINING_POPULATION,
};
use crate::evaluate::Evaluation;
use crate::progress::Progress;

/// Measure a model on clean images and, with --epsilon, under attack
///
/// On the data that a run was trained on, --split RUN/split.csv picks the test images. phantom:COUNT without a split means
/// phantoms of another population, so that the model was trained on none of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  pellucid evaluate runs/robust/best.onnx --data phantom:300 --epsilon 1
  pellucid evaluate runs/ham/best.onnx --data ham10000:HAM10000 \\
      --split runs/ham/split.csv --norm linf --epsilon 0.01 --json")]
pub struct Args {
    /// The ONNX model
    model: PathBuf,
    /// What to measure on: phantom:COUNT, ham10000:FOLDER, folder:FOLDER or csv:FILE
    #[arg(long)]
    data: Source,
    /// A split whose part --subset is measured [default: the data's own, such as folders train and test, or all images]
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// The part of the split
    #[arg(long, value_enum, default_value_t = Part::Test)]
    subset: Part,
    /// The classes of the data by code, in the order of the model's scores [default: the card's, or those of --labels]
    #[arg(long, value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Measure this output or value of the graph [default: the score before the last Softmax or Sigmoid]
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    #[command(
        flatten,
        next_help_heading = "What the model takes and gives (where card and graph do not say it)"
    )]
    feed: Feed,
    /// The most images to take, evenly from the classes
    #[arg(long, value_parser = count(1, MOST_IMAGES))]
    limit: Option<usize>,
    /// The ball of the attack
    #[arg(long, default_value = "l2", value_parser = one_of(NORMS))]
    norm: Norm,
    /// The ball's radius, with pixels in [0, 1], such as 1.5 or 8/255; without it nothing is attacked
    #[arg(long, value_parser = length, allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// Steps of the attack
    #[arg(long, default_value_t = 20, value_parser = count(1, MOST_STEPS))]
    steps: usize,
    /// Length of a step [default: 2.5 ε / steps]
    #[arg(long, value_parser = length, allow_negative_numbers = true)]
    step_size: Option<f64>,
    /// Attacks on each image, each from another start; the worst counts
    #[arg(long, default_value_t = 1, value_parser = count(1, MOST_STEPS))]
    restarts: usize,
    /// Seed of the attacks' starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute
    #[cfg(feature = "torch")]
    #[arg(long, value_enum, default_value_t)]
    device: crate::device::DeviceChoice,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where the model, the data and the options do not fit together; each error says what to do.
pub fn run(args: Args) -> Result<()> {
    let progress = Progress::visible();
    let place = args.model.display();
    let model = super::model::load(&args.model)?;
    require_finite(&model).with_context(|| place.to_string())?;
    let model = MeasuredModel::of(single_precision(model)?, &args)?;
    let dataset = dataset(&args, &model.codes)?;
    let classes = dataset.classes.clone();
    ensure!(
        model.signature.classes == classes.len(),
        "{place} has {} classes and the data have {}: name the model's with --classes, in its order",
        model.signature.classes,
        classes.len()
    );
    let how = &model.preprocessing;
    if let Some(told) = args
        .epsilon
        .and_then(|epsilon| too_large(args.norm, epsilon, how.size))
    {
        note(&told);
    }
    let examples = Examples::read(dataset, how, "images", &progress)?;
    let evaluation = measure(&args, &model, &examples, &progress)?;
    let assumed = &model.assumed[..];
    if args.json {
        print_json(&EvaluationReport {
            evaluation: &evaluation,
            assumed,
        })
    } else {
        let text = evaluation.to_text(&classes);
        print(&format!("{text}{}", assumed_lines(assumed)))
    }
}

#[derive(Serialize)]
struct EvaluationReport<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    assumed: &'a [Assumption],
}

/// What is measured: a model of RGB in [0, 1], whatever its file takes, and which classes it tells apart.
struct MeasuredModel {
    graph: Model,
    signature: Signature,
    preprocessing: Preprocessing,
    /// The codes in the order of the logits; `None` where neither card nor user names them.
    codes: Option<Vec<String>>,
    assumed: Vec<Assumption>,
}

impl MeasuredModel {
    fn of(model: Model, args: &Args) -> Result<Self> {
        let mut wishes = args.feed.wishes(args.output.as_deref())?;
        if let Some(codes) = &args.classes {
            let class = |code: &String| Class {
                code: code.clone(),
                name: String::new(),
            };
            wishes.classes = Some(codes.iter().map(class).collect());
        }
        let contract = contract(&model, &args.model, &wishes)?;
        let place = || format!("{} cannot be measured", args.model.display());
        let preprocessing = contract
            .for_images()
            .with_context(place)?
            .preprocessing
            .clone();
        let (model, signature) = contract.of_pixels(model).with_context(place)?;
        let codes = contract.classes.iter().map(|class| class.code.clone());
        let codes = contract.named.then(|| codes.collect());
        let Contract { mut assumed, .. } = contract;
        if signature.scores != Scores::Softmax {
            assumed.push(Assumption::of_scores(
                "The class with the highest score counts as the answer, and loss and attack take the softmax of all scores, although these are not logits of classes that exclude each other.",
            ));
        }
        Ok(Self {
            graph: model,
            signature,
            preprocessing,
            codes,
            assumed,
        })
    }
}

fn dataset(args: &Args, classes: &Option<Vec<String>>) -> Result<Dataset> {
    let population = match args.split {
        Some(_) => TRAINING_POPULATION,
        None => EVALUATION_POPULATION,
    };
    let dataset = Dataset::open(&args.data, classes.as_deref(), population)?;
    let dataset = match &args.split {
        Some(path) => {
            let split = Split::read(path, &dataset)?;
            dataset.select(&split.indices(args.subset))
        }
        None => dataset.own_part(args.subset),
    };
    ensure!(
        !dataset.items.is_empty(),
        "the split has no {} image: choose another --subset",
        args.subset
    );
    Ok(match args.limit {
        Some(limit) => dataset.sample(limit),
        None => dataset,
    })
}

fn evaluation(args: &Args, examples: &Examples, clean: crate::evaluate::Figures) -> Evaluation {
    let part = match args.split {
        Some(_) => format!(", {}", args.subset),
        None => String::new(),
    };
    let codes = |classes: &[Class]| classes.iter().map(|c| c.code.clone()).collect();
    Evaluation {
        model: args.model.display().to_string(),
        data: format!("{}{part}", args.data),
        images: examples.len(),
        classes: codes(&examples.dataset.classes),
        clean,
        adversarial: None,
    }
}

#[cfg(feature = "torch")]
fn measure(
    args: &Args,
    model: &MeasuredModel,
    examples: &Examples,
    progress: &Progress,
) -> Result<Evaluation> {
    use crate::attack::{Attack, is_ball};
    use crate::evaluate::{Figures, attacked, clean};
    use crate::torch::{Network, Tf32, allow_tf32, choose_device, keep_memory};

    let attack = if is_ball(args.norm) {
        let made = |epsilon| Attack::for_evaluation(args.norm, epsilon, args.steps, args.step_size);
        args.epsilon.map(made).transpose()?
    } else {
        let size = args
            .step_size
            .context("an attack without a ball goes as far as --step-size says: give it too")?;
        Some(Attack::unconstrained(args.norm, args.steps, size)?)
    };
    let network = Network::new(&model.graph, choose_device(args.device)?)?;
    // The figures are to be the exported file's, whatever runs it.
    allow_tf32(Tf32::Never);
    keep_memory();
    let bar = progress.bar("clean", examples.len());
    let measured = clean(&network, examples, &bar)?;
    bar.finish_and_clear();
    let mut evaluation = evaluation(args, examples, Figures::of(&measured, None));
    if let Some(attack) = attack {
        let bar = progress.bar("attacked", examples.len());
        let measured = attacked(&network, examples, &attack, args.restarts, args.seed, &bar)?;
        bar.finish_and_clear();
        let mut name = attack.describe();
        if args.restarts > 1 {
            name.push_str(&format!(", worst of {}", args.restarts));
        }
        evaluation.adversarial = Some(Figures::of(&measured, Some(name)));
    }
    Ok(evaluation)
}

/// Without libtorch, tract measures on clean images.
#[cfg(not(feature = "torch"))]
fn measure(
    args: &Args,
    model: &MeasuredModel,
    examples: &Examples,
    progress: &Progress,
) -> Result<Evaluation> {
    use crate::evaluate::{Figures, predict};
    use pellucid_shared::engine::TractEngine;

    ensure!(
        args.epsilon.is_none(),
        "this pellucid was built without libtorch, which attacks: leave --epsilon out, or build it with the feature torch"
    );
    let mut engine = TractEngine::new(&model.graph)?;
    let names = (&model.signature.input[..], &model.signature.output[..]);
    let bar = progress.bar("clean", examples.len());
    let measured = predict(&mut engine, names, examples, &bar)?;
    bar.finish_and_clear();
    Ok(evaluation(args, examples, Figures::of(&measured, None)))
}
