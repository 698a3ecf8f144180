//! The commands on the device: a training with its verified export, `evaluate` and `explain`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{ArrayD, Axis, Ix4};
use ndarray_npy::ReadNpyExt;
use pellucid_shared::attribution::Explainer;
use pellucid_shared::card::{Card, Norm};
use pellucid_shared::image::decode;
use pellucid_shared::onnx::Model;
use pellucid_shared::phantom::{self, PhantomOptions};
use pellucid_shared::zoo::Architecture;
use serde::Deserialize;
use serde_json::json;
use tch::Device;

use super::{Told, temporary};
use crate::attack::Attack;
use crate::data::{Balance, Shares, Source};
use crate::device::DeviceChoice;
use crate::engines::TorchEngine;
use crate::progress::Progress;
use crate::spelling::spelled;
use crate::stop::Stop;
use crate::train::{
    Augment, ClassWeights, Defaults, Objective, Optimization, Rate, Recipe, Schedule, Settings,
    Start, train,
};

/// Side of the training's images in pixels.
const SIZE: u32 = 32;
/// How far the devices' losses may be apart, relatively: float32 through a small network.
const LOSS: f64 = 1e-4;
/// How far `explain`'s numbers may be from those of the same engine in this process, relatively: nothing but the order
/// of sums is between them.
const SAME: f64 = 1e-4;

/// A small adversarial training on the device, in a folder that goes with this value.
pub(super) struct Run<'a> {
    folder: tempfile::TempDir,
    device: Device,
    program: &'a Path,
}

impl<'a> Run<'a> {
    /// Trains, which exports and verifies.
    pub(super) fn train(device: Device, program: &'a Path) -> Result<(Self, Told)> {
        let folder = temporary()?;
        let run = Self {
            folder,
            device,
            program,
        };
        let settings = run.settings()?;
        let outcome = train(&settings, &Progress::silent(), &Stop::new())?;
        let verified = outcome
            .verification
            .context("the training was interrupted")?;
        let engines = verified
            .engines
            .iter()
            .map(|e| e.engine)
            .collect::<Vec<_>>();
        let told = (
            format!(
                "a small network was trained against an attack, exported, and verified on {}",
                engines.join(", ")
            ),
            json!({"epochs": outcome.epochs.len(), "verification": verified}),
        );
        Ok((run, told))
    }

    fn settings(&self) -> Result<Settings> {
        let defaults = Defaults::of(Architecture::ResnetSmall);
        let attack = |make: fn(Norm, f64, usize, Option<f64>) -> Result<Attack>| {
            make(Norm::L2, 0.5, 2, None)
        };
        Ok(Settings {
            data: Source::Phantom {
                count: 60,
                population: None,
            },
            classes: None,
            split: None,
            shares: Shares {
                validation: 0.2,
                test: 0.2,
                fold: None,
            },
            per_class: None,
            out: self.folder.path().join("run"),
            overwrite: false,
            resume: false,
            name: None,
            start: Start {
                architecture: Some(Architecture::ResnetSmall),
                size: Some(SIZE),
                init: None,
                dropout: None,
            },
            seed: 0,
            split_seed: 0,
            head_epochs: None,
            head: Recipe {
                epochs: 0,
                ..defaults.head
            },
            whole: Recipe {
                epochs: 2,
                batch: 12,
                ..defaults.whole
            },
            trainable: vec![],
            optimization: Optimization {
                weight_decay: defaults.weight_decay,
                ..Optimization::default()
            },
            rate: Rate::new(Schedule::Constant),
            average: None,
            early_stop: 0,
            augment: Augment::default(),
            mixup: None,
            balance: Balance::default(),
            class_weights: ClassWeights::Off,
            adversarial: Some(attack(Attack::for_training)?),
            objective: Objective::default(),
            ramp: 0.0,
            validation_attack: Some(attack(Attack::for_evaluation)?),
            validation_images: None,
            device: self.choice(),
            threads: None,
            max_minutes: None,
        })
    }

    fn choice(&self) -> DeviceChoice {
        match self.device {
            Device::Cpu => DeviceChoice::Cpu,
            _ => DeviceChoice::Cuda,
        }
    }

    fn best(&self) -> PathBuf {
        self.folder.path().join("run/best.onnx")
    }

    /// `pellucid evaluate` on the device and on the CPU: the same loss on clean images, and an attack that raises it.
    pub(super) fn evaluate(&self) -> Result<Told> {
        let on = |device: DeviceChoice| -> Result<Evaluation> {
            let best = self.best().display().to_string();
            let words = [
                "evaluate",
                &best,
                "--data",
                "phantom:60",
                "--epsilon",
                "0.5",
            ];
            let device = spelled(&device);
            let more = ["--steps", "5", "--json", "--device", &device];
            Ok(serde_json::from_slice(
                &self.call(&[&words[..], &more].concat())?,
            )?)
        };
        let (found, exact) = (on(self.choice())?, on(DeviceChoice::Cpu)?);
        let distance = (found.clean.loss - exact.clean.loss).abs() / exact.clean.loss;
        ensure!(
            distance <= LOSS,
            "`pellucid evaluate` finds a loss of {} on the device and of {} on the CPU",
            found.clean.loss,
            exact.clean.loss
        );
        ensure!(
            found.adversarial.loss > found.clean.loss,
            "the attack of `pellucid evaluate` lowers the loss from {} to {}",
            found.clean.loss,
            found.adversarial.loss
        );
        Ok((
            format!(
                "the loss on the device is within {distance:.1e} of the CPU's, and an attack raises it from {:.3} to {:.3}",
                found.clean.loss, found.adversarial.loss
            ),
            json!({"distance": distance, "limit": LOSS, "clean_loss": found.clean.loss, "attacked_loss": found.adversarial.loss}),
        ))
    }

    /// `pellucid explain --engine torch` on the device: the numbers of the same engine in this process.
    pub(super) fn explain(&self) -> Result<Told> {
        let at = |name: &str| self.folder.path().join(name);
        let (picture, raw, map) = (at("phantom.png"), at("grad.npy"), at("map.png"));
        let phantom = phantom::generate(1, &PhantomOptions::new(2 * SIZE, 1));
        fs::write(
            &picture,
            pellucid_shared::image::encode_png(&phantom.image)?,
        )?;
        let text = |path: &Path| path.display().to_string();
        let (model, picture_text, raw_text) = (text(&self.best()), text(&picture), text(&raw));
        let map_text = text(&map);
        self.call(&[
            "explain",
            &model,
            &picture_text,
            "--target",
            "1",
            "--engine",
            "torch",
            "--device",
            &spelled(&self.choice()),
            "--raw",
            &raw_text,
            "-o",
            &map_text,
        ])?;
        let found = ArrayD::<f32>::read_npy(fs::File::open(&raw)?)?;
        decode(&fs::read(&map)?).context("the map that `pellucid explain` drew cannot be read")?;

        let model = Model::load(&self.best())?;
        let card = Card::from_model(&model)?.context("the trained file has no card")?;
        let engine = TorchEngine::new(&model, self.device)?;
        let signature = pellucid_shared::attribution::Signature::of(&model, None)?;
        let mut explainer = Explainer::over(Box::new(engine), signature);
        let image = card.input.tensor(&phantom.image).insert_axis(Axis(0));
        let expected = explainer.gradient(image.view(), 1)?.grad;
        let found = found.into_dimensionality::<Ix4>()?;
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let expected: Vec<f64> = expected.iter().map(|&v| f64::from(v)).collect();
        ensure!(
            found.len() == expected.len(),
            "the gradient has another size"
        );
        let pairs = || found.iter().map(|&v| f64::from(v)).zip(&expected);
        let size = norm(&mut expected.iter().copied());
        let distance = norm(&mut pairs().map(|(a, b)| a - b)) / size;
        ensure!(
            size > 0.0 && distance <= SAME,
            "the gradient of `pellucid explain` is {distance:.1e} off"
        );
        Ok((
            format!(
                "the gradient that `explain --engine torch` writes is within {distance:.1e} of the engine's"
            ),
            json!({"distance": distance, "limit": SAME}),
        ))
    }

    /// What this program prints when it is called with these words.
    fn call(&self, words: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new(self.program)
            .args(words)
            .output()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`pellucid {}` failed: {}",
                words.first().unwrap_or(&""),
                said.trim().lines().last().unwrap_or("it said nothing")
            );
        }
        Ok(output.stdout)
    }
}

/// What `pellucid evaluate --json` tells, as far as it is read here.
#[derive(Deserialize)]
struct Evaluation {
    clean: Loss,
    adversarial: Loss,
}

#[derive(Deserialize)]
struct Loss {
    loss: f64,
}
