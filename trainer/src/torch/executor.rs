//! Executes an ONNX graph on libtorch.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use pellucid_shared::onnx::pb::TensorProto;
use pellucid_shared::onnx::{
    GraphBuilder, Model, OPSET, Types, infer_shapes_for, inline, raise_opset, set_floats,
    tensor_shape,
};
use tch::{Device, Kind, Tensor};

use super::layout::{arrange_weights, channels_last, prefers_channels_last};
use super::operators::operator;
use super::parameters;
use super::plan::{Blueprint, Plan};

/// So many shapes of the input are planned for at a time: a training has two or three, its batches and the last, shorter ones.
const MOST_PLANS: usize = 8;

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
pub struct Network {
    /// The graph with functions and constant control flow written out, in an operator set of 17 or newer, without weights.
    graph: Model,
    types: Types,
    /// A plan for each shape of the input that has been seen.
    plans: RefCell<BTreeMap<Vec<i64>, Rc<Plan>>>,
    input: String,
    output: String,
    device: Device,
    kind: Kind,
    channels_last: bool,
    /// Every stored tensor by name.
    tensors: BTreeMap<String, Tensor>,
    /// The learnt ones, in the graph's order.
    learnt: Vec<String>,
    statistics: Vec<String>,
    frozen: HashSet<String>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("graph", &self.graph.graph().name)
            .field("device", &self.device)
            .field("parameters", &self.learnt.len())
            .finish_non_exhaustive()
    }
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
        let input = model.input(None)?.name.clone();
        let output = model.output(None)?.name.clone();
        let model = inline(model.clone())?;
        let opset = model.opset().max(OPSET);
        let model = raise_opset(model, opset)?;
        let mut builder = GraphBuilder::edit(model);
        parameters::lift_constants(builder.graph_mut());
        let mut model = builder.finish()?;
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
        let channels_last = prefers_channels_last(graph, device, kind);
        if channels_last {
            arrange_weights(graph, &mut tensors)?;
        }
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
        let running = parameters::running_statistics(graph);
        let named = graph.initializer.iter().map(|t| t.name.clone());
        let statistics = named.filter(|name| running.contains(name)).collect();
        model.initializers_mut().iter_mut().for_each(drop_elements);
        Ok(Self {
            statistics,
            types: Types::of(&model),
            graph: model,
            plans: RefCell::default(),
            input,
            output,
            device,
            kind,
            channels_last,
            tensors,
            learnt,
            frozen: HashSet::new(),
        })
    }

    /// The logits `[N, K]` of images `[N, 3, H, W]` in [0, 1]. For a model of another kind: its output for its input.
    ///
    /// # Errors
    /// Where the graph does not fit the image's shape, or a node fails; the error names it.
    pub fn forward(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        let plan = self.plan(&image.size())?;
        let image = if self.channels_last {
            &channels_last(image)?
        } else {
            image
        };
        plan.run(image, |weight| {
            mode == Mode::Train && weight.is_none_or(|weight| !self.frozen.contains(weight))
        })
    }

    /// The plan for a shape of the input.
    fn plan(&self, sizes: &[i64]) -> Result<Rc<Plan>> {
        if let Some(plan) = self.plans.borrow().get(sizes) {
            return Ok(Rc::clone(plan));
        }
        let shape: Vec<usize> = sizes.iter().map(|&size| size as usize).collect();
        let shapes = infer_shapes_for(&self.graph, &[(&self.input, &shape)])?;
        let variable = self
            .learnt
            .iter()
            .chain(&self.statistics)
            .cloned()
            .collect();
        let plan = Rc::new(Plan::new(&Blueprint {
            model: &self.graph,
            shapes: &shapes,
            types: &self.types,
            input: &self.input,
            output: &self.output,
            tensors: &self.tensors,
            variable: &variable,
            device: self.device,
            kind: self.kind,
        })?);
        let mut plans = self.plans.borrow_mut();
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert(sizes.to_vec(), Rc::clone(&plan));
        Ok(plan)
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

    /// Every weight and running statistic by name, themselves.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        self.named(self.learnt.iter().chain(&self.statistics))
    }

    /// A copy of every weight and running statistic by name, for keeping the best state.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.tensors()
            .into_iter()
            .map(|(name, tensor)| (name, tensor.detach().copy()))
            .collect()
    }

    /// Puts a state back that [`Network::state`] gave.
    ///
    /// # Errors
    /// Where a name or shape does not fit.
    pub fn load_state(&self, state: &[(String, Tensor)]) -> Result<()> {
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

    /// Writes the weights and running statistics into the model's initializers, and into those of its constants that are weights.
    ///
    /// # Errors
    /// Where the model is not the one that this network was made from.
    pub fn write_back(&self, model: &mut Model) -> Result<()> {
        let mut left: HashSet<&str> = self
            .learnt
            .iter()
            .chain(&self.statistics)
            .map(|n| &n[..])
            .collect();
        for proto in model.initializers_mut() {
            if left.remove(&proto.name[..]) {
                self.write_tensor(proto)?;
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        let mut builder = GraphBuilder::edit(model.clone());
        for node in &mut builder.graph_mut().node {
            let Some(mut tensor) = parameters::constant(node) else {
                continue;
            };
            if left.remove(&tensor.name[..]) {
                self.write_tensor(&mut tensor)?;
                let value = node.attribute.iter_mut().find(|a| a.name == "value");
                if let Some(value) = value {
                    value.t = Some(tensor);
                }
            }
        }
        let missing: Vec<&str> = left.into_iter().take(5).collect();
        ensure!(
            missing.is_empty(),
            "the model has no tensor `{}`",
            missing.join("`, `")
        );
        *model = builder.finish()?;
        Ok(())
    }

    fn write_tensor(&self, proto: &mut TensorProto) -> Result<()> {
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
        Ok(set_floats(proto, &Vec::<f32>::try_from(&flat)?)?)
    }

    fn named<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<(String, Tensor)> {
        names
            .filter_map(|name| Some((name.clone(), self.tensors.get(name)?.shallow_clone())))
            .collect()
    }
}

/// Tensors with more elements than this are of no use but as weights: shape inference does not look into them.
const FEW: i64 = 64;

/// Keeps a large tensor's name, type and shape alone.
fn drop_elements(tensor: &mut TensorProto) {
    if tensor.dims.iter().product::<i64>() > FEW {
        *tensor = TensorProto {
            name: std::mem::take(&mut tensor.name),
            data_type: tensor.data_type,
            dims: std::mem::take(&mut tensor.dims),
            ..TensorProto::default()
        };
    }
}
