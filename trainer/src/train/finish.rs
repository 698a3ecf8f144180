//! The end of a training: the best network on the test images, verified, under its name.

use anyhow::{Context, Result};
use pellucid_shared::card::{Calibration, Card};
use pellucid_shared::onnx::Model;
use tch::Device;

use super::facts::note;
use super::run::{MEASURING_SEED, Run};
use crate::data::batch;
use crate::evaluate::{Evaluation, Figures, Question, attacked, clean, fit_temperature};
use crate::export::{self, Verification};
use crate::torch::{Network, Tf32, allow_tf32, release_memory};

/// Images that are offered for comparing the engines on the written file.
const VERIFIED: usize = 8;

/// Steps of the attack on the test images.
const TEST_STEPS: usize = 20;

impl Run<'_> {
    /// Measures the best network on the test images, writes that into its card, and verifies the file; only then does it take
    /// its name. `None` where the training is asked to stop before that begins.
    pub(super) fn finish(&mut self) -> Result<Option<(Evaluation, Verification)>> {
        let words = format!(
            "interrupted before the best network was verified: it is {}, the latest is {}, and the same command with --resume goes on",
            self.folder.unverified().display(),
            self.folder.latest().display()
        );
        let Some(free) = self.held.free(words) else {
            return Ok(None);
        };
        let (evaluation, verified) = self.measure()?;
        drop(free);
        self.folder.publish()?;
        self.progress.say(&format!(
            "{} was read back and verified on {} images:\n{}",
            self.folder.published().display(),
            verified.images,
            verified.text().trim_end()
        ));
        Ok(Some((evaluation, verified)))
    }

    fn measure(&mut self) -> Result<(Evaluation, Verification)> {
        // The test's figures are to be those of the exported file, whatever runs it.
        allow_tf32(Tf32::Never);
        release_memory();
        let path = self.folder.unverified();
        let mut model = Model::load(&path)?;
        let network = Network::new(&model, self.network.device())?;
        let mut card = Card::from_model(&model)?.context("the checkpoint has lost its card")?;
        let test = &self.test;
        let sample: Vec<usize> = (0..self.validation.len().min(VERIFIED)).collect();
        let (sample, _) = batch(&self.validation, &sample, Device::Cpu)?;

        let bar = self.progress.bar("temperature", self.validation.len());
        let validated = clean(&network, &self.validation, &bar)?;
        bar.finish_and_clear();
        card.calibration = fit_temperature(&validated.answers).map(|temperature| Calibration {
            temperature,
            images: self.validation.len() as u64,
        });
        let question = Question::plain(card.calibration.map(|c| c.temperature));
        let bar = self.progress.bar("test", test.len());
        let plain = clean(&network, test, &bar)?;
        bar.finish_and_clear();
        note(&mut card, "test", &plain, None);
        let mut evaluation = Evaluation {
            model: self.folder.published().display().to_string(),
            data: format!("{}, test", self.settings.data),
            images: test.len(),
            classes: test
                .dataset
                .classes
                .iter()
                .map(|c| c.code.clone())
                .collect(),
            clean: Figures::of_clean(&plain, &test.dataset.classes, &question),
            adversarial: None,
            curve: vec![],
        };
        if let Some(attack) = &self.settings.validation_attack {
            // The test is worth a stronger attack than the one in every epoch.
            let attack = attack.to_measure(TEST_STEPS)?;
            let bar = self.progress.bar("attack", test.len());
            let hard = attacked(&network, test, &attack, 1, MEASURING_SEED, &bar)?;
            bar.finish_and_clear();
            note(&mut card, "test.adversarial", &hard, Some(&attack));
            evaluation.adversarial = Some(Figures::of(&hard, Some(attack.describe())));
        }
        card.write_into(&mut model)?;
        let verified = export::export(&model, &network, &sample, &self.folder.best());
        let verified = match verified {
            Ok(report) => report,
            Err(error) => {
                let remedy = if is_full_disk(&error) {
                    ", from which --init goes on once there is space"
                } else {
                    ""
                };
                let now = format!(
                    "the best network is not verified and stays {}{remedy}",
                    path.display()
                );
                return Err(error.context(now));
            }
        };
        Ok((evaluation, verified))
    }
}

/// Whether the disk is what was wrong, and not the network.
fn is_full_disk(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| [StorageFull, QuotaExceeded, FileTooLarge].contains(&error.kind()))
}
