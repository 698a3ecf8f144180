use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};

use super::OnnxError;
use super::pb::{TensorProto, tensor_proto::DataLocation, tensor_proto::DataType};

fn error(tensor: &TensorProto, why: impl Into<String>) -> OnnxError {
    OnnxError::Tensor {
        name: tensor.name.clone(),
        why: why.into(),
    }
}

/// A tensor's shape.
///
/// # Errors
/// Where a dimension is negative, or the number of elements is beyond what memory could address.
pub fn tensor_shape(tensor: &TensorProto) -> Result<Vec<usize>, OnnxError> {
    let shape = tensor
        .dims
        .iter()
        .map(|&d| {
            usize::try_from(d).map_err(|_| error(tensor, format!("dimension {d} is negative")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    shape
        .iter()
        .try_fold(8usize, |bytes, &d| bytes.checked_mul(d))
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .ok_or_else(|| error(tensor, format!("shape {shape:?} is too large")))?;
    Ok(shape)
}

/// Bytes an element takes in `raw_data`, or `None` for types that are packed, textual or unknown.
fn element_size(kind: DataType) -> Option<usize> {
    Some(match kind {
        DataType::Bool | DataType::Int8 | DataType::Uint8 => 1,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        _ => return None,
    })
}

/// Bytes that a tensor of its type and shape takes as raw data.
///
/// # Errors
/// Where the type has no raw form here, or the shape makes no sense.
pub(super) fn byte_length(tensor: &TensorProto) -> Result<usize, OnnxError> {
    let elements: usize = tensor_shape(tensor)?.iter().product();
    let size = DataType::try_from(tensor.data_type)
        .ok()
        .and_then(element_size);
    let size = size.ok_or_else(|| {
        let kind = tensor.data_type;
        error(
            tensor,
            format!("element type {kind} is not supported in a file of its own"),
        )
    })?;
    Ok(elements * size)
}

/// Checks that a tensor lies in this file and holds as many elements as its shape says, without copying them.
pub(super) fn check_tensor(tensor: &TensorProto) -> Result<(), OnnxError> {
    if tensor.data_location == DataLocation::External as i32 || !tensor.external_data.is_empty() {
        return Err(OnnxError::External(tensor.name.clone()));
    }
    let elements: usize = tensor_shape(tensor)?.iter().product();
    let kind = DataType::try_from(tensor.data_type).map_err(|_| {
        error(
            tensor,
            format!("element type {} is unknown", tensor.data_type),
        )
    })?;
    if kind == DataType::String {
        return if tensor.string_data.len() == elements {
            Ok(())
        } else {
            Err(error(tensor, "strings are missing"))
        };
    }
    let size = element_size(kind).ok_or_else(|| {
        error(
            tensor,
            format!("element type {} is not supported", kind.as_str_name()),
        )
    })?;
    let held = if tensor.raw_data.is_empty() {
        match kind {
            DataType::Float => tensor.float_data.len(),
            DataType::Double => tensor.double_data.len(),
            DataType::Int64 => tensor.int64_data.len(),
            DataType::Uint32 | DataType::Uint64 => tensor.uint64_data.len(),
            _ => tensor.int32_data.len(),
        }
    } else if tensor.raw_data.len().is_multiple_of(size) {
        tensor.raw_data.len() / size
    } else {
        return Err(error(tensor, "its data end within an element"));
    };
    if held == elements {
        Ok(())
    } else {
        Err(error(
            tensor,
            format!(
                "its shape {:?} has {elements} elements, its data {held}",
                tensor.dims
            ),
        ))
    }
}

fn array<T>(tensor: &TensorProto, values: Vec<T>) -> Result<ArrayD<T>, OnnxError> {
    ArrayD::from_shape_vec(IxDyn(&tensor_shape(tensor)?), values)
        .map_err(|e| error(tensor, e.to_string()))
}

fn raw<const N: usize, T>(tensor: &TensorProto, from: fn([u8; N]) -> T) -> Vec<T> {
    tensor
        .raw_data
        .as_chunks::<N>()
        .0
        .iter()
        .map(|bytes| from(*bytes))
        .collect()
}

/// The values of a tensor of floating-point numbers, as float32.
///
/// # Errors
/// Where the element type is another.
pub fn floats(tensor: &TensorProto) -> Result<ArrayD<f32>, OnnxError> {
    let values = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) if tensor.raw_data.is_empty() => tensor.float_data.clone(),
        Ok(DataType::Float) => raw(tensor, f32::from_le_bytes),
        Ok(DataType::Double) if tensor.raw_data.is_empty() => {
            tensor.double_data.iter().map(|&v| v as f32).collect()
        }
        Ok(DataType::Double) => raw(tensor, f64::from_le_bytes)
            .into_iter()
            .map(|v| v as f32)
            .collect(),
        Ok(DataType::Float16) => halves(tensor, |bits| f16::from_bits(bits).to_f32()),
        Ok(DataType::Bfloat16) => halves(tensor, |bits| bf16::from_bits(bits).to_f32()),
        _ => return Err(error(tensor, "its elements are not floating-point numbers")),
    };
    array(tensor, values)
}

/// The elements of a tensor of two bytes per element, which may stand in integers.
fn halves(tensor: &TensorProto, from: fn(u16) -> f32) -> Vec<f32> {
    if tensor.raw_data.is_empty() {
        return tensor.int32_data.iter().map(|&v| from(v as u16)).collect();
    }
    let bits = raw(tensor, u16::from_le_bytes);
    bits.into_iter().map(from).collect()
}

/// The values of an int64 or int32 tensor, as int64.
///
/// # Errors
/// Where the element type is another.
pub fn ints(tensor: &TensorProto) -> Result<ArrayD<i64>, OnnxError> {
    let values = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Int64) if tensor.raw_data.is_empty() => tensor.int64_data.clone(),
        Ok(DataType::Int64) => raw(tensor, i64::from_le_bytes),
        Ok(DataType::Int32) if tensor.raw_data.is_empty() => {
            tensor.int32_data.iter().map(|&v| v.into()).collect()
        }
        Ok(DataType::Int32) => raw(tensor, i32::from_le_bytes)
            .into_iter()
            .map(Into::into)
            .collect(),
        _ => return Err(error(tensor, "its elements are not int64 or int32")),
    };
    array(tensor, values)
}

/// The values of a tensor of booleans, as 0 and 1.
///
/// # Errors
/// Where the element type is another.
pub fn booleans(tensor: &TensorProto) -> Result<ArrayD<i64>, OnnxError> {
    if tensor.data_type != DataType::Bool as i32 {
        return Err(error(tensor, "its elements are not booleans"));
    }
    let values = if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|&v| (v != 0).into()).collect()
    } else {
        tensor.raw_data.iter().map(|&v| (v != 0).into()).collect()
    };
    array(tensor, values)
}

/// A float32 tensor of that name.
#[must_use]
pub fn float_tensor(name: &str, values: &ArrayD<f32>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: values.shape().iter().map(|&d| d as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: little_endian(values.iter()),
        ..TensorProto::default()
    }
}

/// A tensor of that name and floating-point type, the numbers rounded to it; `None` for types of other numbers.
#[must_use]
pub fn typed_tensor(name: &str, values: &ArrayD<f32>, kind: DataType) -> Option<TensorProto> {
    let raw_data = match kind {
        DataType::Float => return Some(float_tensor(name, values)),
        DataType::Double => bytes(values, |v| f64::from(v).to_le_bytes()),
        DataType::Float16 => bytes(values, |v| f16::from_f32(v).to_le_bytes()),
        DataType::Bfloat16 => bytes(values, |v| bf16::from_f32(v).to_le_bytes()),
        _ => return None,
    };
    Some(TensorProto {
        name: name.to_owned(),
        dims: values.shape().iter().map(|&d| d as i64).collect(),
        data_type: kind as i32,
        raw_data,
        ..TensorProto::default()
    })
}

fn bytes<const N: usize>(values: &ArrayD<f32>, to: fn(f32) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to(value)).collect()
}

/// The bytes of `raw_data`. A copy per element, not per byte: tables of millions are made here.
fn little_endian<'a>(values: impl ExactSizeIterator<Item = &'a f32>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * size_of::<f32>());
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// An int64 tensor of one dimension.
#[must_use]
pub fn int_tensor(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// Replaces the values of a float32 tensor; its name and shape stay.
///
/// # Errors
/// Where the tensor is not float32 or `values` are not as many as its shape says.
pub fn set_floats(tensor: &mut TensorProto, values: &[f32]) -> Result<(), OnnxError> {
    if tensor.data_type != DataType::Float as i32 {
        return Err(error(tensor, "only float32 tensors can be written back"));
    }
    let elements: usize = tensor_shape(tensor)?.iter().product();
    if elements != values.len() {
        return Err(error(
            tensor,
            format!(
                "it has {elements} elements, but {} values were given",
                values.len()
            ),
        ));
    }
    tensor.float_data = Vec::new();
    tensor.raw_data = little_endian(values.iter());
    Ok(())
}
