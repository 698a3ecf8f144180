//! Reverse mode: the walk over the nodes from last to first.

use std::collections::{HashMap, HashSet};

use super::bounds::pay;
use super::context::Context;
use super::names::PREFIX;
use super::rule::Flow;
use super::steps::Step;
use super::{AutodiffError, Quantized, ReluRule, table};
use onnx_edit::pb::tensor_proto::DataType;
use onnx_edit::{Budget, Dim, GraphBuilder, Shapes, Types, typed_value};

/// The walk over the nodes from last to first.
pub(super) struct Sweep {
    pub(super) builder: GraphBuilder,
    pub(super) shapes: Shapes,
    pub(super) types: Types,
    pub(super) active: HashSet<String>,
    pub(super) opset: i64,
    pub(super) relu: ReluRule,
    pub(super) quantized: Quantized,
    /// How many activations another rule than the exact one was applied to.
    pub(super) activations: usize,
    /// The value whose cotangent is handed out, and that cotangent once it is known.
    pub(super) features: Option<String>,
    pub(super) features_grad: Option<String>,
    /// What the gradient may still add to the model.
    pub(super) budget: Budget,
    /// What has arrived at each value so far, one entry per use.
    pub(super) cotangents: HashMap<String, Vec<String>>,
    /// The cotangents whose shapes are declared.
    pub(super) declared: HashSet<String>,
}

impl Sweep {
    /// Each rule turns its outputs' cotangents into its inputs'.
    pub(super) fn run(&mut self, steps: &[Step]) -> Result<(), AutodiffError> {
        for step in steps.iter().rev() {
            let before = self.builder.graph().node.len();
            self.step(step)?;
            let appended = &self.builder.graph().node[before..];
            pay(&mut self.budget, appended, &step.node)?;
        }
        Ok(())
    }

    fn step(&mut self, Step { node, index }: &Step) -> Result<(), AutodiffError> {
        let wanted: Vec<bool> = node
            .input
            .iter()
            .map(|name| self.active.contains(name))
            .collect();
        let arriving: Vec<Option<String>> =
            node.output.iter().map(|name| self.total(name)).collect();
        if arriving.iter().all(Option::is_none) || !wanted.contains(&true) {
            return Ok(());
        }
        let operator = table::operator(node, self.quantized);
        let Some((operator, Flow::Rule(rule))) = operator.map(|operator| (operator, operator.flow))
        else {
            return Ok(());
        };
        if arriving.first().is_none_or(Option::is_none) && !operator.any_output {
            return Err(AutodiffError::Unsupported {
                what: onnx_edit::node_name(node),
                why: format!(
                    "only the first output of {} is differentiated",
                    node.op_type
                ),
            });
        }
        for (name, cotangent) in node.output.iter().zip(&arriving) {
            if self.features.as_ref() == Some(name) {
                self.features_grad.clone_from(cotangent);
            }
        }
        let mut context = Context {
            builder: &mut self.builder,
            shapes: &self.shapes,
            types: &self.types,
            node,
            index: *index,
            active: wanted.clone(),
            opset: self.opset,
            relu: self.relu,
            activations: &mut self.activations,
            budget: &mut self.budget,
        };
        let output = context.output().to_owned();
        let mut leaving = rule(&mut context, &arriving)?.into_iter();
        for (position, (name, wanted)) in node.input.iter().zip(wanted).enumerate() {
            let cotangent = leaving.next().flatten();
            if !wanted {
                continue;
            }
            // Silence would be a wrong gradient: the value does depend on the model's input this way.
            let mut cotangent = cotangent.ok_or_else(|| AutodiffError::Unsupported {
                what: onnx_edit::node_name(node),
                why: format!(
                    "{} is not differentiated with respect to its input number {position}, `{name}`",
                    node.op_type
                ),
            })?;
            if operator.broadcasts(position) {
                cotangent = context.unbroadcast(&cotangent, &output, name);
            }
            self.cotangents
                .entry(name.clone())
                .or_default()
                .push(cotangent);
        }
        Ok(())
    }

    /// The sum of the cotangents that have arrived at a value from its several uses.
    pub(super) fn total(&mut self, value: &str) -> Option<String> {
        let parts = self.cotangents.remove(value)?.into_iter();
        let total =
            parts.reduce(|sum, part| self.builder.node("Add", "grad/sum", &[&sum, &part], []))?;
        self.declare(value, &total);
        Some(total)
    }

    /// Declares that a cotangent has its value's shape, where that holds an open dimension: runtimes lose its name where the graph
    /// asks for a shape at run time. ONNX Runtime then finds no buffer to use again, and looks through all of them for each
    /// node: the gradient of 2,000 activations took 19 s to load, and takes half a second.
    fn declare(&mut self, value: &str, cotangent: &str) {
        let Some(shape) = self.shapes.get(value) else {
            return;
        };
        let is_open = |dim: &Dim| matches!(dim, Dim::Named(_));
        if !shape.iter().any(is_open)
            || shape.contains(&Dim::Unknown)
            || !cotangent.starts_with(PREFIX)
            || !self.declared.insert(cotangent.to_owned())
        {
            return;
        }
        let kind = self.types.floating(value).unwrap_or(DataType::Float);
        let declared = typed_value(cotangent, kind, Some(shape));
        self.builder.graph_mut().value_info.push(declared);
    }
}
