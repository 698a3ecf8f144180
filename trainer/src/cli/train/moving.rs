//! Options of how weights move: optimiser and learning rate.

use crate::cli::values::{MOST_EPOCHS, MOST_RATE, above_zero, between, count};
use crate::train::{Defaults, Optimization, OptimizerChoice, Rate, Schedule};

#[derive(Debug, clap::Args)]
pub(super) struct Moving {
    /// The optimiser
    #[arg(long, value_enum, default_value_t)]
    optimizer: OptimizerChoice,
    /// Momentum of sgd and nesterov
    #[arg(long, default_value = "0.9", value_parser = between(0.0, 0.9999), allow_negative_numbers = true)]
    momentum: f64,
    /// Weight decay
    #[arg(long, default_value = "0.0005", value_parser = between(0.0, MOST_RATE), allow_negative_numbers = true)]
    weight_decay: f64,
    /// Leave biases and normalizations out of the weight decay
    #[arg(long)]
    spare_vectors: bool,
    /// Shorten gradients of all weights together to this length (L2)
    #[arg(long, value_parser = above_zero(1e6), allow_negative_numbers = true)]
    clip: Option<f64>,
    /// How the learning rate changes [default: plateau, resnet-small cosine]
    #[arg(long, value_enum)]
    schedule: Option<Schedule>,
    /// Fraction of the steps over which the learning rate rises first [default: 0, cosine 0.1]
    #[arg(long, value_parser = between(0.0, 0.99), allow_negative_numbers = true)]
    warm_up: Option<f64>,
    /// What plateau, step and milestones multiply the learning rate with
    #[arg(long, default_value = "0.1", value_parser = between(1e-6, 1.0), allow_negative_numbers = true)]
    factor: f64,
    /// Epochs without a better validation that plateau bears
    #[arg(long, default_value_t = 5, value_parser = count(0, MOST_EPOCHS))]
    patience: usize,
    /// Epochs between two falls of the schedule step
    #[arg(long, default_value_t = 30, value_parser = count(1, MOST_EPOCHS))]
    every: usize,
    /// Epochs after which the schedule milestones falls, such as 30,40
    #[arg(long, value_delimiter = ',', value_parser = count(1, MOST_EPOCHS))]
    milestones: Vec<usize>,
    /// How often the schedule cyclic rises and falls
    #[arg(long, default_value_t = 1, value_parser = count(1, MOST_EPOCHS))]
    cycles: usize,
    /// Measure and keep the mean of the weights, of which each step leaves this much, such as 0.999
    #[arg(long, value_name = "DECAY", value_parser = between(0.0, 0.999_999), allow_negative_numbers = true)]
    pub(super) average: Option<f64>,
}

impl Moving {
    pub(super) fn optimization(&self) -> Optimization {
        Optimization {
            optimizer: self.optimizer,
            weight_decay: self.weight_decay,
            momentum: self.momentum,
            spare_vectors: self.spare_vectors,
            clip: self.clip,
        }
    }

    pub(super) fn rate(&self, defaults: &Defaults) -> Rate {
        let usual = Rate::new(self.schedule.unwrap_or(defaults.schedule));
        Rate {
            warm_up: self.warm_up.unwrap_or(usual.warm_up),
            factor: self.factor,
            patience: self.patience,
            every: self.every,
            milestones: self.milestones.clone(),
            cycles: self.cycles,
            ..usual
        }
    }
}
