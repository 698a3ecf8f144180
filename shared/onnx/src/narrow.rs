//! Weights stored in half precision, to be computed with in single precision: half the file, the same graph.

use std::collections::{HashMap, HashSet};

use half::f16;
use ndarray::ArrayD;

use super::pb::{NodeProto, TensorProto, tensor_proto::DataType};
use super::scope::reads;
use super::{
    AttributeValue, Attributes, GraphBuilder, Model, OnnxError, float_tensor, floats, typed_tensor,
};

/// Tensors with fewer numbers stay as they are: biases and normalizations weigh nothing, and a running variance may be smaller than
/// half precision can say.
const FEW: usize = 1024;

/// What became of a model's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Narrowed {
    /// How many tensors are stored in half precision now.
    pub tensors: usize,
    /// Numbers in them.
    pub elements: usize,
    /// The largest difference between a number and what is stored of it, as a share of the largest number of its tensor.
    pub rounding: f64,
}

/// Stores the float32 initializers of two or more axes with at least 1,024 numbers as float16, to the nearest, and casts them to
/// float32 before they are used. A stored tensor is called like the weight with `/float16` behind; the weight's own name is the cast's.
/// Everything else is as it was: inputs, outputs and all arithmetic.
///
/// # Errors
/// Where a weight is not a finite number or too large for float16 (65,504), or its data do not fit its type.
pub fn narrow_weights(model: Model) -> Result<(Model, Narrowed), OnnxError> {
    let mut done = Narrowed::default();
    let mut builder = GraphBuilder::edit(model);
    let fed: HashSet<String> = (builder.graph().input.iter())
        .map(|input| input.name.clone())
        .collect();
    let mut stored = std::mem::take(&mut builder.graph_mut().initializer);
    let mut casts = vec![];
    for tensor in &mut stored {
        // What the caller may replace by a tensor of its own stays of the type that is declared.
        if !is_large(tensor) || fed.contains(&tensor.name) {
            continue;
        }
        let values = floats(tensor)?;
        done.rounding = done.rounding.max(rounding(&tensor.name, &values)?);
        done.tensors += 1;
        done.elements += values.len();
        let name = builder.fresh(&format!("{}/float16", tensor.name));
        casts.push(cast(&name, &tensor.name));
        if let Some(narrow) = typed_tensor(&name, &values, DataType::Float16) {
            *tensor = narrow;
        }
    }
    let graph = builder.graph_mut();
    graph.initializer = stored;
    graph.node.splice(0..0, casts);
    Ok((builder.finish()?, done))
}

/// Gives weights that [`narrow_weights`] stored their names and type back, with the rounded numbers; the casts go.
///
/// # Errors
/// Where a tensor's data do not fit its type.
pub(super) fn widen_weights(model: Model) -> Result<Model, OnnxError> {
    let graph = model.graph();
    let halves: HashSet<&str> = (graph.initializer.iter())
        .filter(|tensor| tensor.data_type == DataType::Float16 as i32)
        .map(|tensor| &tensor.name[..])
        .collect();
    if halves.is_empty() {
        return Ok(model);
    }
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in graph.node.iter().flat_map(reads) {
        *readers.entry(name).or_default() += 1;
    }
    let ends = graph.input.iter().chain(&graph.output);
    let ends: HashSet<&str> = ends.map(|value| &value.name[..]).collect();
    let wide: HashMap<String, String> = (graph.node.iter())
        .filter(|node| is_widening(node))
        .filter_map(|node| {
            let (from, to) = (&node.input.first()?[..], node.output.first()?);
            let alone = readers.get(from) == Some(&1) && !ends.contains(from);
            (alone && halves.contains(from) && !ends.contains(&to[..]))
                .then(|| (from.to_owned(), to.clone()))
        })
        .collect();
    let mut builder = GraphBuilder::edit(model);
    let graph = builder.graph_mut();
    for tensor in &mut graph.initializer {
        if let Some(name) = wide.get(&tensor.name) {
            *tensor = float_tensor(name, &floats(tensor)?);
        }
    }
    graph.node.retain(|node| {
        let from = node.input.first();
        !(is_widening(node) && from.is_some_and(|from| wide.contains_key(from)))
    });
    builder.finish()
}

fn is_widening(node: &NodeProto) -> bool {
    node.op_type == "Cast" && Attributes(node).int("to", 0).ok() == Some(DataType::Float as i64)
}

fn is_large(tensor: &TensorProto) -> bool {
    let elements = tensor.dims.iter().try_fold(1_usize, |product, &side| {
        product.checked_mul(usize::try_from(side).ok()?)
    });
    tensor.data_type == DataType::Float as i32
        && tensor.dims.len() > 1
        && elements.is_some_and(|elements| elements >= FEW)
}

/// The largest difference between a number and its nearest float16, as a share of the largest number.
fn rounding(name: &str, values: &ArrayD<f32>) -> Result<f64, OnnxError> {
    let refused = |why: &str| OnnxError::Tensor {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    let (mut furthest, mut largest) = (0.0_f32, 0.0_f32);
    for &value in values {
        if !value.is_finite() {
            return Err(refused("it holds values that are not finite numbers"));
        }
        let nearest = f16::from_f32(value).to_f32();
        if !nearest.is_finite() {
            return Err(refused("it holds numbers beyond 65,504, float16's largest"));
        }
        furthest = furthest.max((value - nearest).abs());
        largest = largest.max(value.abs());
    }
    if largest == 0.0 {
        return Ok(0.0);
    }
    Ok(f64::from(furthest) / f64::from(largest))
}

fn cast(from: &str, to: &str) -> NodeProto {
    NodeProto {
        name: format!("{from}/cast"),
        op_type: "Cast".to_owned(),
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        attribute: vec![AttributeValue::Int(DataType::Float as i64).named("to")],
        ..NodeProto::default()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr1};

    use super::*;
    use crate::{Dim, single_precision};

    /// `y = x · w + b` with `w` of 32 × 32 numbers.
    fn linear(weight: impl Fn(usize) -> f32) -> Model {
        let mut graph = GraphBuilder::new("linear");
        graph.input("x", &[Dim::Known(1), Dim::Known(32)]);
        let weight = Array2::from_shape_fn((32, 32), |(row, column)| weight(32 * row + column));
        graph.floats("w", &weight.into_dyn());
        graph.floats("b", &arr1(&[1e-7; 32]).into_dyn());
        graph.node("MatMul", "product", &["x", "w"], []);
        graph.node("Add", "y", &["product", "b"], []);
        graph.output("y", None);
        graph.finish().unwrap()
    }

    #[test]
    fn large_weights_take_half_the_bytes_and_small_ones_keep_their_numbers() {
        let model = linear(|index| (index as f32 + 0.1) / 1024.0);
        let before = model.encoded_len();
        let (narrow, done) = narrow_weights(model.clone()).unwrap();
        assert_eq!((done.tensors, done.elements), (1, 1024));
        // Half a unit in the last place of 11 bits, of numbers up to 1.
        assert!(
            done.rounding > 0.0 && done.rounding <= 2.0_f64.powi(-12),
            "{done:?}"
        );
        assert!(narrow.encoded_len() < before - 1900);
        let stored = narrow.initializer("w/float16").unwrap();
        assert_eq!(stored.data_type, DataType::Float16 as i32);
        assert_eq!(narrow.initializer("b"), model.initializer("b"));
        let wide = single_precision(narrow).unwrap();
        assert_eq!(wide.graph().node, model.graph().node, "the casts are gone");
        let (ours, theirs) = (
            wide.initializer("w").unwrap(),
            model.initializer("w").unwrap(),
        );
        let nearest = floats(theirs).unwrap().mapv(|v| f16::from_f32(v).to_f32());
        assert_eq!(floats(ours).unwrap(), nearest);
    }

    #[test]
    fn what_half_precision_cannot_say_is_refused() {
        for (value, word) in [
            (1e5, "65,504"),
            (f32::NAN, "finite"),
            (f32::INFINITY, "finite"),
        ] {
            let error = narrow_weights(linear(|index| if index == 7 { value } else { 0.5 }));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(word) && error.contains('w'), "{error}");
        }
    }

    #[test]
    fn a_narrow_model_stays_as_it_is() {
        let (narrow, _) = narrow_weights(linear(|_| 0.0)).unwrap();
        let (again, done) = narrow_weights(narrow.clone()).unwrap();
        assert_eq!((again, done), (narrow, Narrowed::default()));
    }
}
