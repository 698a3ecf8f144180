//! libtorch's optimisers over a network's unfrozen parameters.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::COptimizer;

use crate::torch::Network;

/// Which optimiser. Weight decay is added to the gradient, as in PyTorch's classes of these names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerChoice {
    /// Adam with β = 0.9 and 0.999 (Kingma and Ba, 2015).
    #[default]
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
    /// The same with Nesterov's momentum.
    Nesterov,
}

const MOMENTUM: f64 = 0.9;

/// An optimiser that holds the network's parameters.
#[derive(Debug)]
pub(crate) struct Optimizer(COptimizer);

impl Optimizer {
    /// For the parameters that are not frozen now.
    pub(crate) fn new(
        choice: OptimizerChoice,
        network: &Network,
        learning_rate: f64,
        weight_decay: f64,
    ) -> Result<Self> {
        let (rate, decay) = (learning_rate, weight_decay);
        let mut optimizer = match choice {
            OptimizerChoice::Adam => COptimizer::adam(rate, 0.9, 0.999, decay, 1e-8, false)?,
            OptimizerChoice::Sgd => COptimizer::sgd(rate, MOMENTUM, 0.0, decay, false)?,
            OptimizerChoice::Nesterov => COptimizer::sgd(rate, MOMENTUM, 0.0, decay, true)?,
        };
        let mut any = false;
        for (_, parameter) in network.parameters() {
            if parameter.requires_grad() {
                optimizer.add_parameters(&parameter, 0)?;
                any = true;
            }
        }
        ensure!(any, "every layer of the network is frozen: unfreeze one");
        Ok(Self(optimizer))
    }

    pub(super) fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        Ok(self.0.set_learning_rate(rate)?)
    }

    /// Descends along the gradient of a loss.
    pub(super) fn descend(&mut self, loss: &tch::Tensor) -> Result<()> {
        self.0.zero_grad()?;
        loss.f_backward()?;
        Ok(self.0.step()?)
    }
}
