//! The stages of a training: the head alone, then the network.

use std::time::Instant;

use anyhow::{Result, bail};
use tch::Tensor;

use super::checkpoint::save;
use super::epoch::{Pass, Seen, Sums};
use super::facts::note;
use super::log::EpochRecord;
use super::memory::{is_out_of_memory, out_of_memory};
use super::resume::Moment;
use super::run::{MEASURING_SEED, Run};
use super::schedule::{self, Watch};
use super::stage::Stage;
use crate::attack::Attack;
use crate::evaluate::{Measured, NotANumber, attacked, clean};

/// The share of the best attacked accuracy below which a training against single steps has overfitted to them.
const OVERFITTED: f64 = 0.5;

impl Run<'_> {
    /// Trains a stage, until it is over, has become no better for long, or is asked to stop.
    pub(super) fn train(&mut self, stage: Stage) -> Result<()> {
        let settings = &self.settings.clone();
        let recipe = stage.recipe(settings);
        let mut optimizer = stage.optimizer(settings, &self.model, &mut self.network)?;
        let schedule = stage.rate(settings);
        let (attack, objective) = stage.attack(settings);
        let mut average = stage.average(settings, &self.network);
        let counts = self.train.dataset.counts();
        let class_weights = settings
            .class_weights
            .tensor(&counts, self.network.device())?;
        let mut watch = Watch::after(self.best, schedule.patience);
        let (mut begin, mut taken) = (0, (0, Sums::default()));
        if let Some(checkpoint) = self.resumed.take_if(|c| c.position.stage == stage) {
            checkpoint.restore(&mut optimizer, average.as_mut())?;
            let position = checkpoint.position;
            (begin, taken, watch) = (
                position.epoch,
                (position.step, position.sums),
                position.watch,
            );
        }
        let epochs = self.records.len() + recipe.epochs - begin;
        for epoch in begin..recipe.epochs {
            let patience = settings.early_stop;
            if patience > 0 && watch.stale() >= patience {
                break;
            }
            let started = Instant::now();
            let mut pass = Pass {
                examples: &self.train,
                seed: settings.seed,
                epoch: self.records.len(),
                batch: recipe.batch,
                balance: settings.balance,
                augment: settings.augment,
                mixup: settings.mixup,
                objective,
                class_weights: class_weights.as_ref().map(Tensor::shallow_clone),
                attack,
                ramp: 0.0,
                steps_before: 0,
                stop: self.stop,
                taken: std::mem::take(&mut taken),
            };
            let steps = pass.steps();
            pass.ramp = settings.ramp * (recipe.epochs * steps) as f64;
            pass.steps_before = epoch * steps;
            let rate = |step: usize| {
                let done = (epoch * steps + step) as f64 / (recipe.epochs * steps).max(1) as f64;
                let now = schedule::Moment {
                    done,
                    epoch,
                    drops: watch.drops(),
                };
                recipe.learning_rate * schedule.at(now)
            };
            let bar = self
                .progress
                .bar(&format!("epoch {}", self.records.len() + 1), steps);
            let seen = pass.run(&self.network, &mut optimizer, average.as_mut(), rate, &bar);
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
            if !seen.loss.is_finite() {
                return self.went_astray();
            }
            let rate = rate(steps);
            self.begin_log()?;
            let now = Moment {
                stage,
                epoch,
                step: seen.steps,
                sums: seen.sums,
                watch: &watch,
                network: &self.network,
                optimizer: &optimizer,
                average: average.as_ref(),
                records: &self.records,
            };
            now.save(&self.folder.checkpoint())?;
            if let Some(average) = &mut average {
                average.exchange(&self.network)?;
            }
            self.save_unmeasured()?;
            let record = match self.validate(stage.name(), rate, seen, &mut watch, started) {
                // The training images' loss may still be a number where the answers to others are none.
                Err(error) if error.chain().any(|cause| cause.is::<NotANumber>()) => {
                    return self.went_astray();
                }
                record => record?,
            };
            let Some(record) = record else {
                break;
            };
            self.best = watch.best();
            self.tell_overfitting(&record, attack.as_ref());
            let line = record.line(epochs);
            self.keep(record)?;
            if let Some(average) = &mut average {
                average.exchange(&self.network)?;
            }
            let now = Moment {
                stage,
                epoch: epoch + 1,
                step: 0,
                sums: Sums::default(),
                watch: &watch,
                network: &self.network,
                optimizer: &optimizer,
                average: average.as_ref(),
                records: &self.records,
            };
            now.save(&self.folder.checkpoint())?;
            // Said of what is on disk.
            self.progress.say(&line);
            if self.stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Ends the training where the loss is not a number any longer: the best network so far is measured and kept.
    ///
    /// # Errors
    /// Where there is none.
    fn went_astray(&mut self) -> Result<()> {
        let epoch = self.records.len() + 1;
        let Some(best) = self.records.iter().rfind(|record| record.best) else {
            bail!("the loss stopped being a number in epoch {epoch}: choose a lower --lr");
        };
        self.progress.say(&format!(
            "the loss stopped being a number in epoch {epoch}: the training ends, and the network of epoch {} is kept",
            best.epoch
        ));
        self.astray = Some(epoch);
        Ok(())
    }

    /// Says when a training against a single step has learnt that step alone.
    fn tell_overfitting(&self, record: &EpochRecord, attack: Option<&Attack>) {
        let best = self.records.iter().filter_map(|r| r.adversarial_accuracy);
        let best = best.fold(0.0, f64::max);
        let single = attack.is_some_and(|attack| attack.steps == 1);
        let now = record.adversarial_accuracy.filter(|_| single);
        if let Some(now) = now.filter(|&now| has_overfitted(now, best, record.train_accuracy)) {
            self.progress.say(&format!(
                "catastrophic overfitting: the network withstands single steps ({:.0} %) and no longer the attack of the validation ({:.0} %, before {:.0} %); try a smaller --step-size or --steps 2",
                100.0 * record.train_accuracy,
                100.0 * now,
                100.0 * best
            ));
        }
    }

    /// Writes the weights before they are measured, which takes a while and may be cut off; what the card knows is of others.
    fn save_unmeasured(&mut self) -> Result<()> {
        self.begin_log()?;
        self.card.metrics.clear();
        let latest = self.folder.latest();
        save(&mut self.model, &self.network, &self.card, &latest)
    }

    /// Writes an epoch's network and line.
    fn keep(&mut self, record: EpochRecord) -> Result<()> {
        let latest = self.folder.latest();
        save(&mut self.model, &self.network, &self.card, &latest)?;
        if record.best {
            let best = self.folder.unverified();
            save(&mut self.model, &self.network, &self.card, &best)?;
        }
        if let Some(log) = &mut self.log {
            log.write(&record)?;
        }
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
            "interrupted in epoch {}: {} holds the weights, and the same command with --resume goes on",
            self.records.len() + 1,
            self.folder.latest().display()
        );
        let Some(_free) = self.held.free(words) else {
            return Ok(None);
        };
        let bar = self.progress.bar("validation", self.validation.len());
        let plain = clean(&self.network, &self.validation, &bar)?;
        bar.finish_and_clear();
        let hard = match &self.settings.validation_attack {
            Some(attack) => {
                let examples = &self.validation;
                let bar = self.progress.bar("attack", examples.len());
                let measured = attacked(&self.network, examples, attack, 1, MEASURING_SEED, &bar)?;
                bar.finish_and_clear();
                Some(measured)
            }
            None => None,
        };
        let decisive = match &hard {
            Some(hard) if self.settings.adversarial.is_some() => hard,
            _ => &plain,
        };
        let score = decisive.loss;
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

/// Whether a training against single steps has learnt these alone: what many steps find is suddenly told wrongly, and single steps
/// rightly (Wong et al., *Fast is better than free*, 2020). `now` and `best` are the accuracies under the validation's attack, `single`
/// that of the training images.
fn has_overfitted(now: f64, best: f64, single: f64) -> bool {
    now < OVERFITTED * best && single > best
}

#[cfg(test)]
mod tests {
    use super::has_overfitted;

    /// Of the kind that Wong et al. describe: accuracy under PGD goes to 0 within an epoch, while that under single steps rises.
    #[test]
    fn a_collapse_under_many_steps_is_told_and_a_bad_epoch_is_not() {
        assert!(has_overfitted(0.0, 0.4, 0.9));
        assert!(!has_overfitted(0.35, 0.4, 0.9));
        // All of it went down: the training is unsteady, and has not overfitted.
        assert!(!has_overfitted(0.1, 0.4, 0.2));
        assert!(!has_overfitted(0.0, 0.0, 0.0));
    }
}
