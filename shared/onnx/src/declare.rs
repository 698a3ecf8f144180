//! Declarations of values: their types and shapes as a graph writes them.

use super::pb::{
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_proto::DataType, tensor_shape_proto,
    type_proto,
};
use super::symbolic::{Dim, Shape};

/// The declaration of a float32 value; `None` leaves the shape open.
#[must_use]
pub fn float_value(name: &str, shape: Option<&[Dim]>) -> ValueInfoProto {
    typed_value(name, DataType::Float, shape)
}

/// The declaration of a value of that element type; `None` leaves the shape open.
#[must_use]
pub fn typed_value(name: &str, kind: DataType, shape: Option<&[Dim]>) -> ValueInfoProto {
    let dims = |shape: &[Dim]| TensorShapeProto {
        dim: shape.iter().map(dimension).collect(),
    };
    let tensor = type_proto::Tensor {
        elem_type: kind as i32,
        shape: shape.map(dims),
    };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value,
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// A dimension as a declaration writes it.
pub(super) fn dimension(dim: &Dim) -> tensor_shape_proto::Dimension {
    use tensor_shape_proto::dimension::Value;
    let value = match dim {
        Dim::Known(size) => Some(Value::DimValue(*size as i64)),
        Dim::Named(formula) => Some(Value::DimParam(formula.to_string())),
        Dim::Unknown => None,
    };
    tensor_shape_proto::Dimension {
        value,
        ..tensor_shape_proto::Dimension::default()
    }
}

/// What a declared value says of its shape; `None` where it says nothing.
#[must_use]
pub fn declared_shape(value: &ValueInfoProto) -> Option<Shape> {
    use tensor_shape_proto::dimension::Value;
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let dims = tensor.shape.as_ref()?.dim.iter().map(|d| match &d.value {
        Some(Value::DimValue(size)) => usize::try_from(*size).map_or(Dim::Unknown, Dim::Known),
        Some(Value::DimParam(name)) if !name.is_empty() => Dim::Named(name.clone().into()),
        _ => Dim::Unknown,
    });
    Some(dims.collect())
}
