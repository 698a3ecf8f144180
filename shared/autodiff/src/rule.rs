//! What is registered of an operator that a gradient can flow through.

use onnx_edit::pb::NodeProto;

use super::AutodiffError;
use super::context::{Context, Cotangents};

/// Turns the cotangents of a node's outputs (`None` where none arrives) into those of its inputs.
pub(super) type Rule = fn(&mut Context<'_>, &[Option<String>]) -> Cotangents;

/// Appends the operators that define the context's node: all but the last are computed again beside the operator itself, which stays
/// in the graph, and the last one computes the first output, whose name is returned. ONNX calls such operators functions.
pub(super) type Definition = fn(&mut Context<'_>) -> Result<String, AutodiffError>;

/// How the gradient flows through an operator.
#[derive(Clone, Copy)]
pub(super) enum Flow {
    /// By a rule of its own.
    Rule(Rule),
    /// Through its definition, by the rules of the operators in that.
    Definition(Definition),
    /// Not at all: its outputs do not change with small changes of its inputs' values.
    Constant,
}

/// Which inputs are repeated to the shape of the output.
#[derive(Clone, Copy)]
enum Broadcast {
    None,
    Every,
    Only(usize),
}

/// All that is registered of an operator of the standard domain, in the list of its family.
#[derive(Clone, Copy)]
pub(super) struct Operator {
    pub(super) name: &'static str,
    pub(super) flow: Flow,
    /// Whether the rule can do without a cotangent of the first output.
    pub(super) any_output: bool,
    /// Whether it is an activation other than a rectifier, which the rules of [`ReluRule`](super::ReluRule) leave alone.
    pub(super) other_activation: bool,
    broadcast: Broadcast,
    constant_where: Option<fn(&NodeProto) -> bool>,
}

impl Operator {
    pub(super) const fn rule(name: &'static str, rule: Rule) -> Self {
        Self::new(name, Flow::Rule(rule))
    }

    pub(super) const fn definition(name: &'static str, definition: Definition) -> Self {
        Self::new(name, Flow::Definition(definition))
    }

    pub(super) const fn constant(name: &'static str) -> Self {
        Self::new(name, Flow::Constant)
    }

    const fn new(name: &'static str, flow: Flow) -> Self {
        Self {
            name,
            flow,
            any_output: false,
            other_activation: false,
            broadcast: Broadcast::None,
            constant_where: None,
        }
    }

    /// Every input is repeated to the shape of the output. The rule returns cotangents of that shape, and the sweep sums them over what
    /// was repeated.
    pub(super) const fn broadcasting(self) -> Self {
        Self {
            broadcast: Broadcast::Every,
            ..self
        }
    }

    /// As [`Operator::broadcasting`], of one input.
    pub(super) const fn broadcasting_only(self, input: usize) -> Self {
        Self {
            broadcast: Broadcast::Only(input),
            ..self
        }
    }

    /// The rule begins from the cotangent of whichever output has one. All others begin from the first output's.
    pub(super) const fn of_any_output(self) -> Self {
        Self {
            any_output: true,
            ..self
        }
    }

    /// It is an activation other than a rectifier.
    pub(super) const fn activation(self) -> Self {
        Self {
            other_activation: true,
            ..self
        }
    }

    /// No gradient flows through the nodes of which this is true.
    pub(super) const fn constant_where(self, holds: fn(&NodeProto) -> bool) -> Self {
        Self {
            constant_where: Some(holds),
            ..self
        }
    }

    /// Whether no gradient flows through a node with this operator.
    pub(super) fn is_constant(&self, node: &NodeProto) -> bool {
        matches!(self.flow, Flow::Constant) || self.constant_where.is_some_and(|holds| holds(node))
    }

    /// Whether an input is repeated to the shape of the output.
    pub(super) fn broadcasts(&self, input: usize) -> bool {
        match self.broadcast {
            Broadcast::None => false,
            Broadcast::Every => true,
            Broadcast::Only(only) => only == input,
        }
    }
}

/// Whether a node's operator is one of the standard domain.
pub(super) fn standard(node: &NodeProto) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}
