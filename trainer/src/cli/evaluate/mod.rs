//! `pellucid evaluate`.

mod calibrate;
mod found;
#[cfg(feature = "torch")]
mod hold_out;
mod measure;
mod model;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::{Class, Norm, position};
use pellucid_shared::contract::Assumption;
use pellucid_shared::onnx::{require_finite, single_precision};
use pellucid_shared::said;
use serde::Serialize;

use self::calibrate::{Calibrated, of_card};
use self::found::{Found, Step};
use self::measure::measure;
use self::model::MeasuredModel;
use super::ball::{length, too_large};
use super::feed::{Feed, assumed_lines};
use super::output::{note, print, print_json, write};
use super::values::{MOST_IMAGES, MOST_STEPS, NORMS, count, one_of};
use crate::data::{
    Dataset, EVALUATION_POPULATION, Examples, Part, Source, Split, TRAINING_POPULATION,
};
use crate::engines::EngineKind;
use crate::evaluate::{Bootstrap, Evaluation, Figures, Question, Rung, Wanted, plot, table};
use crate::progress::Progress;

/// Answers of a network that an attack asks for, and resamples.
const MOST_REPETITIONS: usize = 1_000_000;

/// What computes where nobody says it: what attacks, where there is one.
const ENGINE: EngineKind = if cfg!(feature = "torch") {
    EngineKind::Torch
} else {
    EngineKind::Tract
};

/// Measure a model on clean images and, with --epsilon, under attack
///
/// On the data that a run was trained on, --split RUN/split.csv picks the test images. phantom:COUNT without a split means
/// phantoms of another population, so that the model was trained on none of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  pellucid evaluate runs/robust/best.onnx --data phantom:300 --epsilon 1
  pellucid evaluate runs/ham/best.onnx --data ham10000:HAM10000 \\
      --split runs/ham/split.csv --norm linf --epsilon 0.01 --json
  pellucid evaluate runs/ham/best.onnx --data ham10000:HAM10000 \\
      --split runs/ham/split.csv --operating-point mel=0.95 --csv test.csv
  pellucid evaluate runs/robust/best.onnx --data phantom:60 --attack autoattack \\
      --epsilon 0.25,0.5,1 --plot curve.svg")]
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
    /// Tell the threshold, sensitivity and specificity at which so large a share of a class is found; repeat it for more
    #[arg(long = "operating-point", value_name = "CLASS=SENSITIVITY")]
    operating_points: Vec<Wanted>,
    /// Resamples of the images for 95 % intervals; 0 for none
    #[arg(long, value_name = "RESAMPLES", default_value_t = 1000, value_parser = count(0, MOST_REPETITIONS))]
    bootstrap: usize,
    /// Write each image's answer, probabilities and logits, and under attack its answers, to this file
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Fit the temperature of the logits on these images, which should be the validation part, and write the model with it to this file
    #[arg(long, value_name = "FILE.onnx")]
    calibrate: Option<PathBuf>,
    /// How to attack: by projected gradient descent, or by APGD-CE, APGD-T, FAB-T and Square one after the other
    #[arg(long, value_enum, default_value_t = Kind::Pgd)]
    attack: Kind,
    /// The ball of the attack
    #[arg(long, default_value = "l2", value_parser = one_of(NORMS))]
    norm: Norm,
    /// The ball's radius, with pixels in [0, 1], such as 1.5 or 8/255, or several for a curve, such as 0.5,1,2; without it
    /// nothing is attacked
    #[arg(long, value_delimiter = ',', value_parser = length, allow_negative_numbers = true)]
    epsilon: Vec<f64>,
    /// Steps of the attack [default: 20, of AutoAttack 100]
    #[arg(long, value_parser = count(1, MOST_STEPS))]
    steps: Option<usize>,
    /// Length of a step of PGD [default: 2.5 ε / steps]
    #[arg(long, value_parser = length, allow_negative_numbers = true)]
    step_size: Option<f64>,
    /// Attacks on each image, each from another start; the worst counts
    #[arg(long, default_value_t = 1, value_parser = count(1, MOST_STEPS))]
    restarts: usize,
    /// Answers that AutoAttack's Square asks for
    #[arg(long, default_value_t = 5000, value_parser = count(1, MOST_REPETITIONS))]
    queries: usize,
    /// Draw the curve of accuracy against the radius
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Seed of the attacks' starts and of the resamples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What computes: libtorch attacks, too; ONNX Runtime and tract run the exported file on clean images
    #[arg(long, value_enum, default_value_t = ENGINE)]
    engine: EngineKind,
    /// Where libtorch computes
    #[cfg(feature = "torch")]
    #[arg(long, value_enum, default_value_t)]
    device: crate::device::DeviceChoice,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// How images are attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Projected gradient descent on the cross-entropy.
    Pgd,
    /// The ensemble.
    #[value(name = "autoattack")]
    AutoAttack,
}

impl Args {
    /// Every file that the command may write.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        [&self.csv, &self.plot, &self.calibrate]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whether anything is attacked.
    fn attacks(&self) -> bool {
        !self.epsilon.is_empty() || matches!(self.norm, Norm::Unconstrained | Norm::Fourier)
    }

    /// What can be said before anything is read.
    fn check(&self) -> Result<()> {
        ensure!(
            !self.attacks() || self.engine == EngineKind::Torch,
            "--engine {} computes no gradients of the file: leave --epsilon and --norm out, or attack with --engine torch",
            crate::spelling::spelled(&self.engine)
        );
        #[cfg(feature = "torch")]
        ensure!(
            self.engine == EngineKind::Torch || self.device != crate::device::DeviceChoice::Cuda,
            "--engine {} computes on the CPU: leave --device cuda out, or measure with --engine torch",
            crate::spelling::spelled(&self.engine)
        );
        ensure!(
            self.attack == Kind::Pgd || !self.epsilon.is_empty(),
            "--attack autoattack needs the ball's radius: give it with --epsilon"
        );
        ensure!(
            self.attack == Kind::Pgd || self.step_size.is_none(),
            "AutoAttack chooses the lengths of its steps: leave --step-size out, or choose --attack pgd"
        );
        if let Some(path) = &self.plot {
            ensure!(
                !self.epsilon.is_empty(),
                "--plot draws accuracy against the ball's radius: give radii with --epsilon, such as 0.5,1,2"
            );
            let svg = path
                .extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("svg"));
            ensure!(svg, "--plot writes SVG: give it a name that ends in .svg");
        }
        Ok(())
    }

    fn bootstrap(&self) -> Bootstrap {
        Bootstrap {
            resamples: self.bootstrap,
            seed: self.seed,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where the model, the data and the options do not fit together; each error says what to do.
pub fn run(args: Args) -> Result<()> {
    args.check()?;
    let progress = Progress::visible();
    let place = args.model.display();
    let file = super::model::load(&args.model)?;
    require_finite(&file).with_context(|| place.to_string())?;
    let calibrated = Calibrated::of(&args, &file)?;
    let model = MeasuredModel::of(single_precision(file)?, &args)?;
    let dataset = dataset(&args, &model.codes)?;
    let classes = dataset.classes.clone();
    ensure!(
        model.signature.classes == classes.len(),
        "{place} has {} classes and the data have {}: name the model's with --classes, in its order",
        model.signature.classes,
        classes.len()
    );
    let points = points(&args.operating_points, &classes)?;
    let largest = args.epsilon.iter().copied().fold(0.0, f64::max);
    if let Some(told) = too_large(args.norm, largest, model.preprocessing.size) {
        note(&told);
    }
    let examples = Examples::read(dataset, &model.preprocessing, "images", &progress)?;
    if args.bootstrap > 0 && examples.dataset.counts().contains(&1) {
        note(
            "a class has a single image, of which no resample says anything: there are no intervals",
        );
    }
    let found = measure(&args, &model, &examples, &progress)?;
    let question = Question {
        scores: model.signature.scores,
        temperature: match &calibrated {
            Some(calibrated) => Some((calibrated.fit(&model, &found.clean)?, true)),
            None => of_card(&args, &model).map(|temperature| (temperature, false)),
        },
        points,
        bootstrap: args.bootstrap(),
    };
    let evaluation = evaluation(&args, &examples, &found, &question);
    if let Some(path) = &args.csv {
        let attacked: Vec<_> = found
            .attacked
            .iter()
            .map(|step| (step.column(), &step.measured))
            .collect();
        let scores = model.signature.scores;
        write(
            path,
            &table(&examples.dataset, scores, &found.clean, &attacked)?,
        )?;
    }
    if let Some(path) = &args.plot {
        write(path, plot(&evaluation).as_bytes())?;
    }
    if let (Some(calibrated), Some((temperature, _))) = (calibrated, question.temperature) {
        calibrated.write(temperature, examples.len())?;
    }
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

/// The classes that thresholds are asked for, by place.
fn points(wanted: &[Wanted], classes: &[Class]) -> Result<Vec<(usize, Wanted)>> {
    let place = |wanted: &Wanted| {
        let place = position(classes, &wanted.class).with_context(|| {
            let codes: Vec<&str> = classes.iter().map(|class| &class.code[..]).collect();
            format!(
                "--operating-point names the class `{}`, and there are {}",
                said::name(&wanted.class),
                said::name(&codes.join(", "))
            )
        })?;
        Ok((place, wanted.clone()))
    };
    wanted.iter().map(place).collect()
}

#[derive(Serialize)]
struct EvaluationReport<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    assumed: &'a [Assumption],
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

fn evaluation(args: &Args, examples: &Examples, found: &Found, question: &Question) -> Evaluation {
    let part = match args.split {
        Some(_) => format!(", {}", args.subset),
        None => String::new(),
    };
    let classes = &examples.dataset.classes;
    let bootstrap = args.bootstrap();
    let steps = found.attacked.iter();
    let figures: Vec<Figures> = steps
        .map(|step| Figures::of_attacked(&step.measured, step.name.clone(), bootstrap))
        .collect();
    let rung = |(step, figures): (&Step, &Figures)| {
        Some(Rung {
            epsilon: step.epsilon?,
            figures: figures.clone(),
            #[cfg(feature = "torch")]
            turned: step.turned.clone(),
        })
    };
    Evaluation {
        model: args.model.display().to_string(),
        data: format!("{}{part}", args.data),
        images: examples.len(),
        classes: classes.iter().map(|class| class.code.clone()).collect(),
        clean: Figures::of_clean(&found.clean, classes, question),
        curve: found
            .attacked
            .iter()
            .zip(&figures)
            .filter_map(rung)
            .collect(),
        adversarial: figures.into_iter().next_back(),
    }
}
