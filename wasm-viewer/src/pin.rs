//! Fixing the shape of a model's input.

use pellucid_shared::onnx::pb::{TensorShapeProto, tensor_shape_proto, type_proto};
use pellucid_shared::onnx::{Model, OnnxError};

/// Declares the input to be of this shape: some gradient rules need sizes that exporters leave open.
///
/// # Errors
/// Where the graph does not stand the edit; it has passed the same checks before.
pub(crate) fn pin_input(model: Model, input: &str, shape: [usize; 4]) -> Result<Model, OnnxError> {
    let mut proto = model.into_proto();
    let inputs = proto.graph.iter_mut().flat_map(|graph| &mut graph.input);
    for value in inputs.filter(|value| value.name == input) {
        let kind = value.r#type.as_mut().and_then(|t| t.value.as_mut());
        if let Some(type_proto::Value::TensorType(tensor)) = kind {
            let dim = shape.map(dimension).to_vec();
            tensor.shape = Some(TensorShapeProto { dim });
        }
    }
    Model::from_proto(proto)
}

fn dimension(size: usize) -> tensor_shape_proto::Dimension {
    let value = tensor_shape_proto::dimension::Value::DimValue(size as i64);
    tensor_shape_proto::Dimension {
        value: Some(value),
        ..tensor_shape_proto::Dimension::default()
    }
}
