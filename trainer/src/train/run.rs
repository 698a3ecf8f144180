//! What a training holds on its way.

use std::time::Instant;

use pellucid_shared::card::Card;
use pellucid_shared::onnx::Model;

use super::Settings;
use super::folder::Folder;
use super::log::{EpochRecord, Log};
use super::resume::Checkpoint;
use crate::data::{Dataset, Examples, Split};
use crate::progress::Progress;
use crate::stop::{Held, Stop};
use crate::torch::Network;

/// The seed of validation's and test's attacks: the same in every epoch and run, so that figures compare.
pub(super) const MEASURING_SEED: u64 = 0;

/// A training under way; what it does stands in `training.rs`, `stages.rs` and `finish.rs`.
pub(super) struct Run<'a> {
    /// With the head's stage as this network needs it.
    pub(super) settings: Settings,
    pub(super) progress: &'a Progress,
    pub(super) stop: &'a Stop,
    /// A training is not ended in the middle of a step, whose weights would be lost.
    pub(super) held: Held<'a>,
    pub(super) begun: Instant,
    pub(super) folder: Folder,
    pub(super) split: Split,
    pub(super) dataset: Dataset,
    /// Begun with the first checkpoint.
    pub(super) log: Option<Log>,
    pub(super) model: Model,
    pub(super) network: Network,
    pub(super) card: Card,
    pub(super) train: Examples,
    pub(super) validation: Examples,
    /// Read before the first step, so that hours of training do not end at an image that cannot be used.
    pub(super) test: Examples,
    pub(super) records: Vec<EpochRecord>,
    /// From where it goes on, until it does.
    pub(super) resumed: Option<Checkpoint>,
    /// The epoch in which the loss stopped being a number, if it did.
    pub(super) astray: Option<usize>,
    /// The lowest validation loss so far.
    pub(super) best: Option<f64>,
}
