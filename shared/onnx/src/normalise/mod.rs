//! What model files get wrong and runtimes forgive: put right once, when a model is read. One rule a file.
//!
//! What is left as it is here is judged by [`check`](super::check) afterwards, so that no rule has to complain.

mod declared;
mod diagonal;
mod functions;
mod imports;
mod names;
mod order;
mod pooling;
#[cfg(test)]
mod tests;

use super::pb::ModelProto;
use super::{Model, OnnxError};
pub(super) use declared::drop_stale;
pub use declared::require_true_declarations;
pub use pooling::least_opset;

/// The checked model of a file, normalised.
///
/// # Errors
/// As [`Model::from_proto`], and [`OnnxError::Node`] where an operator set that has to be raised cannot be.
pub(super) fn normalised(mut proto: ModelProto) -> Result<Model, OnnxError> {
    imports::one_version_each(&mut proto);
    functions::drop_what_is_never_called(&mut proto);
    if let Some(graph) = &mut proto.graph {
        order::sort(graph);
        names::make_unique(graph);
        diagonal::within_reach(graph);
    }
    let model = Model::from_proto(proto)?;
    let (opset, mut proto) = (model.opset(), model.into_proto());
    if let Some(graph) = &mut proto.graph {
        drop_stale(graph, opset);
    }
    pooling::raised(Model::from_proto(proto)?)
}
