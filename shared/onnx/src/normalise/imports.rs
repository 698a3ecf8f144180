//! A domain that is imported in two versions. ONNX Runtime takes the last; the specification forbids it.

use super::super::pb::ModelProto;

/// Keeps the last version of each domain; `ai.onnx` is another name of the standard domain.
pub(super) fn one_version_each(proto: &mut ModelProto) {
    let mut kept: Vec<_> = Vec::with_capacity(proto.opset_import.len());
    for set in std::mem::take(&mut proto.opset_import).into_iter().rev() {
        let standard = set.domain.is_empty() || set.domain == "ai.onnx";
        let known = |other: &super::super::pb::OperatorSetIdProto| match standard {
            true => other.domain.is_empty() || other.domain == "ai.onnx",
            false => other.domain == set.domain,
        };
        if !kept.iter().any(known) {
            kept.push(set);
        }
    }
    kept.reverse();
    proto.opset_import = kept;
}
