//! `AveragePool` whose last windows stand over the border and that counts padding. Before operator set 19 the specification
//! left open how much of such a window counts, and runtimes differ; from 19 on all agree.

use super::super::pb::{GraphProto, NodeProto};
use super::super::scope::graphs;
use super::super::{Attributes, Model, OnnxError, raise_opset};

/// The first operator set in which the mean of such a window is the same everywhere.
const SETTLED: i64 = 19;

/// The model in an operator set that settles what it says.
pub(super) fn raised(model: Model) -> Result<Model, OnnxError> {
    match least_opset(model.graph()) {
        // The bodies of a model's own functions are raised once they stand in the graph.
        Some(least) if model.proto().functions.is_empty() => raise_opset(model, least),
        _ => Ok(model),
    }
}

/// The operator set that a graph has to be raised to before all runtimes agree on it.
pub fn least_opset(graph: &GraphProto) -> Option<i64> {
    graph.node.iter().any(is_unsettled).then_some(SETTLED)
}

fn is_unsettled(node: &NodeProto) -> bool {
    let attributes = Attributes(node);
    let set = |name: &str| attributes.int(name, 0).is_ok_and(|value| value != 0);
    let standard = node.domain.is_empty() || node.domain == "ai.onnx";
    (standard && node.op_type == "AveragePool" && set("ceil_mode") && set("count_include_pad"))
        || graphs(node).any(|inner| inner.node.iter().any(is_unsettled))
}
