//! The stages of a training: the head alone, then the network.

use std::time::Instant;

use anyhow::{Result, ensure};
use pellucid_shared::onnx::Model;

use super::checkpoint::save;
use super::epoch::{Pass, Seen};
use super::facts::note;
use super::init::head;
use super::log::EpochRecord;
use super::memory::{is_out_of_memory, out_of_memory};
use super::optimizer::Optimizer;
use super::run::{MEASURING_SEED, Run};
use super::schedule::{Schedule, Score, Watch};
use super::{Recipe, Settings};
use crate::attack::Attack;
use crate::evaluate::{Measured, attacked, clean};
use crate::torch::Network;

/// A stage of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The head alone learns, on clean images.
    Head,
    /// As much of the network as the settings say learns, against their attack.
    Whole,
}

impl Stage {
    /// In their order.
    pub(super) const ALL: [Self; 2] = [Self::Head, Self::Whole];

    /// As the log names it.
    fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Whole => "whole",
        }
    }

    fn recipe(self, settings: &Settings) -> Recipe {
        match self {
            Self::Head => settings.head,
            Self::Whole => settings.whole,
        }
    }

    /// The batch's option on the command line.
    fn batch_option(self) -> &'static str {
        match self {
            Self::Head => "--head-batch",
            Self::Whole => "--batch",
        }
    }

    fn schedule(self, settings: &Settings) -> (Schedule, Option<Attack>) {
        match self {
            Self::Head => (Schedule::Constant, None),
            Self::Whole => (settings.schedule, settings.adversarial),
        }
    }

    /// An optimiser over what learns in this stage; the network's other parameters are frozen.
    fn optimizer(
        self,
        settings: &Settings,
        model: &Model,
        network: &mut Network,
    ) -> Result<Optimizer> {
        let learns = match self {
            Self::Head => head(model),
            Self::Whole => settings.trainable.clone(),
        };
        for prefix in &settings.trainable {
            let mut parameters = network.parameters().into_iter();
            ensure!(
                parameters.any(|(name, _)| name.starts_with(&prefix[..])),
                "--trainable {prefix} names no layer: no name in the network begins with it"
            );
        }
        network.set_trainable(|parameter| {
            learns.is_empty()
                || learns
                    .iter()
                    .any(|prefix| parameter.starts_with(&prefix[..]))
        });
        let rate = self.recipe(settings).learning_rate;
        Optimizer::new(settings.optimizer, network, rate, settings.weight_decay)
    }

    /// Whether the stage can begin.
    ///
    /// # Errors
    /// Where nothing of the network would learn.
    pub(super) fn check(
        self,
        settings: &Settings,
        model: &Model,
        network: &mut Network,
    ) -> Result<()> {
        if self.recipe(settings).epochs > 0 {
            self.optimizer(settings, model, network)?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Trains a stage, until it is over, has become no better for long, or is asked to stop.
    pub(super) fn train(&mut self, stage: Stage) -> Result<()> {
        let settings = self.settings;
        let recipe = stage.recipe(settings);
        let mut optimizer = stage.optimizer(settings, &self.model, &mut self.network)?;
        let (schedule, attack) = stage.schedule(settings);
        let mut watch = Watch::after(self.best);
        let epochs = self.records.len() + recipe.epochs;
        for epoch in 0..recipe.epochs {
            let started = Instant::now();
            let mut pass = Pass {
                examples: &self.train,
                seed: settings.seed,
                epoch: self.records.len(),
                batch: recipe.batch,
                balance: settings.balance,
                augment: settings.augment,
                attack,
                ramp: 0.0,
                steps_before: 0,
                stop: self.stop,
            };
            let steps = pass.steps();
            pass.ramp = settings.ramp * (recipe.epochs * steps) as f64;
            pass.steps_before = epoch * steps;
            let rate = |step: usize| {
                let done = (epoch * steps + step) as f64 / (recipe.epochs * steps).max(1) as f64;
                recipe.learning_rate * schedule.factor(done, watch.drops())
            };
            let bar = self
                .progress
                .bar(&format!("epoch {}", self.records.len() + 1), steps);
            let seen = pass.run(&self.network, &mut optimizer, rate, &bar);
            bar.finish_and_clear();
            let seen = match seen {
                Err(error) if is_out_of_memory(&error) => {
                    // Its moments are memory too.
                    drop(optimizer);
                    let size = self.card.input.preprocessing.size;
                    let tried = (stage.batch_option(), recipe.batch, size);
                    return Err(out_of_memory(&self.network, settings, attack, tried));
                }
                seen => seen?,
            };
            let rate = rate(steps);
            self.save_unmeasured()?;
            let Some(record) = self.validate(stage.name(), rate, seen, &mut watch, started)? else {
                break;
            };
            self.best = watch.best();
            self.keep(record, epochs)?;
            let patience = settings.early_stop;
            if self.stopped() || (patience > 0 && watch.stale() >= patience) {
                break;
            }
        }
        Ok(())
    }

    /// Writes the weights before they are measured, which takes a while and may be cut off; what the card knows is of others.
    fn save_unmeasured(&mut self) -> Result<()> {
        self.begin_log()?;
        self.card.metrics.clear();
        let latest = self.folder.latest();
        save(&mut self.model, &self.network, &self.card, &latest)
    }

    /// Writes an epoch's network and line.
    fn keep(&mut self, record: EpochRecord, epochs: usize) -> Result<()> {
        let latest = self.folder.latest();
        save(&mut self.model, &self.network, &self.card, &latest)?;
        if record.best {
            let best = self.folder.unverified();
            save(&mut self.model, &self.network, &self.card, &best)?;
        }
        if let Some(log) = &mut self.log {
            log.write(&record)?;
        }
        self.progress.say(&record.line(epochs));
        self.records.push(record);
        Ok(())
    }

    /// Measures the network on the validation images; `None` where the training is asked to stop before that begins.
    fn validate(
        &mut self,
        stage: &str,
        learning_rate: f64,
        seen: Seen,
        watch: &mut Watch,
        started: Instant,
    ) -> Result<Option<EpochRecord>> {
        let words = format!(
            "interrupted in epoch {}: {} holds the weights, and --init goes on from them",
            self.records.len() + 1,
            self.folder.latest().display()
        );
        let Some(_free) = self.held.free(words) else {
            return Ok(None);
        };
        let bar = self.progress.bar("validation", self.validation.len());
        let plain = clean(&self.network, &self.validation, &bar)?;
        bar.finish_and_clear();
        let hard = match (&self.attacked, &self.settings.validation_attack) {
            (Some(examples), Some(attack)) => {
                let bar = self.progress.bar("attack", examples.len());
                let measured = attacked(&self.network, examples, attack, 1, MEASURING_SEED, &bar)?;
                bar.finish_and_clear();
                Some(measured)
            }
            _ => None,
        };
        let decisive = match &hard {
            Some(hard) if self.settings.adversarial.is_some() => hard,
            _ => &plain,
        };
        let score = Score {
            accuracy: decisive.confusion.balanced_accuracy(),
            loss: decisive.loss,
        };
        self.note_metrics(&plain, hard.as_ref());
        Ok(Some(EpochRecord {
            epoch: self.records.len() + 1,
            stage: stage.to_owned(),
            learning_rate,
            train_loss: seen.loss,
            train_accuracy: seen.accuracy,
            validation_loss: plain.loss,
            validation_accuracy: plain.confusion.accuracy(),
            validation_balanced_accuracy: plain.confusion.balanced_accuracy(),
            adversarial_loss: hard.as_ref().map(|h| h.loss),
            adversarial_accuracy: hard.as_ref().map(|h| h.confusion.accuracy()),
            adversarial_balanced_accuracy: hard.as_ref().map(|h| h.confusion.balanced_accuracy()),
            best: watch.improves(score),
            seconds: started.elapsed().as_secs_f64(),
        }))
    }

    /// Puts the epoch and its validation into the card that the checkpoints carry.
    fn note_metrics(&mut self, plain: &Measured, hard: Option<&Measured>) {
        let trained = self.records.len() as u32 + 1;
        if let Some(training) = &mut self.card.training {
            training.epochs = trained;
        }
        let attack = self.settings.validation_attack.as_ref();
        note(&mut self.card, "validation", plain, None);
        if let Some(hard) = hard {
            note(&mut self.card, "validation.adversarial", hard, attack);
        }
    }
}
