//! `pellucid train`.

mod moving;
mod showing;
mod withstanding;

use std::path::PathBuf;

use anyhow::{Result, bail};
use pellucid_shared::zoo::Architecture;

use super::ball::too_large;
use super::interrupt;
use super::output::{note, print};
use super::values::{
    MOST_BATCH, MOST_EPOCHS, MOST_IMAGES, MOST_MINUTES, MOST_RATE, above_zero, count, fraction,
    one_of, threads,
};
use crate::data::{Fold, PerClass, Shares, Source};
use crate::device::DeviceChoice;
use crate::progress::Progress;
use crate::stop::Interrupted;
use crate::train::{
    Defaults, Init, Objective, Outcome, Recipe, Settings, Start, outputs, train, usual_size,
};
use moving::Moving;
use showing::Showing;
use withstanding::Withstanding;

/// Train a classifier, on clean images or against an attack
///
/// OUT then holds best.onnx (the best network by validation, with its model card, verified on libtorch, ONNX Runtime
/// and tract), latest.onnx, log.jsonl (a line per epoch), split.csv and settings.json. Until it is verified, the best
/// network is called unverified.onnx. Ctrl-C, SIGTERM and SIGHUP stop after the current step and keep what was reached in
/// latest.onnx (exit code 130, 143, 129); a second one stops at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  A small network on phantoms, in minutes on a CPU, standard and robust:
    pellucid train --data phantom:1200 --arch resnet-small --out runs/standard
    pellucid train --data phantom:1200 --arch resnet-small --adversarial l2 --epsilon 1 \\
        --out runs/robust

  A robust ResNet-18 on HAM10000, from ImageNet weights:
    pellucid train --data ham10000:HAM10000 --init resnet18.safetensors --adversarial l2 \\
        --epsilon 7 --out runs/ham")]
pub struct Args {
    /// What to learn from: phantom:COUNT, ham10000:FOLDER, folder:FOLDER (one sub-folder per class) or csv:FILE (a row per image; csv:FILE?image=COLUMN&label=COLUMN&group=COLUMN&split=COLUMN&mask=COLUMN&folder=FOLDER where the columns' names do not tell)
    #[arg(long)]
    data: Source,
    /// The folder of the run
    #[arg(long, short)]
    out: PathBuf,
    /// Replace the run in the folder once the new one is verified; until then the new one is in OUT/unfinished
    #[arg(long)]
    overwrite: bool,
    /// Go on with the training that was interrupted in OUT, as if nothing had happened; everything else as it was begun
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// What to call the model [default: such as "robust resnet18"]
    #[arg(long)]
    name: Option<String>,
    /// The classes by code, in the order of the outputs [default: nv,mel,bkl for ham10000, else all]
    #[arg(long, value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// A split to reuse: a CSV with image_id, label, group and split
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Fraction of the images for validation, if no split is given
    #[arg(long, default_value = "0.15", value_parser = fraction::<f64>, allow_negative_numbers = true)]
    validation: f64,
    /// Fraction of the images for the test, if no split is given
    #[arg(long, default_value = "0.15", value_parser = fraction::<f64>, allow_negative_numbers = true)]
    test: f64,
    /// Cross-validation: the test is this fold of so many, such as 2/5; the same seed of the split gives folds without a lesion in common
    #[arg(long, value_name = "NUMBER/OF", conflicts_with_all = ["split", "test"])]
    fold: Option<Fold>,
    /// The most training images of each class, such as 400, or of some, such as nv=800,mel=400 [default: all]
    #[arg(long, value_name = "IMAGES")]
    per_class: Option<PerClass>,

    /// The network [default: resnet18, efficientnet-lite0 with --init imagenet, or the graph of an ONNX --init]
    #[arg(long, value_parser = one_of(architectures()))]
    arch: Option<Architecture>,
    /// Side of the square input in pixels [default: 224, resnet-small 64]
    #[arg(long, value_parser = clap::value_parser!(u32).range(32..=4096))]
    size: Option<u32>,
    /// Weights to start from: imagenet (for efficientnet-lite0), an ONNX model, or .safetensors under the network's names
    #[arg(long, value_name = "WEIGHTS")]
    init: Option<Init>,
    /// The share of the features that training drops before the last layer [default: 0.2 for efficientnet-lite0 and mobilenet-v2, else 0]
    #[arg(long, value_parser = fraction::<f32>, allow_negative_numbers = true)]
    dropout: Option<f32>,
    /// Seed of weights, order, augmentation and attacks
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seed of the split, if no split is given [default: as --seed]
    #[arg(long)]
    split_seed: Option<u64>,

    /// The most epochs [default: 50, resnet-small 15]
    #[arg(long, value_parser = count(1, MOST_EPOCHS))]
    epochs: Option<usize>,
    /// Images per step [default: 16, resnet-small 32]
    #[arg(long, value_parser = count(2, MOST_BATCH))]
    batch: Option<usize>,
    /// Learning rate [default: 0.0003, resnet-small 0.003]
    #[arg(long, value_parser = above_zero(MOST_RATE), allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Epochs that train the head alone, before the rest [default: 10 where it starts afresh on borrowed weights, else 0]
    #[arg(long, value_parser = count(0, MOST_EPOCHS))]
    head_epochs: Option<usize>,
    /// Images per step in these epochs
    #[arg(long, default_value_t = 32, value_parser = count(2, MOST_BATCH))]
    head_batch: usize,
    /// Learning rate in these epochs
    #[arg(long, default_value = "0.001", value_parser = above_zero(MOST_RATE), allow_negative_numbers = true)]
    head_lr: f64,
    /// After the head's epochs, train only these weights: by how their names begin, such as layer4,fc; with * for any text, such as
    /// *.bias; or by groups from 1 at the input to 5, the head, such as 4-5 [default: all]
    #[arg(long, value_delimiter = ',')]
    trainable: Vec<String>,
    /// Stop after this many epochs without a better validation; 0: never
    #[arg(long, default_value_t = 10, value_parser = count(0, MOST_EPOCHS))]
    early_stop: usize,
    /// The most validation images to show and attack after every epoch [default: all]
    #[arg(long, value_parser = count(1, MOST_IMAGES))]
    validation_images: Option<usize>,

    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Threads of the CPU [default: one per core]
    #[arg(long, value_parser = threads)]
    threads: Option<usize>,
    /// Stop after the epoch in which this many minutes have passed
    #[arg(long, value_parser = above_zero(MOST_MINUTES), allow_negative_numbers = true)]
    max_minutes: Option<f64>,

    #[command(flatten, next_help_heading = "How weights move")]
    moving: Moving,
    #[command(flatten, next_help_heading = "How images are shown")]
    showing: Showing,
    #[command(flatten, next_help_heading = "The attack to withstand")]
    withstanding: Withstanding,
}

impl Args {
    /// The files that may be written.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        // A training that goes on reads its own files.
        if self.resume {
            return vec![];
        }
        // Folders are made, and files that are not there cannot be lost.
        let mut outputs = outputs(&self.out);
        outputs.retain(|file| file.exists());
        outputs
    }
}

fn architectures() -> impl Iterator<Item = (&'static str, Architecture)> {
    let all = Architecture::ALL.into_iter();
    all.map(|architecture| (architecture.name(), architecture))
}

/// Runs the command.
///
/// # Errors
/// As [`train`].
pub fn run(args: Args) -> Result<()> {
    let settings = settings(args)?;
    if let Some(told) = odd_radius(&settings) {
        note(&told);
    }
    let progress = Progress::visible();
    let outcome = train(&settings, &progress, interrupt::stop())?;
    print(&report(&outcome)?)?;
    if let Some(epoch) = outcome.astray {
        bail!(
            "the loss stopped being a number in epoch {epoch}; {} is the best network before it: choose a lower --lr to go further",
            outcome.best.display()
        );
    }
    Ok(())
}

/// What there is to say of the attack's radius; where only the graph knows the size of the images, it is taken for the usual one.
fn odd_radius(settings: &Settings) -> Option<String> {
    let attack = settings.adversarial.or(settings.validation_attack)?;
    let start = &settings.start;
    let architecture = start.architecture.unwrap_or(Architecture::Resnet18);
    let side = start.size.unwrap_or_else(|| usual_size(architecture));
    too_large(attack.norm, attack.epsilon, side)
}

/// What is said at the end.
///
/// # Errors
/// Where the training was interrupted, which is another exit code.
fn report(outcome: &Outcome) -> Result<String, Interrupted> {
    let epochs = outcome.epochs.len();
    let Some(test) = &outcome.test else {
        return Err(Interrupted(format!(
            "interrupted after {epochs} whole epochs: {} holds the weights, and the same command with --resume goes on",
            outcome.latest.display()
        )));
    };
    let text = format!(
        "{}\n{epochs} epochs in {:.1} minutes; the best network is {}.\n",
        test.to_text(&[]),
        outcome.minutes,
        outcome.best.display()
    );
    Ok(text)
}

fn settings(args: Args) -> Result<Settings> {
    let defaults = Defaults::of(args.arch.unwrap_or(Architecture::Resnet18));
    let attacks = args.withstanding.attacks(&defaults)?;
    Ok(Settings {
        data: args.data,
        classes: args.classes,
        split: args.split,
        shares: Shares {
            validation: args.validation,
            test: args.test,
            fold: args.fold,
        },
        per_class: args.per_class,
        out: args.out,
        overwrite: args.overwrite,
        resume: args.resume,
        name: args.name,
        start: Start {
            architecture: args.arch,
            size: args.size,
            init: args.init,
            dropout: args.dropout,
        },
        seed: args.seed,
        split_seed: args.split_seed.unwrap_or(args.seed),
        head: Recipe {
            epochs: defaults.head.epochs,
            batch: args.head_batch,
            learning_rate: args.head_lr,
        },
        head_epochs: args.head_epochs,
        whole: Recipe {
            epochs: args.epochs.unwrap_or(defaults.whole.epochs),
            batch: args.batch.unwrap_or(defaults.whole.batch),
            learning_rate: args.lr.unwrap_or(defaults.whole.learning_rate),
        },
        trainable: args.trainable,
        optimization: args.moving.optimization(),
        rate: args.moving.rate(&defaults),
        average: args.moving.average,
        early_stop: args.early_stop,
        augment: args.showing.augment,
        mixup: args.showing.mixup,
        balance: args.showing.balance,
        class_weights: args.showing.class_weights.clone(),
        adversarial: attacks.training,
        objective: Objective {
            smoothing: args.showing.label_smoothing,
            ..args.withstanding.objective()
        },
        ramp: args.withstanding.ramp.unwrap_or(defaults.ramp),
        validation_attack: attacks.validation,
        validation_images: args.validation_images,
        device: args.device,
        threads: args.threads,
        max_minutes: args.max_minutes,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::train::Schedule;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(more: &[&str]) -> Result<Settings> {
        let line = ["train", "--data", "phantom:30", "--out", "run"];
        settings(Command::try_parse_from(line.iter().chain(more))?.args)
    }

    #[test]
    fn defaults_are_the_papers_and_the_small_networks_own() {
        let paper = parse(&["--adversarial", "l2", "--epsilon", "7"]).unwrap();
        assert_eq!((paper.whole.epochs, paper.whole.batch), (50, 16));
        let attack = paper.adversarial.unwrap();
        assert_eq!(attack.steps, 7);
        assert!((attack.step_size - 1.4).abs() < 1e-12);
        let validation = paper.validation_attack.unwrap();
        // PGD-10 at the least.
        assert_eq!(validation.steps, 10);
        assert!((validation.step_size - 1.75).abs() < 1e-12);
        let small = parse(&["--arch", "resnet-small"]).unwrap();
        assert_eq!(small.rate.schedule, Schedule::Cosine);
        assert!(small.adversarial.is_none() && small.validation_attack.is_none());
    }

    #[test]
    fn a_fast_attack_is_one_step_and_others_are_what_their_options_say() {
        let linf = ["--adversarial", "linf", "--epsilon", "8/255"];
        let of = |more: &[&str]| parse(&[&linf[..], more].concat());
        let fast = of(&["--attack", "fgsm"]).unwrap().adversarial.unwrap();
        assert_eq!((fast.steps, fast.keep), (1, crate::attack::Keep::Last));
        assert!((fast.step_size - 10.0 / 255.0).abs() < 1e-12);
        assert!(of(&["--attack", "fgsm", "--steps", "3"]).is_err());
        let more = [
            "--start",
            "image",
            "--restarts",
            "2",
            "--target",
            "least-likely",
        ];
        let attack = of(&more).unwrap().adversarial.unwrap();
        assert!(!attack.random_start && attack.restarts == 2 && attack.target.is_some());
        let free = ["--adversarial", "unconstrained", "--step-size", "3"];
        let validation = parse(&free).unwrap().validation_attack.unwrap();
        assert_eq!((validation.steps, validation.step_size), (10, 3.0));
        let error = parse(&["--method", "trades"]).unwrap().check().unwrap_err();
        assert!(error.to_string().contains("--adversarial"), "{error}");
    }

    #[test]
    fn a_radius_may_be_a_fraction_and_is_told_where_it_is_too_large() {
        let linf = |more: &[&str]| parse(&[&["--adversarial", "linf", "--epsilon"], more].concat());
        let usual = linf(&["8/255", "--step-size", "2/255"]).unwrap();
        let attack = usual.adversarial.unwrap();
        assert_eq!(
            (attack.epsilon, attack.step_size),
            (8.0 / 255.0, 2.0 / 255.0)
        );
        assert_eq!(odd_radius(&usual), None);
        let told = odd_radius(&linf(&["8"]).unwrap()).unwrap();
        assert!(
            told.ends_with("something like 8/255 was probably meant"),
            "{told}"
        );
        let told = odd_radius(&parse(&["--epsilon", "255"]).unwrap()).unwrap();
        assert!(told.contains("in the L2 ball"), "{told}");
        assert_eq!(
            odd_radius(&parse(&["--adversarial", "l2", "--epsilon", "7"]).unwrap()),
            None
        );
    }

    #[test]
    fn a_head_stage_goes_with_a_head_that_starts_afresh() {
        let epochs = |more: &[&str], fresh| parse(more).unwrap().with_head(fresh).head.epochs;
        assert_eq!(epochs(&[], false), 0);
        assert_eq!(epochs(&["--init", "a.onnx"], true), 10);
        assert_eq!(epochs(&["--head-epochs", "2"], false), 2);
        assert_eq!(epochs(&["--head-epochs", "0"], true), 0);
    }

    #[test]
    fn wrong_values_are_refused_with_a_reason() {
        for (arguments, reason) in [
            (&["--epsilon", "-1"][..], "0 or more"),
            (&["--epsilon", "NaN"], "0 or more"),
            (&["--adversarial", "l2"], "--epsilon"),
            (&["--adversarial", "l3"], "none, l2, linf, l1"),
            (&["--adversarial", "fourier"], "--step-size"),
            (&["--mixup", "2"], "at most 1"),
            (&["--average", "1"], "from 0 to"),
            (&["--class-weights", "0"], "off, balanced"),
            (&["--arch", "vgg"], "resnet18"),
            (&["--lr", "0"], "above 0"),
            (&["--lr", "1e30"], "at most 1000"),
            (&["--head-lr", "inf"], "at most 1000"),
            (&["--weight-decay", "1e30"], "from 0 to 1000"),
            (&["--max-minutes", "1e300"], "at most 1000000"),
            (&["--epsilon", "1e30"], "at most 1000000"),
            (&["--step-size", "1e30"], "at most 1000000"),
            (&["--balance", "0"], "auto, off"),
            (&["--balance", "99999999999"], "from 1 to 10000000"),
            (&["--steps", "0"], "from 1 to 10000"),
            (&["--steps", "99999999999"], "from 1 to 10000"),
            (&["--batch", "1"], "from 2 to 65536"),
            (&["--batch", "999999999"], "from 2 to 65536"),
            (&["--head-batch", "999999999"], "from 2 to 65536"),
            (&["--epochs", "99999999999"], "from 1 to 1000000"),
            (&["--head-epochs", "99999999999"], "from 0 to 1000000"),
            (&["--early-stop", "99999999999"], "from 0 to 1000000"),
            (&["--threads", "5000"], "whole number from 1 to"),
            (
                &["--validation-images", "99999999999"],
                "from 1 to 10000000",
            ),
            (&["--size", "8"], "32..=4096"),
        ] {
            let line = ["train", "--data", "phantom:30", "--out", "run"];
            let error = Command::try_parse_from(line.iter().chain(arguments)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(reason), "{arguments:?}: {error}");
        }
    }
}
