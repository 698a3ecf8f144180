//! Weights that are no numbers: what a training leaves that diverged, or a damaged file.

use std::collections::HashSet;

use super::pb::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType};
use super::scope::graphs;
use super::{Model, OnnxError};

/// Operators that multiply with what they read behind their first input, or add it: infinity there makes NaN.
const WEIGHING: &[&str] = &[
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "Einsum",
    "GRU",
    "Gemm",
    "GroupNormalization",
    "InstanceNormalization",
    "LSTM",
    "LayerNormalization",
    "MatMul",
    "PRelu",
    "RNN",
];

/// Refuses a model that is to be run and has NaN among its weights, or infinity among those that it multiplies with. Masks of
/// attention and bounds of `Clip` may be infinite.
///
/// # Errors
/// [`OnnxError::NotNumbers`] with the name of the first such tensor.
pub fn require_finite(model: &Model) -> Result<(), OnnxError> {
    require(model.graph())
}

fn require(graph: &GraphProto) -> Result<(), OnnxError> {
    let weights: HashSet<&str> = graph
        .node
        .iter()
        .filter(|node| WEIGHING.contains(&&node.op_type[..]))
        .flat_map(|node| &node.input)
        .map(|name| &name[..])
        .collect();
    for tensor in &graph.initializer {
        judge(tensor, &tensor.name, weights.contains(&tensor.name[..]))?;
    }
    for node in &graph.node {
        for tensor in held(node) {
            let name = node.output.first().map_or("", |name| &name[..]);
            judge(tensor, name, weights.contains(name))?;
        }
        graphs(node).try_for_each(require)?;
    }
    Ok(())
}

/// What a `Constant` holds.
fn held(node: &NodeProto) -> impl Iterator<Item = &TensorProto> {
    let constant = node.op_type == "Constant";
    let attributes = node.attribute.iter().filter(move |_| constant);
    attributes.filter_map(|attribute| attribute.t.as_ref())
}

fn judge(tensor: &TensorProto, name: &str, weighs: bool) -> Result<(), OnnxError> {
    let census = Census::of(tensor);
    // A single NaN that nothing multiplies with may be a value for `Where`; activations are watched anyhow.
    let single = census.elements <= 1 && !weighs;
    let bad = match (weighs, single) {
        (true, _) => census.nan + census.infinite,
        (false, false) => census.nan,
        (false, true) => 0,
    };
    if bad == 0 {
        return Ok(());
    }
    Err(OnnxError::NotNumbers {
        name: name.to_owned(),
        bad,
        elements: census.elements,
    })
}

/// How many elements of a tensor are no numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Census {
    elements: usize,
    nan: usize,
    infinite: usize,
}

impl Census {
    fn of(tensor: &TensorProto) -> Self {
        let raw = &tensor.raw_data[..];
        match DataType::try_from(tensor.data_type) {
            Ok(DataType::Float) if raw.is_empty() => {
                Self::count::<23>(0xff, tensor.float_data.iter().map(|v| v.to_bits().into()))
            }
            Ok(DataType::Float) => {
                let bits = raw.as_chunks().0.iter();
                Self::count::<23>(0xff, bits.map(|&b| u32::from_le_bytes(b).into()))
            }
            Ok(DataType::Double) if raw.is_empty() => {
                Self::count::<52>(0x7ff, tensor.double_data.iter().map(|v| v.to_bits()))
            }
            Ok(DataType::Double) => {
                let bits = raw.as_chunks().0.iter();
                Self::count::<52>(0x7ff, bits.map(|&b| u64::from_le_bytes(b)))
            }
            Ok(DataType::Float16) => Self::count::<10>(0x1f, halves(tensor)),
            Ok(DataType::Bfloat16) => Self::count::<7>(0xff, halves(tensor)),
            _ => Self::default(),
        }
    }

    /// Counts floats by their bits: an exponent with all bits set, behind it `MANTISSA` bits that are zero for infinity.
    fn count<const MANTISSA: u32>(exponent: u64, bits: impl Iterator<Item = u64>) -> Self {
        let infinity = exponent << MANTISSA;
        let magnitude = infinity | (infinity - 1) | ((1 << MANTISSA) - 1);
        let mut census = Self::default();
        for bits in bits {
            census.elements += 1;
            census.nan += usize::from(bits & magnitude > infinity);
            census.infinite += usize::from(bits & magnitude == infinity);
        }
        census
    }
}

/// The bits of a tensor of two bytes per element.
fn halves(tensor: &TensorProto) -> Box<dyn Iterator<Item = u64> + '_> {
    if tensor.raw_data.is_empty() {
        return Box::new(tensor.int32_data.iter().map(|&v| u64::from(v as u16)));
    }
    let bits = tensor.raw_data.as_chunks().0.iter();
    Box::new(bits.map(|&b| u16::from_le_bytes(b).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dim, GraphBuilder};

    fn census(kind: DataType, raw_data: Vec<u8>) -> [usize; 3] {
        let tensor = TensorProto {
            data_type: kind as i32,
            raw_data,
            ..TensorProto::default()
        };
        let Census {
            elements,
            nan,
            infinite,
        } = Census::of(&tensor);
        [elements, nan, infinite]
    }

    #[test]
    fn every_floating_type_is_counted_by_its_bits() {
        let values = [
            1.5f32,
            f32::NAN,
            -f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            0.0,
        ];
        let singles = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(census(DataType::Float, singles), [7, 2, 2]);
        let doubles = values.iter().flat_map(|&v| f64::from(v).to_le_bytes());
        assert_eq!(census(DataType::Double, doubles.collect()), [7, 2, 2]);
        // IEEE 754: 1.5, NaN, infinity, the largest number, zero; bfloat16 is the upper half of a float32.
        let halves = [0x3e00u16, 0x7e01, 0xfc00, 0x7bff, 0];
        let halves = halves.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(census(DataType::Float16, halves), [5, 1, 1]);
        let brains = values
            .iter()
            .flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes());
        assert_eq!(census(DataType::Bfloat16, brains.collect())[0], 7);
        assert_eq!(census(DataType::Int64, vec![0xff; 8]), [0, 0, 0]);
    }

    /// `x · w` and a mask that is added.
    fn model(weight: f32, mask: f32) -> Model {
        let mut graph = GraphBuilder::new("test");
        graph.input("x", &[1, 2].map(Dim::Known));
        graph.floats("w", &ndarray::arr2(&[[1.0, weight], [0.0, 2.0]]).into_dyn());
        graph.floats("mask", &ndarray::arr1(&[0.0, mask]).into_dyn());
        graph.node("MatMul", "product", &["x", "w"], []);
        graph.node("Add", "y", &["product", "mask"], []);
        graph.output("y", None);
        graph.finish().unwrap()
    }

    #[test]
    fn weights_must_be_finite_and_masks_must_not() {
        assert!(require_finite(&model(3.0, f32::NEG_INFINITY)).is_ok());
        for (bad, name) in [
            (model(f32::NAN, 0.0), "`w`"),
            (model(f32::INFINITY, 0.0), "`w`"),
            (model(1.0, f32::NAN), "`mask`"),
        ] {
            let error = require_finite(&bad).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("1 of"), "{error}");
        }
    }
}
