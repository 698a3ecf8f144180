//! The nodes that the gradient flows through, with operators that the specification defines by others written out.

use std::collections::HashSet;

use super::bounds::pay;
use super::context::Context;
use super::rule::Flow;
use super::{AutodiffError, Quantized, ReluRule, table};
use onnx_edit::pb::NodeProto;
use onnx_edit::{Budget, GraphBuilder, Model, Types, infer_shapes};

/// A node that the gradient flows through.
pub(super) struct Step {
    pub(super) node: NodeProto,
    /// Where it stands in the graph; `None` for the last node of a decomposition, whose value the decomposed node
    /// itself computes.
    pub(super) index: Option<usize>,
}

/// The graph's nodes in order, those on the way without a rule replaced by their definition, whose nodes are appended to
/// the graph.
pub(super) fn decomposed(
    model: Model,
    active: &HashSet<String>,
) -> Result<(Model, Vec<Step>), AutodiffError> {
    let nodes = model.graph().node.clone();
    let on_the_way = |node: &NodeProto| {
        node.output.iter().any(|name| active.contains(name))
            && node.input.iter().any(|name| active.contains(name))
    };
    let (shapes, types, opset) = (infer_shapes(&model)?, Types::of(&model), model.opset());
    let mut builder = GraphBuilder::edit(model);
    let mut budget = Budget::GRADIENT;
    let mut steps = vec![];
    for (index, node) in nodes.into_iter().enumerate() {
        let operator = table::operator(&node, Quantized::Refused).filter(|_| on_the_way(&node));
        let Some(Flow::Definition(definition)) = operator.map(|operator| operator.flow) else {
            let index = Some(index);
            steps.push(Step { node, index });
            continue;
        };
        if let Some(name) = node.output.iter().skip(1).find(|o| active.contains(*o)) {
            return Err(AutodiffError::Unsupported {
                what: onnx_edit::node_name(&node),
                why: format!(
                    "only the first output of {} is differentiated, and the gradient flows through `{name}`",
                    node.op_type
                ),
            });
        }
        let appended = builder.graph().node.len();
        let mut context = Context {
            builder: &mut builder,
            shapes: &shapes,
            types: &types,
            node: &node,
            index: None,
            active: vec![],
            opset,
            relu: ReluRule::Exact,
            activations: &mut 0,
            budget: &mut budget,
        };
        definition(&mut context)?;
        pay(&mut budget, &builder.graph().node[appended..], &node)?;
        // The decomposed node computes the last one's value already.
        let last = builder.graph_mut().node.pop();
        let inner = builder.graph().node[appended..].iter().cloned();
        steps.extend(inner.enumerate().map(|(offset, node)| Step {
            node,
            index: Some(appended + offset),
        }));
        steps.extend(last.map(|last| Step {
            node: NodeProto {
                output: node.output.iter().take(1).cloned().collect(),
                ..last
            },
            index: None,
        }));
    }
    Ok((builder.finish()?, steps))
}
