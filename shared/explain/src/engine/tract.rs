use std::collections::HashMap;
use std::sync::Arc;

use ndarray::ArrayViewD;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::optim::Optimizer;
use tract_onnx::tract_core::runtime::RunOptions;

use super::barrier::kept_apart;
use super::convolutions::Convolutions;
use super::convolve::with_own_convolutions;
use super::fault::NotANumber;
use super::optimiser;
use super::prepare::{prepared, told};
use super::protobuf;
use super::watch::watched;
use super::{Engine, EngineError, Outputs, contained, require_numbers};
use onnx_edit::{Footprint, Model, require_finite};

pub(super) const NAME: &str = "tract";

/// tract: pure Rust, native and in the browser.
///
/// A plan is made for the input shapes of the first run and kept for the next runs of the same shapes, because tract
/// runs a graph of fixed shapes much faster than one with open dimensions.
pub struct TractEngine {
    model: InferenceModel,
    inputs: Vec<String>,
    outputs: Vec<String>,
    plans: HashMap<Vec<Vec<usize>>, Arc<TypedRunnableModel>>,
    footprint: Footprint,
}

/// Plans kept at a time; each holds its own packed copy of the weights.
const PLANS: usize = 2;

impl TractEngine {
    /// Loads a model.
    ///
    /// # Errors
    /// Where tract cannot read an operator.
    pub fn new(model: &Model) -> Result<Self, EngineError> {
        Ok(Self {
            footprint: Footprint::of(model)?,
            model: parse(model.clone())?,
            inputs: model.inputs().iter().map(|i| i.name.clone()).collect(),
            outputs: model.outputs().iter().map(|o| o.name.clone()).collect(),
            plans: HashMap::new(),
        })
    }

    /// Makes the graph runnable for these input shapes, in the order of the graph's inputs.
    fn plan(&mut self, shapes: Vec<Vec<usize>>) -> Result<Arc<TypedRunnableModel>, EngineError> {
        if let Some(plan) = self.plans.get(&shapes) {
            return Ok(plan.clone());
        }
        let named = self.inputs.iter().map(|name| &name[..]);
        let fed: Vec<_> = named.zip(shapes.iter().map(|shape| &shape[..])).collect();
        self.footprint.admit(&fed)?;
        let mut model = self.model.clone();
        let plan = contained(NAME, || {
            for (index, shape) in shapes.iter().enumerate() {
                let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
                model.set_input_fact(index, fact).map_err(load_error)?;
            }
            optimise(model)
        })?;
        if self.plans.len() >= PLANS {
            self.plans.clear();
        }
        self.plans.insert(shapes, plan.clone());
        Ok(plan)
    }
}

/// Hands the graph to tract, which keeps a copy of the weights.
pub(super) fn parse(model: Model) -> Result<InferenceModel, EngineError> {
    require_finite(&model)?;
    let model = protobuf::model(prepared(model)?.into_proto());
    contained(NAME, || {
        tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true)
            .parse(&model, None)
            .map(|parsed| parsed.model)
            .map_err(load_error)
    })
}

/// From a graph whose inputs have a shape to a plan with packed weights.
pub(super) fn optimise(model: InferenceModel) -> Result<Arc<TypedRunnableModel>, EngineError> {
    let unknown = unknown_operator(&model);
    let declutter = Optimizer::declutter();
    let typed = model
        .into_typed()
        .and_then(kept_apart)
        .and_then(|model| optimiser::optimise(model, &declutter))
        .map_err(|error| unknown.unwrap_or_else(|| load_error(error)))?;
    let typed = match Convolutions::chosen() {
        Convolutions::Own => with_own_convolutions(typed).map_err(load_error)?,
        Convolutions::Tract => typed,
    };
    watched(typed)
        .and_then(|model| optimiser::optimise(model, &declutter))
        .and_then(|model| optimiser::optimise(model, &Optimizer::codegen()))
        .and_then(runnable)
        .map_err(load_error)
}

/// From here on the order of the nodes is taken as it comes: to look for the one that takes the least memory needs the square of
/// their number in time and memory. The gradient of a ResNet-152 has 2,000.
const MOST_ORDERED: usize = 6_000;

fn runnable(model: TypedModel) -> TractResult<Arc<TypedRunnableModel>> {
    let options = RunOptions {
        skip_order_opt_ram: model.nodes.len() > MOST_ORDERED,
        ..RunOptions::default()
    };
    model.into_runnable_with_options(&options)
}

/// What is to be said where a model does not load and holds an operator that tract does not have.
fn unknown_operator(model: &InferenceModel) -> Option<EngineError> {
    model.nodes().iter().find_map(|node| {
        let name = node.op.name();
        let operator = name.strip_prefix("Unimplemented(")?.strip_suffix(')')?;
        Some(EngineError::Load {
            engine: NAME,
            why: format!(
                "it has no operator {operator} (node `{}`)",
                told(&node.name)
            ),
        })
    })
}

pub(super) fn load_error(error: TractError) -> EngineError {
    EngineError::Load {
        engine: NAME,
        why: in_short(&error),
    }
}

pub(super) fn run_error(error: TractError) -> EngineError {
    match error.downcast_ref::<NotANumber>() {
        Some(found) => EngineError::NotANumber {
            node: told(&found.node).to_owned(),
        },
        None => EngineError::Run {
            engine: NAME,
            why: in_short(&error),
        },
    }
}

/// The longest explanation of tract's that is passed on, in bytes.
const LONGEST: usize = 160;

/// What tract says, in one line: the node of the model that it names first, and the innermost cause, without the models that
/// it prints.
fn in_short(error: &TractError) -> String {
    let text = error.root_cause().to_string();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut cause = words
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if cause.len() > LONGEST {
        cause.truncate(cause.floor_char_boundary(LONGEST));
        cause.push('…');
    }
    match error.chain().find_map(|link| node_in(&link.to_string())) {
        Some(node) => format!("it stops at node `{node}` ({cause})"),
        None => cause,
    }
}

/// The node of the model that a message of tract's names, in quotes.
fn node_in(text: &str) -> Option<String> {
    let quoted = text.split('"').skip(1).step_by(2);
    let mut own = quoted.filter(|name| told(name) != *name);
    own.next().map(|name| told(name).to_owned())
}

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
        let ordered = self
            .inputs
            .iter()
            .map(|name| {
                let found = inputs.iter().find(|(given, _)| given == name);
                let (_, value) = found.ok_or_else(|| EngineError::MissingInput(name.clone()))?;
                require_numbers(name, value)?;
                Ok(value.view())
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let shapes = ordered.iter().map(|value| value.shape().to_vec()).collect();
        let tensors = ordered
            .iter()
            .map(|value| Tensor::from(value.to_owned()).into())
            .collect();
        let plan = self.plan(shapes)?;
        let results = contained(NAME, || plan.run(tensors).map_err(run_error))?;
        let mut outputs = Outputs::new();
        for (name, value) in self.outputs.iter().zip(results) {
            // Integer outputs are of no use to attribution, but a model may have them beside its logits.
            if value.datum_type() == f32::datum_type() {
                let array = value
                    .into_tensor()
                    .into_plain_array::<f32>()
                    .map_err(run_error)?;
                outputs.insert(name.clone(), array);
            }
        }
        Ok(outputs)
    }
}
