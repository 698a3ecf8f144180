//! Optimisers over a network's unfrozen parameters, with a state that can be kept.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::torch::{Adam, Moments, Network, Sgd, adam_step, sgd_step};

/// Which optimiser. Weight decay is added to the gradient, but for AdamW, as in PyTorch's classes of these names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerChoice {
    /// Adam with β = 0.9 and 0.999 (Kingma and Ba, 2015).
    #[default]
    Adam,
    /// Adam whose weight decay shrinks the weights by themselves (Loshchilov and Hutter, 2019).
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// The same with Nesterov's momentum.
    Nesterov,
}

/// An optimiser's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Optimization {
    /// Which optimiser.
    pub optimizer: OptimizerChoice,
    /// Weight decay, at least 0.
    pub weight_decay: f64,
    /// Momentum of the two kinds of gradient descent, 0 to below 1.
    pub momentum: f64,
    /// Whether biases and normalizations, whose tensors have one axis, are left out of the decay.
    pub spare_vectors: bool,
    /// The longest that the gradient of all parameters together may be (L2); a longer one is shortened.
    pub clip: Option<f64>,
}

impl Optimization {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "--weight-decay {} must be 0 or more",
            self.weight_decay
        );
        ensure!(
            (0.0..1.0).contains(&self.momentum),
            "--momentum {} must be from 0 to below 1",
            self.momentum
        );
        ensure!(
            self.momentum > 0.0 || self.optimizer != OptimizerChoice::Nesterov,
            "--optimizer nesterov needs a --momentum above 0"
        );
        ensure!(
            self.clip.is_none_or(|most| most.is_finite() && most > 0.0),
            "--clip must be above 0"
        );
        Ok(())
    }
}

impl Default for Optimization {
    /// The paper's.
    fn default() -> Self {
        Self {
            optimizer: OptimizerChoice::Adam,
            weight_decay: 5e-4,
            momentum: 0.9,
            spare_vectors: false,
            clip: None,
        }
    }
}

/// An optimiser that holds the network's parameters.
#[derive(Debug)]
pub(crate) struct Optimizer {
    numbers: Optimization,
    learning_rate: f64,
    groups: Vec<Group>,
}

/// Parameters with one weight decay, and what is remembered of each.
#[derive(Debug)]
struct Group {
    decay: f64,
    names: Vec<String>,
    parameters: Vec<Tensor>,
    /// Means of the gradients, or momenta.
    first: Vec<Tensor>,
    /// Means of the gradients' squares; empty where they are not needed.
    second: Vec<Tensor>,
    /// Steps that were taken, a number each.
    steps: Vec<Tensor>,
}

impl Group {
    fn new(decay: f64, named: Vec<(String, Tensor)>, choice: OptimizerChoice) -> Result<Self> {
        let zeros = |(_, parameter): &(String, Tensor)| Ok(parameter.detach().f_zeros_like()?);
        let zero = |(_, parameter): &(String, Tensor)| {
            Ok(Tensor::f_zeros([], (Kind::Float, parameter.device()))?)
        };
        let adaptive = matches!(choice, OptimizerChoice::Adam | OptimizerChoice::Adamw);
        let all = |make: &dyn Fn(&(String, Tensor)) -> Result<Tensor>| {
            named.iter().map(make).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            decay,
            first: all(&zeros)?,
            second: if adaptive { all(&zeros)? } else { vec![] },
            steps: all(&zero)?,
            names: named.iter().map(|(name, _)| name.clone()).collect(),
            parameters: named.into_iter().map(|(_, parameter)| parameter).collect(),
        })
    }

    /// What is kept: for each parameter its tensors under names of their own.
    fn state(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let kinds = [
            ("first", &self.first),
            ("second", &self.second),
            ("steps", &self.steps),
        ];
        kinds.into_iter().flat_map(move |(kind, tensors)| {
            let named = self.names.iter().zip(tensors);
            named.map(move |(name, tensor)| (format!("{kind}/{name}"), tensor))
        })
    }
}

impl Optimizer {
    /// For the parameters that are not frozen now.
    pub(crate) fn new(
        numbers: Optimization,
        network: &Network,
        learning_rate: f64,
    ) -> Result<Self> {
        let learns = |(_, parameter): &(String, Tensor)| parameter.requires_grad();
        let learning = network.parameters().into_iter().filter(learns);
        let (spared, decayed): (Vec<_>, Vec<_>) =
            learning.partition(|(_, parameter)| numbers.spare_vectors && parameter.dim() <= 1);
        let groups = [(numbers.weight_decay, decayed), (0.0, spared)];
        let groups = groups
            .into_iter()
            .filter(|(_, named)| !named.is_empty())
            .map(|(decay, named)| Group::new(decay, named, numbers.optimizer))
            .collect::<Result<Vec<_>>>()?;
        ensure!(
            !groups.is_empty(),
            "every layer of the network is frozen: unfreeze one"
        );
        Ok(Self {
            numbers,
            learning_rate,
            groups,
        })
    }

    pub(super) fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }

    /// Descends along the gradient of a loss.
    pub(crate) fn descend(&mut self, loss: &Tensor) -> Result<()> {
        self.forget_gradients();
        loss.f_backward()?;
        self.step()
    }

    /// Forgets the parameters' gradients.
    pub(crate) fn forget_gradients(&mut self) {
        for parameter in self
            .groups
            .iter_mut()
            .flat_map(|group| &mut group.parameters)
        {
            parameter.zero_grad();
        }
    }

    /// The parameters that learn.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Tensor> {
        self.groups.iter().flat_map(|group| &group.parameters)
    }

    /// Takes a step along the gradients that the parameters have.
    pub(crate) fn step(&mut self) -> Result<()> {
        if let Some(most) = self.numbers.clip {
            self.clip(most)?;
        }
        let Self {
            numbers,
            learning_rate,
            groups,
        } = self;
        for group in groups {
            let with_gradient: Vec<usize> = (0..group.parameters.len())
                .filter(|&index| group.parameters[index].grad().defined())
                .collect();
            let chosen = |tensors: &[Tensor]| -> Vec<Tensor> {
                let chosen = with_gradient.iter().filter_map(|&index| tensors.get(index));
                chosen.map(Tensor::shallow_clone).collect()
            };
            let parameters = chosen(&group.parameters);
            if parameters.is_empty() {
                continue;
            }
            let gradients: Vec<Tensor> = parameters.iter().map(Tensor::grad).collect();
            let (first, second, steps) = (
                chosen(&group.first),
                chosen(&group.second),
                chosen(&group.steps),
            );
            match numbers.optimizer {
                OptimizerChoice::Adam | OptimizerChoice::Adamw => {
                    tch::no_grad(|| -> Result<()> {
                        for step in &steps {
                            let _ = step.shallow_clone().f_add_scalar_(1.0)?;
                        }
                        Ok(())
                    })?;
                    let adam = Adam {
                        rate: *learning_rate,
                        betas: [0.9, 0.999],
                        decay: group.decay,
                        epsilon: 1e-8,
                        decoupled: numbers.optimizer == OptimizerChoice::Adamw,
                    };
                    let moments = Moments {
                        means: &first,
                        squares: &second,
                        steps: &steps,
                    };
                    adam_step(&parameters, &gradients, moments, &adam)?;
                }
                OptimizerChoice::Sgd | OptimizerChoice::Nesterov => {
                    let sgd = Sgd {
                        rate: *learning_rate,
                        momentum: numbers.momentum,
                        decay: group.decay,
                        nesterov: numbers.optimizer == OptimizerChoice::Nesterov,
                    };
                    let momenta = if numbers.momentum == 0.0 {
                        vec![]
                    } else {
                        first
                    };
                    // Momenta begin at zero: what the first step would do anyway, since nothing is dampened.
                    sgd_step(&parameters, &gradients, &momenta, &sgd, false)?;
                }
            }
        }
        Ok(())
    }

    /// Shortens the gradient of all parameters together to that length where it is longer.
    fn clip(&mut self, most: f64) -> Result<()> {
        tch::no_grad(|| {
            let gradients: Vec<Tensor> = self
                .parameters()
                .map(Tensor::grad)
                .filter(Tensor::defined)
                .collect();
            let lengths = gradients
                .iter()
                .map(|gradient| Ok(gradient.f_norm()?))
                .collect::<Result<Vec<_>>>()?;
            let length = Tensor::f_stack(&lengths, 0)?.f_norm()?;
            // As PyTorch's `clip_grad_norm_`; the device is not asked how long it is.
            let factor = ((length + 1e-6).f_reciprocal()? * most).f_clamp_max(1.0)?;
            for mut gradient in gradients {
                let _ = gradient.f_mul_(&factor)?;
            }
            Ok(())
        })
    }

    /// What it remembers, for a checkpoint: copies on the CPU, by kind and parameter.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let state = self.groups.iter().flat_map(Group::state);
        state
            .map(|(name, tensor)| (name, tensor.detach().to_device(tch::Device::Cpu).copy()))
            .collect()
    }

    /// Goes on from what another remembered.
    ///
    /// # Errors
    /// Where that one was of other parameters or another kind.
    pub(super) fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let own: Vec<(String, Tensor)> = self
            .groups
            .iter()
            .flat_map(Group::state)
            .map(|(name, tensor)| (name, tensor.shallow_clone()))
            .collect();
        ensure!(
            own.len() == state.len(),
            "the optimiser remembers {} tensors and the checkpoint holds {}",
            own.len(),
            state.len()
        );
        for (name, tensor) in own {
            let (_, value) = state
                .iter()
                .find(|(other, _)| *other == name)
                .with_context(|| format!("the checkpoint has no `{name}`"))?;
            ensure!(
                tensor.size() == value.size(),
                "`{name}` has another shape in the checkpoint"
            );
            tch::no_grad(|| tensor.shallow_clone().f_copy_(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    use tch::{COptimizer, Device};

    use super::*;
    use crate::torch::Mode;

    fn network() -> Network {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap();
        Network::new(&model, Device::Cpu).unwrap()
    }

    fn loss(network: &Network, step: u64) -> Tensor {
        let images = crate::torch::random::uniform(step, &[4, 3, 32, 32], Device::Cpu).unwrap();
        let labels = Tensor::from_slice(&[0_i64, 1, 2, 0]);
        let logits = network.forward(&images, Mode::Train).unwrap();
        logits.cross_entropy_for_logits(&labels)
    }

    fn furthest(a: &Network, b: &Network) -> f64 {
        let pairs = a.state().into_iter().zip(b.state());
        pairs
            .map(|((_, a), (_, b))| (a - b).abs().max().double_value(&[]))
            .fold(0.0, f64::max)
    }

    /// libtorch's own optimisers, which remember by themselves.
    #[test]
    fn steps_are_those_of_libtorchs_optimisers() {
        for (choice, reference) in [
            (
                OptimizerChoice::Adam,
                COptimizer::adam(1e-3, 0.9, 0.999, 1e-2, 1e-8, false),
            ),
            (
                OptimizerChoice::Adamw,
                COptimizer::adamw(1e-3, 0.9, 0.999, 1e-2, 1e-8, false),
            ),
            (
                OptimizerChoice::Sgd,
                COptimizer::sgd(1e-2, 0.9, 0.0, 1e-2, false),
            ),
            (
                OptimizerChoice::Nesterov,
                COptimizer::sgd(1e-2, 0.9, 0.0, 1e-2, true),
            ),
        ] {
            let mut reference = reference.unwrap();
            let (ours, theirs) = (network(), network());
            let adaptive = matches!(choice, OptimizerChoice::Adam | OptimizerChoice::Adamw);
            let rate = if adaptive { 1e-3 } else { 1e-2 };
            let numbers = Optimization {
                optimizer: choice,
                weight_decay: 1e-2,
                ..Optimization::default()
            };
            let mut optimizer = Optimizer::new(numbers, &ours, rate).unwrap();
            for (_, parameter) in theirs.parameters() {
                reference.add_parameters(&parameter, 0).unwrap();
            }
            let before = theirs.state();
            for step in 0..5 {
                optimizer.descend(&loss(&ours, step)).unwrap();
                reference.zero_grad().unwrap();
                loss(&theirs, step).backward();
                reference.step().unwrap();
            }
            let distance = furthest(&ours, &theirs);
            assert!(distance < 2e-5, "{choice:?}: {distance}");
            let moved = before.iter().zip(theirs.state());
            let moved = moved.map(|((_, a), (_, b))| (a - b).abs().max().double_value(&[]));
            assert!(moved.fold(0.0, f64::max) > 1e-3, "{choice:?} went nowhere");
        }
    }

    #[test]
    fn a_state_that_was_kept_goes_on_to_the_bit() {
        for choice in OptimizerChoice::value_variants() {
            let numbers = Optimization {
                optimizer: *choice,
                clip: Some(0.5),
                spare_vectors: true,
                ..Optimization::default()
            };
            let straight = network();
            let mut optimizer = Optimizer::new(numbers, &straight, 1e-2).unwrap();
            for step in 0..3 {
                optimizer.descend(&loss(&straight, step)).unwrap();
            }
            let resumed = network();
            resumed.load_state(&straight.state()).unwrap();
            let mut second = Optimizer::new(numbers, &resumed, 1e-2).unwrap();
            second.load_state(&optimizer.state()).unwrap();
            for step in 3..6 {
                optimizer.descend(&loss(&straight, step)).unwrap();
                second.descend(&loss(&resumed, step)).unwrap();
            }
            assert_eq!(furthest(&straight, &resumed), 0.0, "{choice:?}");
        }
    }

    #[test]
    fn a_long_gradient_is_shortened_and_vectors_are_spared() {
        let network = network();
        let numbers = Optimization {
            optimizer: OptimizerChoice::Sgd,
            momentum: 0.0,
            weight_decay: 0.0,
            clip: Some(1e-3),
            ..Optimization::default()
        };
        let before = network.state();
        let mut optimizer = Optimizer::new(numbers, &network, 1.0).unwrap();
        optimizer.descend(&loss(&network, 0)).unwrap();
        let learnt: Vec<String> = network
            .parameters()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let squares = before
            .iter()
            .zip(network.state())
            .filter(|((name, _), _)| learnt.contains(name));
        let squares: f64 = squares
            .map(|((_, a), (_, b))| {
                (a - b)
                    .to_kind(Kind::Double)
                    .square()
                    .sum(Kind::Double)
                    .double_value(&[])
            })
            .sum();
        assert!((squares.sqrt() - 1e-3).abs() < 1e-5, "{}", squares.sqrt());

        let decayed = Optimization {
            weight_decay: 0.1,
            spare_vectors: true,
            ..Optimization::default()
        };
        let optimizer = Optimizer::new(decayed, &network, 1.0).unwrap();
        assert_eq!(optimizer.groups.len(), 2);
        let spared = &optimizer.groups[1];
        assert_eq!(spared.decay, 0.0);
        assert!(spared.names.iter().all(|name| name.contains("bn")
            || name.contains("downsample.1")
            || name.ends_with("bias")));
    }
}
