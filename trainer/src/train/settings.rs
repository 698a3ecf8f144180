//! Everything that decides a training.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use pellucid_shared::zoo::Architecture;
use serde::Serialize;
use serde_json::json;

use super::{Augment, ClassWeights, Objective, Optimization, Rate, Schedule, Start};
use crate::attack::Attack;
use crate::data::{Balance, PerClass, Shares, Source};
use crate::device::DeviceChoice;

/// Everything that decides a training.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to learn from.
    pub data: Source,
    /// The classes by code, in the order of the logits; `None` means the data's usual ones.
    pub classes: Option<Vec<String>>,
    /// A split file to use instead of splitting at random.
    pub split: Option<PathBuf>,
    /// How much goes to validation and test where no split file is given.
    pub shares: Shares,
    /// The most training images of each class.
    pub per_class: Option<PerClass>,
    /// The folder of the run.
    pub out: PathBuf,
    /// Whether a run that is in the folder may be replaced.
    pub overwrite: bool,
    /// Whether the run that was interrupted in the folder goes on.
    pub resume: bool,
    /// What to call the model in its card; `None` makes a name.
    pub name: Option<String>,
    /// The network to begin with.
    pub start: Start,
    /// Decides the weights, the order, the alterations and the attacks.
    pub seed: u64,
    /// Decides the split.
    pub split_seed: u64,
    /// The head's stage, before the rest is unfrozen; its epochs are those of a head that starts afresh.
    pub head: Recipe,
    /// Epochs of the head's stage whatever it starts from; `None` leaves it out where the head has learnt before.
    pub head_epochs: Option<usize>,
    /// The stage in which the whole network learns.
    pub whole: Recipe,
    /// In the second stage, only the weights of these groups or names learn (`trainable.rs`); all where it is empty.
    pub trainable: Vec<String>,
    /// How weights move along their gradients.
    pub optimization: Optimization,
    /// How the learning rate changes in the second stage; in the head's it stays.
    pub rate: Rate,
    /// What of the weights' mean along the second stage a step leaves, 0 to below 1; with it, the mean is what is measured and kept.
    pub average: Option<f64>,
    /// Epochs without a better validation after which training stops; 0 means never.
    pub early_stop: usize,
    /// How training images are altered.
    pub augment: Augment,
    /// How evenly images are mixed with each other, above 0 and at most 1, if they are.
    pub mixup: Option<f64>,
    /// How often each class is shown.
    pub balance: Balance,
    /// How much each class counts.
    pub class_weights: ClassWeights,
    /// The attack that the network learns to withstand; `None` trains on clean images.
    pub adversarial: Option<Attack>,
    /// How it is withstood.
    pub objective: Objective,
    /// The share of the epochs, 0 to 1, over which the training's ε and step size grow from 0: a network that meets the
    /// whole attack before it has learnt anything may not learn for long (curriculum adversarial training, Cai et al., 2018).
    pub ramp: f64,
    /// The attack that validation measures, whether or not it is trained against.
    pub validation_attack: Option<Attack>,
    /// The most validation images that are shown, and attacked, after every epoch; `None` means all.
    pub validation_images: Option<usize>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Threads of libtorch; `None` leaves its choice.
    pub threads: Option<usize>,
    /// Training stops after the epoch that passes this many minutes.
    pub max_minutes: Option<f64>,
}

/// One stage of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Passes over the training images, at most.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// The learning rate at its highest.
    pub learning_rate: f64,
}

/// What is left to the user to decide, for an architecture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// The head's stage, where there is a trained body.
    pub head: Recipe,
    /// The whole network's stage.
    pub whole: Recipe,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Weight decay.
    pub weight_decay: f64,
    /// Steps of the training's attack.
    pub steps: usize,
    /// The share of the epochs over which the attack grows.
    pub ramp: f64,
}

impl Defaults {
    /// Those of Margeloiu et al. (2020), but for the small network, which a CPU trains in minutes.
    #[must_use]
    pub fn of(architecture: Architecture) -> Self {
        let head = Recipe {
            epochs: 10,
            batch: 32,
            learning_rate: 1e-3,
        };
        match architecture {
            Architecture::ResnetSmall => Self {
                head,
                whole: Recipe {
                    epochs: 15,
                    batch: 32,
                    learning_rate: 3e-3,
                },
                schedule: Schedule::Cosine,
                weight_decay: 5e-4,
                steps: 3,
                ramp: 0.3,
            },
            _ => Self {
                head,
                whole: Recipe {
                    epochs: 50,
                    batch: 16,
                    learning_rate: 3e-4,
                },
                schedule: Schedule::Plateau,
                weight_decay: 5e-4,
                steps: 7,
                ramp: 0.0,
            },
        }
    }
}

impl Settings {
    /// These settings for a network whose head starts afresh behind a body that has learnt, or does not: with as many epochs of the
    /// head's stage as that takes.
    #[must_use]
    pub(crate) fn with_head(&self, fresh: bool) -> Self {
        let mut settings = self.clone();
        let usual = if fresh { self.head.epochs } else { 0 };
        settings.head.epochs = self.head_epochs.unwrap_or(usual);
        settings
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.whole.epochs > 0,
            "0 epochs train nothing: use --epochs 1 or more"
        );
        for (stage, recipe) in [("", self.whole), ("head-", self.head)] {
            ensure!(
                recipe.epochs == 0 || recipe.batch >= 2,
                "--{stage}batch {} is too small: batch normalization needs 2 images or more",
                recipe.batch
            );
            let rate = recipe.learning_rate;
            ensure!(
                rate.is_finite() && rate > 0.0,
                "--{stage}lr {rate} must be above 0, such as 0.0003"
            );
        }
        self.optimization.check()?;
        self.rate.check()?;
        self.objective.check(self.adversarial.as_ref())?;
        ensure!(
            self.mixup.is_none_or(|alpha| alpha > 0.0 && alpha <= 1.0),
            "--mixup must be above 0 and at most 1, such as 0.2"
        );
        ensure!(
            self.average.is_none_or(|decay| (0.0..1.0).contains(&decay)),
            "--average must be from 0 to below 1, such as 0.999"
        );
        ensure!(
            self.validation_images != Some(0),
            "--validation-images must be 1 or more"
        );
        ensure!(
            (0.0..=1.0).contains(&self.ramp),
            "--ramp {} must be 0 to 1",
            self.ramp
        );
        ensure!(
            self.max_minutes.is_none_or(|m| m > 0.0),
            "--max-minutes must be above 0"
        );
        if let Some(size) = self.start.size {
            ensure!(
                (32..=4096).contains(&size),
                "--size {size} must be 32 to 4096 pixels"
            );
        }
        for attack in [self.adversarial, self.validation_attack].iter().flatten() {
            attack.check()?;
        }
        Ok(())
    }

    /// The settings as they are written to `settings.json`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "data": self.data.to_string(),
            "classes": self.classes,
            "split": self.split,
            "validation_share": self.shares.validation,
            "test_share": self.shares.test,
            "fold": self.shares.fold.map(|fold| fold.to_string()),
            "per_class": self.per_class.as_ref().map(ToString::to_string),
            "architecture": self.start.architecture.map(Architecture::name),
            "size": self.start.size,
            "init": self.start.init.as_ref().map(ToString::to_string),
            "dropout": self.start.dropout,
            "seed": self.seed,
            "split_seed": self.split_seed,
            "head": self.head,
            "head_epochs": self.head_epochs,
            "whole": self.whole,
            "trainable": self.trainable,
            "optimization": self.optimization,
            "rate": self.rate,
            "average": self.average,
            "early_stop": self.early_stop,
            "augment": self.augment,
            "mixup": self.mixup,
            "balance": self.balance,
            "class_weights": self.class_weights,
            "adversarial": self.adversarial,
            "objective": self.objective,
            "ramp": self.ramp,
            "validation_attack": self.validation_attack,
            "validation_images": self.validation_images,
            "max_minutes": self.max_minutes,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}
