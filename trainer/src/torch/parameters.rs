//! Which initializers a training changes.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use pellucid_shared::onnx::pb::{GraphProto, tensor_proto::DataType};
use pellucid_shared::onnx::{floats, ints};
use tch::{Device, Kind, Tensor};

use super::arrays::to_tensor;

/// The inputs of an operator that hold learnt weights; everything else that is stored is a constant, such as the mean
/// that an image is normalized with.
fn learnt_inputs(op: &str) -> &'static [usize] {
    match op {
        "Conv" | "Gemm" | "BatchNormalization" => &[1, 2],
        "MatMul" => &[1],
        _ => &[],
    }
}

/// The names of the float initializers that are learnt.
pub(super) fn learnt(graph: &GraphProto) -> HashSet<String> {
    graph
        .node
        .iter()
        .flat_map(|node| {
            learnt_inputs(&node.op_type)
                .iter()
                .filter_map(|&index| node.input.get(index))
        })
        .cloned()
        .collect()
}

/// The running statistics, which training updates without a gradient.
pub(super) fn running_statistics(graph: &GraphProto) -> HashSet<String> {
    let normalizations = graph
        .node
        .iter()
        .filter(|node| node.op_type == "BatchNormalization");
    normalizations
        .flat_map(|node| node.input.iter().skip(3))
        .cloned()
        .collect()
}

/// Every initializer as a tensor on the device; floating-point ones in `kind`.
pub(super) fn load(
    graph: &GraphProto,
    device: Device,
    kind: Kind,
) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    for proto in &graph.initializer {
        tensors.insert(proto.name.clone(), load_one(proto, kind)?.to_device(device));
    }
    Ok(tensors)
}

pub(super) fn load_one(
    proto: &pellucid_shared::onnx::pb::TensorProto,
    kind: Kind,
) -> Result<Tensor> {
    Ok(match DataType::try_from(proto.data_type) {
        Ok(DataType::Float | DataType::Double) => to_tensor(&floats(proto)?)?.to_kind(kind),
        _ => to_tensor(&ints(proto)?)?,
    })
}
