//! Options of how images and their classes are shown.

use crate::cli::values::{above_zero, between};
use crate::data::Balance;
use crate::train::{Augment, ClassWeights};

#[derive(Debug, clap::Args)]
pub(super) struct Showing {
    /// How training images are augmented
    #[arg(long, value_enum, default_value_t)]
    pub(super) augment: Augment,
    /// Mix images and classes with others of the batch, the more evenly the larger this is: above 0 and at most 1
    #[arg(long, value_name = "ALPHA", value_parser = above_zero(1.0), allow_negative_numbers = true)]
    pub(super) mixup: Option<f64>,
    /// How often each class is shown: auto (equally often), off, or the number of images in a balanced epoch
    #[arg(long, default_value = "auto")]
    pub(super) balance: Balance,
    /// How much each class counts: off (all alike), balanced (the rarer, the more), or a number for each, such as 1,2.5,1
    #[arg(long, default_value = "off")]
    pub(super) class_weights: ClassWeights,
    /// How much of each class is shared among all
    #[arg(long, default_value = "0", value_parser = between(0.0, 0.99), allow_negative_numbers = true)]
    pub(super) label_smoothing: f64,
}
