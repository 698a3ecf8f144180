//! The temperature of a model's logits: the card's, and one that is fitted.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::{Calibration, Card, Scores};
use pellucid_shared::onnx::Model;

use super::{Args, MeasuredModel};
use crate::cli::model::save;
use crate::evaluate::{Measured, fit_temperature};

/// A model that is to get a temperature, as its file holds it.
pub(super) struct Calibrated {
    file: Model,
    card: Card,
    path: PathBuf,
}

impl Calibrated {
    /// The model, where `--calibrate` asks for a temperature.
    ///
    /// # Errors
    /// Where it has no card that could hold one, or another output than the card's is measured.
    pub(super) fn of(args: &Args, file: &Model) -> Result<Option<Self>> {
        let Some(path) = &args.calibrate else {
            return Ok(None);
        };
        let place = args.model.display();
        let card = Card::from_model(file).with_context(|| place.to_string())?;
        let card = card.with_context(|| {
            format!("{place} has no model card, in which a temperature would stand: --calibrate is for models with one")
        })?;
        ensure!(
            args.output.is_none(),
            "--calibrate fits the temperature of the scores that the card names: leave --output out"
        );
        Ok(Some(Self {
            file: file.clone(),
            card,
            path: path.clone(),
        }))
    }

    /// The temperature that fits these answers.
    ///
    /// # Errors
    /// Where the scores are no logits of classes that exclude each other, and where no temperature fits.
    pub(super) fn fit(&self, model: &MeasuredModel, clean: &Measured) -> Result<f64> {
        ensure!(
            model.signature.scores == Scores::Softmax,
            "--calibrate divides logits of classes that exclude each other, and these scores are others"
        );
        fit_temperature(&clean.answers).context(
            "no temperature fits these images, since the network is right on all of them or no better than chance: give --calibrate more, or others",
        )
    }

    /// Writes the model with a temperature that was fitted on so many images.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn write(mut self, temperature: f64, images: usize) -> Result<()> {
        self.card.calibration = Some(Calibration {
            temperature,
            images: images as u64,
        });
        self.card.write_into(&mut self.file)?;
        save(&self.file, &self.path)
    }
}

/// The temperature of the card that was used, where it is meant for the scores that are measured.
pub(super) fn of_card(args: &Args, model: &MeasuredModel) -> Option<f64> {
    let card = model.card.as_ref().filter(|_| args.output.is_none())?;
    card.calibration.map(|calibration| calibration.temperature)
}
