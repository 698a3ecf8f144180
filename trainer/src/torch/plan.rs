//! A graph on libtorch for one shape of its input: everything decided before it runs that does not depend on the input's values.
//!
//! Shapes, and the integers that a graph computes from them, are numbers then; what depends on nothing but constants is computed once. A
//! run is a list of kernels on numbered slots, and asks the device for nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use pellucid_shared::onnx::pb::{NodeProto, tensor_proto::DataType};
use pellucid_shared::onnx::{Model, Shapes, Types, node_name};
use tch::{Device, Kind, Tensor};

use super::operators::operator;
use super::site::{Inputs, Kernel, Site};

/// Where a node finds an input.
enum Source {
    /// Left out.
    Nothing,
    /// The image.
    Image,
    /// What a node before has made.
    Slot(usize),
    /// A parameter, statistic or constant.
    Tensor(Tensor),
}

/// A node of the plan.
struct Step {
    /// For errors.
    node: String,
    kernel: Kernel,
    inputs: Vec<Source>,
    /// Where its outputs go; `None` for those that nobody reads.
    outputs: Vec<Option<usize>>,
    /// The slots that nobody reads behind it, so that their memory can go.
    frees: Vec<usize>,
    /// Its weight: a layer whose weight is frozen stays in eval mode.
    weight: Option<String>,
}

/// A plan for one shape of the input.
pub(super) struct Plan {
    steps: Vec<Step>,
    slots: usize,
    output: Source,
}

/// What a plan is made from.
pub(super) struct Blueprint<'a> {
    pub(super) model: &'a Model,
    /// The shapes of every value, for the one shape of the input.
    pub(super) shapes: &'a Shapes,
    pub(super) types: &'a Types,
    pub(super) input: &'a str,
    pub(super) output: &'a str,
    /// Every stored tensor by name.
    pub(super) tensors: &'a BTreeMap<String, Tensor>,
    /// Those that change.
    pub(super) variable: &'a HashSet<String>,
    pub(super) device: Device,
    pub(super) kind: Kind,
}

impl Plan {
    /// Plans a graph.
    ///
    /// # Errors
    /// Where a node cannot be planned; the error names it.
    pub(super) fn new(blueprint: &Blueprint<'_>) -> Result<Self> {
        let mut planner = Planner {
            blueprint,
            constants: HashMap::new(),
            slots: HashMap::new(),
            image: HashSet::new(),
            steps: vec![],
        };
        let nodes = &blueprint.model.graph().node;
        for node in nodes {
            planner
                .take_in(node)
                .with_context(|| format!("{} (node `{}`)", node.op_type, node_name(node)))?;
        }
        let output = planner.source(blueprint.output)?;
        let mut plan = Self {
            slots: planner.slots.len(),
            steps: planner.steps,
            output,
        };
        plan.free_early();
        Ok(plan)
    }

    /// Lets every slot go after its last reader, so that inference holds little more than a layer.
    fn free_early(&mut self) {
        let mut seen = HashSet::new();
        if let Source::Slot(slot) = self.output {
            seen.insert(slot);
        }
        for step in self.steps.iter_mut().rev() {
            for input in &step.inputs {
                if let Source::Slot(slot) = input
                    && seen.insert(*slot)
                {
                    step.frees.push(*slot);
                }
            }
            for output in &mut step.outputs {
                *output = output.filter(|slot| seen.contains(slot));
            }
        }
    }

    /// The output for an image of the plan's shape; `training` says of a layer, by the name of its weight, whether it is in train mode.
    ///
    /// # Errors
    /// Where a node fails; the error names it.
    pub(super) fn run(
        &self,
        image: &Tensor,
        training: impl Fn(Option<&str>) -> bool,
    ) -> Result<Tensor> {
        let mut slots: Vec<Option<Tensor>> = Vec::new();
        slots.resize_with(self.slots, || None);
        let read = |source: &Source, slots: &[Option<Tensor>]| match source {
            Source::Nothing => None,
            Source::Image => Some(image.shallow_clone()),
            Source::Slot(slot) => slots[*slot].as_ref().map(Tensor::shallow_clone),
            Source::Tensor(tensor) => Some(tensor.shallow_clone()),
        };
        for step in &self.steps {
            let inputs = Inputs {
                values: step.inputs.iter().map(|s| read(s, &slots)).collect(),
                training: training(step.weight.as_deref()),
            };
            let made = (step.kernel)(&inputs).with_context(|| format!("{} failed", step.node))?;
            drop(inputs);
            for (slot, value) in step.outputs.iter().zip(made) {
                if let Some(slot) = slot {
                    slots[*slot] = Some(value);
                }
            }
            for &slot in &step.frees {
                slots[slot] = None;
            }
        }
        read(&self.output, &slots).context("nothing made the output")
    }
}

struct Planner<'a> {
    blueprint: &'a Blueprint<'a>,
    /// What is known before the graph runs, beside what is stored.
    constants: HashMap<String, Tensor>,
    slots: HashMap<String, usize>,
    /// The slots of what depends on the image.
    image: HashSet<usize>,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn take_in(&mut self, node: &NodeProto) -> Result<()> {
        let blueprint = self.blueprint;
        // What shapes are computed with is known as numbers already.
        if !node.output.is_empty()
            && node
                .output
                .iter()
                .all(|name| name.is_empty() || blueprint.shapes.constant(name).is_some())
        {
            return Ok(());
        }
        let make = operator(&node.op_type).context("it is not executed on libtorch")?;
        let inputs = node
            .input
            .iter()
            .map(|name| self.source(name))
            .collect::<Result<Vec<_>>>()?;
        let depends = |source: &Source| match source {
            Source::Image => true,
            Source::Slot(slot) => self.image.contains(slot),
            Source::Nothing | Source::Tensor(_) => false,
        };
        let of_the_image = inputs.iter().any(depends);
        let site = Site {
            node,
            of_the_image: inputs.first().is_some_and(depends),
            shapes: blueprint.shapes,
            opset: blueprint.model.opset(),
            kind: blueprint.kind,
            device: blueprint.device,
        };
        let kernel = make(&site)?;
        let fixed = |(name, source): (&String, &Source)| match source {
            Source::Nothing => true,
            Source::Tensor(_) => !blueprint.variable.contains(name),
            Source::Image | Source::Slot(_) => false,
        };
        if node.input.iter().zip(&inputs).all(fixed) && node.op_type != "Dropout" {
            return self.compute(node, &kernel, &inputs);
        }
        let mut outputs = vec![];
        for name in &node.output {
            if name.is_empty() {
                outputs.push(None);
                continue;
            }
            let next = self.slots.len();
            let slot = *self.slots.entry(name.clone()).or_insert(next);
            if of_the_image {
                self.image.insert(slot);
            }
            outputs.push(Some(slot));
        }
        self.steps.push(Step {
            node: format!("node `{}` ({})", node_name(node), node.op_type),
            kernel,
            inputs,
            outputs,
            frees: vec![],
            weight: node.input.get(1).cloned(),
        });
        Ok(())
    }

    /// Computes a node that hangs on constants alone.
    fn compute(&mut self, node: &NodeProto, kernel: &Kernel, inputs: &[Source]) -> Result<()> {
        let value = |source: &Source| match source {
            Source::Tensor(tensor) => Some(tensor.shallow_clone()),
            _ => None,
        };
        let inputs = Inputs {
            values: inputs.iter().map(value).collect(),
            training: false,
        };
        let made = tch::no_grad(|| kernel(&inputs))?;
        for (name, value) in node.output.iter().zip(made) {
            self.constants.insert(name.clone(), value);
        }
        Ok(())
    }

    fn source(&self, name: &str) -> Result<Source> {
        let blueprint = self.blueprint;
        if name.is_empty() {
            return Ok(Source::Nothing);
        }
        if name == blueprint.input {
            return Ok(Source::Image);
        }
        if let Some(&slot) = self.slots.get(name) {
            return Ok(Source::Slot(slot));
        }
        let tensor = self.constants.get(name).or(blueprint.tensors.get(name));
        if let Some(tensor) = tensor {
            return Ok(Source::Tensor(tensor.shallow_clone()));
        }
        let numbers = self.numbers(name)?;
        numbers
            .map(Source::Tensor)
            .with_context(|| format!("nothing makes its input `{name}`"))
    }

    /// Integers or booleans that shape inference has found, as a tensor.
    fn numbers(&self, name: &str) -> Result<Option<Tensor>> {
        let shapes = self.blueprint.shapes;
        let (Some(values), Some(sizes)) = (shapes.constant(name), shapes.numbers(name)) else {
            return Ok(None);
        };
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        ensure!(
            sizes.iter().product::<i64>() == values.len() as i64,
            "`{name}` has another number of elements than its shape says"
        );
        let kind = match self.blueprint.types.get(name) {
            Some(DataType::Bool) => Kind::Bool,
            Some(DataType::Int32) => Kind::Int,
            _ => Kind::Int64,
        };
        let tensor = Tensor::f_from_slice(values)?
            .f_reshape(&sizes)?
            .f_to_kind(kind)?
            .f_to_device(self.blueprint.device)?;
        Ok(Some(tensor))
    }
}
