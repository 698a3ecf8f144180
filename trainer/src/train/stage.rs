//! The two stages of a training, and what each of them takes of the settings.

use anyhow::{Context, Result};
use pellucid_shared::onnx::Model;
use pellucid_shared::zoo::Architecture;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::init::last_layer;
use super::objective::Objective;
use super::optimizer::Optimizer;
use super::schedule::{Rate, Schedule};
use super::trainable::Trainable;
use super::{Recipe, Settings};
use crate::attack::Attack;
use crate::torch::Network;

/// A stage of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Whole => "whole",
        }
    }

    pub(super) fn recipe(self, settings: &Settings) -> Recipe {
        match self {
            Self::Head => settings.head,
            Self::Whole => settings.whole,
        }
    }

    /// The batch's option on the command line.
    pub(super) fn batch_option(self) -> &'static str {
        match self {
            Self::Head => "--head-batch",
            Self::Whole => "--batch",
        }
    }

    pub(super) fn rate(self, settings: &Settings) -> Rate {
        match self {
            Self::Head => Rate::new(Schedule::Constant),
            Self::Whole => settings.rate.clone(),
        }
    }

    /// The attack, and how it is withstood.
    pub(super) fn attack(self, settings: &Settings) -> (Option<Attack>, Objective) {
        match self {
            Self::Head => {
                let plain = Objective {
                    smoothing: settings.objective.smoothing,
                    ..Objective::default()
                };
                (None, plain)
            }
            Self::Whole => (settings.adversarial, settings.objective),
        }
    }

    /// The mean of the weights, where it is what is measured and kept.
    pub(super) fn average(self, settings: &Settings, network: &Network) -> Option<Average> {
        match self {
            Self::Head => None,
            Self::Whole => settings.average.map(|decay| Average::new(decay, network)),
        }
    }

    /// An optimiser over what learns in this stage; the network's other parameters are frozen.
    pub(super) fn optimizer(
        self,
        settings: &Settings,
        model: &Model,
        network: &mut Network,
    ) -> Result<Optimizer> {
        let parameters = network.parameters().into_iter();
        let names: Vec<String> = parameters.map(|(name, _)| name).collect();
        let architecture = Architecture::from_name(&model.graph().name);
        let whole = Trainable::resolve(&settings.trainable, architecture, &names)?;
        let learns = match self {
            Self::Head => {
                let head = last_layer(model).context(
                    "the network has no last linear layer that could learn alone: use --head-epochs 0",
                )?;
                Trainable::of_names(head.weights())
            }
            Self::Whole => whole,
        };
        network.set_trainable(|parameter| learns.includes(parameter));
        let rate = self.recipe(settings).learning_rate;
        Optimizer::new(settings.optimization, network, rate)
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
