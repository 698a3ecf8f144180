//! Executes an ONNX graph on libtorch.

use anyhow::Result;
use pellucid_shared::onnx::Model;
use tch::{Device, Tensor};

/// Whether normalization uses and updates batch statistics, and dropout drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics are updated.
    Train,
    /// Running statistics; deterministic.
    Eval,
}

/// An ONNX graph on libtorch: its float initializers are the parameters (or, for running statistics and the
/// normalization constants, buffers).
#[derive(Debug)]
pub struct Network {}

impl Network {
    /// Loads a model's graph and weights onto a device.
    ///
    /// # Errors
    /// Where an operator has no implementation here; the error names every such node.
    pub fn new(_model: &Model, _device: Device) -> Result<Self> {
        anyhow::bail!("under construction")
    }

    /// The logits `[N, K]` of images `[N, 3, H, W]` in [0, 1].
    ///
    /// # Errors
    /// Where a node fails; the error names it.
    pub fn forward(&self, _image: &Tensor, _mode: Mode) -> Result<Tensor> {
        anyhow::bail!("under construction")
    }

    /// The trainable tensors by name, in the graph's order; each requires a gradient.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Freezes or unfreezes the parameters whose names satisfy the predicate.
    pub fn set_trainable(&mut self, _trainable: impl Fn(&str) -> bool) {}

    /// The device that the weights are on.
    #[must_use]
    pub fn device(&self) -> Device {
        Device::Cpu
    }

    /// A copy of every weight and running statistic by name, for keeping the best state.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Puts a state back that [`Network::state`] gave.
    ///
    /// # Errors
    /// Where a name or shape does not fit.
    pub fn load_state(&mut self, _state: &[(String, Tensor)]) -> Result<()> {
        Ok(())
    }

    /// Writes the weights and running statistics into the model's initializers.
    ///
    /// # Errors
    /// Where the model is not the one that this network was made from.
    pub fn write_back(&self, _model: &mut Model) -> Result<()> {
        Ok(())
    }
}
