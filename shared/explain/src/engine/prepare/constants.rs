//! `ConstantOfShape` without a value means zeros in float32; tract takes them for float64.

use onnx_edit::pb::{
    AttributeProto, GraphProto, TensorProto, attribute_proto::AttributeType, tensor_proto::DataType,
};

/// Writes the value that is meant.
pub(super) fn spell_out(graph: &mut GraphProto) {
    for node in &mut graph.node {
        if node.op_type == "ConstantOfShape" && node.attribute.is_empty() {
            node.attribute.push(AttributeProto {
                name: "value".into(),
                r#type: AttributeType::Tensor as i32,
                t: Some(TensorProto {
                    dims: vec![1],
                    data_type: DataType::Float as i32,
                    float_data: vec![0.0],
                    ..TensorProto::default()
                }),
                ..AttributeProto::default()
            });
        }
        for inner in node.attribute.iter_mut().filter_map(|a| a.g.as_mut()) {
            spell_out(inner);
        }
    }
}
