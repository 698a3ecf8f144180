//! The mean of the weights along a training, which is often better than any of them (Polyak and Juditsky, 1992; with decay as in
//! Izmailov et al., *Averaging Weights Leads to Wider Optima*, 2018, and most that followed).

use anyhow::{Context, Result, ensure};
use tch::Tensor;

use crate::torch::Network;

/// Weights and running statistics, averaged with decay.
#[derive(Debug)]
pub(super) struct Average {
    decay: f64,
    /// Steps that it has seen.
    steps: u64,
    mean: Vec<(String, Tensor)>,
}

impl Average {
    /// Begins with the network as it is; `decay` is what of the mean a step leaves, 0 to below 1.
    pub(super) fn new(decay: f64, network: &Network) -> Self {
        Self {
            decay,
            steps: 0,
            mean: network.state(),
        }
    }

    /// Takes a step's weights in. The first steps count more, so that the mean does not stay where it began.
    pub(super) fn take(&mut self, network: &Network) -> Result<()> {
        self.steps += 1;
        let steps = self.steps as f64;
        let decay = self.decay.min((1.0 + steps) / (10.0 + steps));
        tch::no_grad(|| {
            for ((_, mean), (_, now)) in self.mean.iter_mut().zip(network.tensors()) {
                let _ = mean.f_lerp_(&now, 1.0 - decay)?;
            }
            Ok(())
        })
    }

    /// Steps that it has seen.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// A copy of the mean by name.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let copies = self
            .mean
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.copy()));
        copies.collect()
    }

    /// Goes on from a mean of so many steps.
    ///
    /// # Errors
    /// Where it is another network's.
    pub(super) fn load_state(&mut self, mean: &[(String, Tensor)], steps: u64) -> Result<()> {
        for (name, own) in &mut self.mean {
            let (_, kept) = mean
                .iter()
                .find(|(other, _)| other == name)
                .with_context(|| format!("the checkpoint has no mean of `{name}`"))?;
            ensure!(
                own.size() == kept.size(),
                "the mean of `{name}` has another shape in the checkpoint"
            );
            own.f_copy_(kept)?;
        }
        self.steps = steps;
        Ok(())
    }

    /// Lets the network and the mean change places; a second time, and each is where it was.
    pub(super) fn exchange(&mut self, network: &Network) -> Result<()> {
        let now = network.state();
        network.load_state(&self.mean)?;
        self.mean = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    use tch::Device;

    use super::*;

    #[test]
    fn it_follows_the_weights_and_gives_them_back() {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap();
        let network = Network::new(&model, Device::Cpu).unwrap();
        let first = network.state();
        let mut average = Average::new(0.5, &network);
        let shifted: Vec<(String, Tensor)> = first
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor + 1.0))
            .collect();
        network.load_state(&shifted).unwrap();
        average.take(&network).unwrap();
        average.take(&network).unwrap();
        average.exchange(&network).unwrap();
        // Shares of 1 − 2/11 and 1 − 3/12 of the way to what is one away.
        let way = 1.0 - 2.0 / 11.0 * (3.0 / 12.0);
        for ((_, first), (_, now)) in first.iter().zip(network.state()) {
            let moved = (now - first).to_kind(tch::Kind::Double);
            assert!((moved - way).abs().max().double_value(&[]) < 1e-5);
        }
        average.exchange(&network).unwrap();
        for ((_, shifted), (_, now)) in shifted.iter().zip(network.state()) {
            assert!(now.equal(shifted));
        }
    }
}
