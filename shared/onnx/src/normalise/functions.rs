//! Functions of the model's own that carry a name of the standard domain. Runtimes never call them: the standard operator of
//! that name stands for itself, and where there is none the model is refused.

use super::super::pb::ModelProto;

/// Removes functions of the standard domain.
pub(super) fn drop_what_is_never_called(proto: &mut ModelProto) {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    proto
        .functions
        .retain(|function| !standard(&function.domain));
}
