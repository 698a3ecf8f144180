//! Executes an ONNX graph on libtorch.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Model, set_floats, tensor_shape};
use tch::{Device, Kind, Tensor};

use super::call::Call;
use super::operators::operator;
use super::parameters;

/// Whether normalization uses and updates batch statistics, and dropout drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics are updated. Layers that are frozen ([`Network::set_trainable`]) stay as
    /// in [`Mode::Eval`].
    Train,
    /// Running statistics; deterministic.
    Eval,
}

/// An ONNX graph on libtorch: its learnt initializers are the parameters, its running statistics and other stored
/// tensors are buffers. libtorch's autograd differentiates it.
#[derive(Debug)]
pub struct Network {
    nodes: Vec<NodeProto>,
    /// Per node: the values that nobody reads behind it, so that their memory can go.
    finished: Vec<Vec<String>>,
    opset: i64,
    input: String,
    output: String,
    device: Device,
    kind: Kind,
    /// Every stored tensor by name.
    tensors: BTreeMap<String, Tensor>,
    /// The learnt ones, in the graph's order.
    learnt: Vec<String>,
    statistics: HashSet<String>,
    frozen: HashSet<String>,
}

impl Network {
    /// Loads a model's graph and weights onto a device, in float32.
    ///
    /// # Errors
    /// Where the model has several inputs or outputs, or an operator that is not executed here; the error names every
    /// such node.
    pub fn new(model: &Model, device: Device) -> Result<Self> {
        Self::with_kind(model, device, Kind::Float)
    }

    /// As [`Network::new`], in float64 where `kind` is [`Kind::Double`]: the reference for gradients.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn with_kind(model: &Model, device: Device, kind: Kind) -> Result<Self> {
        let graph = model.graph();
        let unknown: Vec<String> = graph
            .node
            .iter()
            .filter(|node| {
                operator(&node.op_type).is_none() || !matches!(&node.domain[..], "" | "ai.onnx")
            })
            .map(|node| format!("{} (node `{}`)", node.op_type, node.name))
            .collect();
        ensure!(
            unknown.is_empty(),
            "libtorch cannot execute these operators yet: {}",
            unknown.join(", ")
        );

        let mut tensors = parameters::load(graph, device, kind)?;
        let learnt_names = parameters::learnt(graph);
        let learnt: Vec<String> = graph
            .initializer
            .iter()
            .map(|t| t.name.clone())
            .filter(|name| learnt_names.contains(name))
            .collect();
        for name in &learnt {
            if let Some(tensor) = tensors.get_mut(name) {
                *tensor = tensor.f_set_requires_grad(true)?;
            }
        }
        let output = model.output(None)?.name.clone();
        Ok(Self {
            finished: finished(&graph.node, &output, &tensors),
            nodes: graph.node.clone(),
            opset: model.opset(),
            input: model.input(None)?.name.clone(),
            output,
            device,
            kind,
            tensors,
            learnt,
            statistics: parameters::running_statistics(graph),
            frozen: HashSet::new(),
        })
    }

    /// The logits `[N, K]` of images `[N, 3, H, W]` in [0, 1]. For a model of another kind: its output for its input.
    ///
    /// # Errors
    /// Where a node fails; the error names it.
    pub fn forward(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut values: HashMap<&str, Tensor> =
            HashMap::from([(&self.input[..], image.shallow_clone())]);
        for (node, finished) in self.nodes.iter().zip(&self.finished) {
            let value = |name: &String| {
                values
                    .get(&name[..])
                    .or_else(|| self.tensors.get(name))
                    .map(Tensor::shallow_clone)
            };
            let frozen = node
                .input
                .get(1)
                .is_some_and(|weight| self.frozen.contains(weight));
            let call = Call {
                node,
                inputs: node.input.iter().map(value).collect(),
                training: mode == Mode::Train && !frozen,
                opset: self.opset,
                kind: self.kind,
            };
            let Some(run) = operator(&node.op_type) else {
                bail!("operator {} is not executed here", node.op_type)
            };
            let result = run(&call)
                .with_context(|| format!("node `{}` ({}) failed", node.name, node.op_type))?;
            // A constant is made on the CPU.
            let result = if result.device() == self.device {
                result
            } else {
                result.to_device(self.device)
            };
            let Some(output) = node.output.first() else {
                continue;
            };
            drop(call);
            values.insert(output, result);
            for name in finished {
                values.remove(&name[..]);
            }
        }
        values
            .remove(&self.output[..])
            .with_context(|| format!("no node makes the output `{}`", self.output))
    }

    /// The trainable tensors by name, in the graph's order; each requires a gradient unless it is frozen.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        self.named(self.learnt.iter())
    }

    /// Freezes or unfreezes the parameters whose names satisfy the predicate. A batch normalization whose scale is
    /// frozen keeps its running statistics too, so that a frozen body computes the same in every stage of a training.
    pub fn set_trainable(&mut self, trainable: impl Fn(&str) -> bool) {
        for name in &self.learnt {
            let trainable = trainable(name);
            if let Some(tensor) = self.tensors.get(name) {
                let _ = tensor.set_requires_grad(trainable);
            }
            if trainable {
                self.frozen.remove(name);
            } else {
                self.frozen.insert(name.clone());
            }
        }
    }

    /// The device that the weights are on.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// A copy of every weight and running statistic by name, for keeping the best state.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let named = self.named(self.learnt.iter().chain(&self.statistics));
        named
            .into_iter()
            .map(|(name, tensor)| (name, tensor.detach().copy()))
            .collect()
    }

    /// Puts a state back that [`Network::state`] gave.
    ///
    /// # Errors
    /// Where a name or shape does not fit.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        for (name, value) in state {
            let tensor = self
                .tensors
                .get(name)
                .with_context(|| format!("the network has no tensor `{name}`"))?;
            ensure!(
                tensor.size() == value.size(),
                "`{name}` has shape {:?} in the network and {:?} in the state",
                tensor.size(),
                value.size()
            );
            tch::no_grad(|| tensor.shallow_clone().f_copy_(value))?;
        }
        Ok(())
    }

    /// Writes the weights and running statistics into the model's initializers.
    ///
    /// # Errors
    /// Where the model is not the one that this network was made from.
    pub fn write_back(&self, model: &mut Model) -> Result<()> {
        for proto in model.initializers_mut() {
            if !self.learnt.contains(&proto.name) && !self.statistics.contains(&proto.name) {
                continue;
            }
            let tensor = self
                .tensors
                .get(&proto.name)
                .with_context(|| format!("the network has no tensor `{}`", proto.name))?;
            let shape: Vec<i64> = tensor_shape(proto)?.iter().map(|&d| d as i64).collect();
            ensure!(
                tensor.size() == shape,
                "`{}` has another shape in the model",
                proto.name
            );
            let flat = tensor
                .detach()
                .to_device(Device::Cpu)
                .to_kind(Kind::Float)
                .f_flatten(0, -1)?;
            set_floats(proto, &Vec::<f32>::try_from(&flat)?)?;
        }
        Ok(())
    }

    fn named<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<(String, Tensor)> {
        names
            .filter_map(|name| Some((name.clone(), self.tensors.get(name)?.shallow_clone())))
            .collect()
    }
}

/// Per node: the values whose last reader it is.
fn finished(
    nodes: &[NodeProto],
    output: &str,
    stored: &BTreeMap<String, Tensor>,
) -> Vec<Vec<String>> {
    let mut seen: HashSet<&str> = HashSet::from([output]);
    let mut finished: Vec<Vec<String>> = nodes
        .iter()
        .rev()
        .map(|node| {
            let read = node
                .input
                .iter()
                .filter(|name| !name.is_empty() && !stored.contains_key(&name[..]));
            read.filter(|name| seen.insert(name)).cloned().collect()
        })
        .collect();
    finished.reverse();
    finished
}
