//! Where a training is, in a file from which it goes on to the bit.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{ArrayD, IxDyn};
use pellucid_shared::files;
use pellucid_shared::onnx::MOST_BYTES;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::average::Average;
use super::epoch::Sums;
use super::log::EpochRecord;
use super::optimizer::Optimizer;
use super::schedule::Watch;
use super::stage::Stage;
use crate::torch::{Network, to_array, to_tensor};

/// Of the file's form; another one is not read.
const VERSION: u32 = 1;
/// Under which name the position stands in the file's metadata.
const POSITION: &str = "pellucid";

/// Where a training is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    pub(super) stage: Stage,
    /// Whole epochs of the stage.
    pub(super) epoch: usize,
    /// Steps of the epoch after these, and what they saw.
    pub(super) step: usize,
    pub(super) sums: Sums,
    pub(super) watch: Watch,
    /// Steps that the weights' mean has seen.
    averaged: u64,
    /// Threads of the CPU: with another number sums are rounded otherwise.
    pub(super) threads: i32,
    /// What was measured so far.
    pub(super) records: Vec<EpochRecord>,
}

impl Position {
    /// What a training says that goes on from here.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("going on after {} whole epochs", self.records.len());
        if self.step > 0 {
            text += &format!(" and {} steps", self.step);
        }
        if self.threads != tch::get_num_threads() {
            text += &format!(
                "; it was begun with {} threads, and with another number sums are rounded otherwise",
                self.threads
            );
        }
        text
    }
}

/// A position with what was learnt.
pub(super) struct Checkpoint {
    pub(super) position: Position,
    tensors: HashMap<String, Tensor>,
}

/// Tensors of a group as the file names them: the network's, the optimiser's, the mean's.
const GROUPS: [&str; 3] = ["network", "optimizer", "average"];

/// A position before anything is written: what the file holds of the loop that is under way.
pub(super) struct Moment<'a> {
    pub(super) stage: Stage,
    pub(super) epoch: usize,
    pub(super) step: usize,
    pub(super) sums: Sums,
    pub(super) watch: &'a Watch,
    pub(super) network: &'a Network,
    pub(super) optimizer: &'a Optimizer,
    pub(super) average: Option<&'a Average>,
    pub(super) records: &'a [EpochRecord],
}

impl Moment<'_> {
    /// Writes the checkpoint; the path holds the whole file or what it held before.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let position = Position {
            version: VERSION,
            stage: self.stage,
            epoch: self.epoch,
            step: self.step,
            sums: self.sums,
            watch: self.watch.clone(),
            averaged: self.average.map_or(0, Average::steps),
            threads: tch::get_num_threads(),
            records: self.records.to_vec(),
        };
        let mean = self.average.map_or_else(Vec::new, Average::state);
        let mut arrays: Vec<(String, ArrayD<f32>)> = vec![];
        for (group, tensors) in
            GROUPS
                .iter()
                .zip([self.network.state(), self.optimizer.state(), mean])
        {
            for (name, tensor) in tensors {
                arrays.push((format!("{group}/{name}"), to_array(&tensor)?));
            }
        }
        let bytes: Vec<Vec<u8>> = arrays
            .iter()
            .map(|(_, array)| array.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = arrays
            .iter()
            .zip(&bytes)
            .map(|((name, array), bytes)| {
                Ok((
                    name,
                    TensorView::new(Dtype::F32, array.shape().to_vec(), bytes)?,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let text = serde_json::to_string(&position)?;
        let metadata = HashMap::from([(POSITION.to_owned(), text)]);
        let file = safetensors::serialize(views, Some(metadata))?;
        files::write_atomic(path, &file).with_context(|| {
            format!(
                "the checkpoint {} cannot be written, and what was there is unchanged: free some space; --resume goes on from where one was written",
                path.display()
            )
        })
    }
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// Where it is none, or of another version.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let place = path.display();
        let bytes = files::read(path, MOST_BYTES as u64)
            .with_context(|| format!("the checkpoint {place} cannot be read"))?;
        let damaged =
            || format!("{place} is not a checkpoint of a training: begin anew with --overwrite");
        let (_, header) = SafeTensors::read_metadata(&bytes).with_context(damaged)?;
        let text = header.metadata().as_ref().and_then(|m| m.get(POSITION));
        let text = text.with_context(damaged)?;
        let version: u64 = serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|position| position["version"].as_u64())
            .with_context(damaged)?;
        ensure!(
            version == u64::from(VERSION),
            "{place} is a checkpoint of version {version}, and this program goes on from version {VERSION}: use the program that it was made with"
        );
        let position: Position = serde_json::from_str(text).with_context(damaged)?;
        let tensors = SafeTensors::deserialize(&bytes).with_context(damaged)?;
        let tensors = tensors
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let values: Vec<f32> = view
                    .data()
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&bytes| f32::from_le_bytes(bytes))
                    .collect();
                let array = ArrayD::from_shape_vec(IxDyn(view.shape()), values)?;
                Ok((name, to_tensor(&array)?))
            })
            .collect::<Result<_>>()
            .with_context(damaged)?;
        Ok(Self { position, tensors })
    }

    /// The tensors of a group, by their own names.
    fn group(&self, group: &str) -> Vec<(String, Tensor)> {
        let own = self.tensors.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix(group)?.strip_prefix('/')?;
            Some((name.to_owned(), tensor.shallow_clone()))
        });
        own.collect()
    }

    /// Puts the weights back.
    pub(super) fn restore_network(&self, network: &Network) -> Result<()> {
        let state = self.group(GROUPS[0]);
        ensure!(
            state.len() == network.tensors().len(),
            "the checkpoint is of another network"
        );
        network.load_state(&state)
    }

    /// Puts back what else the stage goes on from.
    pub(super) fn restore(
        &self,
        optimizer: &mut Optimizer,
        average: Option<&mut Average>,
    ) -> Result<()> {
        optimizer.load_state(&self.group(GROUPS[1]))?;
        let mean = self.group(GROUPS[2]);
        match average {
            Some(average) => average.load_state(&mean, self.position.averaged),
            None if mean.is_empty() => Ok(()),
            None => bail!("the checkpoint holds a mean of weights, and none is asked for"),
        }
    }
}
