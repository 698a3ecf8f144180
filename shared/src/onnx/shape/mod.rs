//! Shape inference: what is known of every value's shape before the graph runs.
//!
//! A dimension may be a number, a name (`N`, the batch) or unknown. An operator without a rule leaves its outputs
//! unknown, which is no error here: whoever needs the shape says so.

mod rules;
mod window;

use std::collections::HashMap;

use super::build::declared_shape;
use super::pb::NodeProto;
use super::{Attributes, Model, OnnxError, ints, tensor_shape};
pub use window::{Window, window};

/// One dimension of a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A number of elements.
    Known(usize),
    /// The same number wherever this name stands, such as the batch size `N`.
    Named(String),
    /// Anything.
    Unknown,
}

impl Dim {
    /// The size, where it is a number.
    #[must_use]
    pub fn known(&self) -> Option<usize> {
        match self {
            Self::Known(size) => Some(*size),
            _ => None,
        }
    }
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// The dimensions of a value, outermost first.
pub type Shape = Vec<Dim>;

/// The shapes of a graph's values, and the small integer constants that shapes are computed from.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    shapes: HashMap<String, Shape>,
    constants: HashMap<String, Vec<i64>>,
}

impl Shapes {
    /// The shape of a value, where its rank is known.
    #[must_use]
    pub fn get(&self, value: &str) -> Option<&Shape> {
        self.shapes.get(value)
    }

    /// The shape of a value, where every dimension is a number.
    #[must_use]
    pub fn numbers(&self, value: &str) -> Option<Vec<usize>> {
        self.get(value)?.iter().map(Dim::known).collect()
    }

    /// The integers that a value holds whatever the input, such as the axes of a reduction.
    #[must_use]
    pub fn constant(&self, value: &str) -> Option<&[i64]> {
        self.constants.get(value).map(|c| &c[..])
    }

    /// The shape of a node's `index`-th input.
    fn input(&self, node: &NodeProto, index: usize) -> Option<&Shape> {
        self.get(node.input.get(index)?)
    }

    /// The integer constant in a node's `index`-th input.
    fn constant_input(&self, node: &NodeProto, index: usize) -> Option<&[i64]> {
        self.constant(node.input.get(index)?)
    }
}

/// Constants longer than this are weights, not arithmetic on shapes.
const LONGEST_CONSTANT: usize = 64;

/// Infers the shapes of a model's values from those of its inputs and weights.
///
/// # Errors
/// [`OnnxError::Node`] where a node's inputs cannot fit together.
pub fn infer_shapes(model: &Model) -> Result<Shapes, OnnxError> {
    let graph = model.graph();
    let mut known = Shapes::default();
    for value in graph.value_info.iter().chain(&graph.input) {
        if let Some(shape) = declared_shape(value) {
            known.shapes.insert(value.name.clone(), shape);
        }
    }
    for tensor in &graph.initializer {
        learn_tensor(&mut known, &tensor.name, tensor)?;
    }
    for node in &graph.node {
        if node.op_type == "Constant" {
            learn_constant(&mut known, node)?;
            continue;
        }
        let shapes = rules::infer(node, &known, model.opset())?;
        for (output, shape) in node.output.iter().zip(shapes) {
            if let Some(shape) = shape {
                known.shapes.insert(output.clone(), shape);
            }
        }
    }
    Ok(known)
}

fn learn_tensor(
    known: &mut Shapes,
    name: &str,
    tensor: &super::pb::TensorProto,
) -> Result<(), OnnxError> {
    let shape = tensor_shape(tensor)?;
    if shape.iter().product::<usize>() <= LONGEST_CONSTANT
        && let Ok(values) = ints(tensor)
    {
        known
            .constants
            .insert(name.to_owned(), values.into_iter().collect());
    }
    known
        .shapes
        .insert(name.to_owned(), shape.into_iter().map(Dim::Known).collect());
    Ok(())
}

fn learn_constant(known: &mut Shapes, node: &NodeProto) -> Result<(), OnnxError> {
    let Some(output) = node.output.first() else {
        return Ok(());
    };
    let attributes = Attributes(node);
    if let Some(tensor) = attributes.tensor("value")? {
        return learn_tensor(known, output, tensor);
    }
    let shape = if let Some(values) = attributes.ints("value_ints")? {
        known.constants.insert(output.clone(), values.to_vec());
        vec![Dim::Known(values.len())]
    } else if attributes.has("value_int") {
        known
            .constants
            .insert(output.clone(), vec![attributes.int("value_int", 0)?]);
        vec![]
    } else if attributes.has("value_float") {
        vec![]
    } else {
        return Ok(());
    };
    known.shapes.insert(output.clone(), shape);
    Ok(())
}

/// The shape of an element-wise operation on two values, by ONNX's multidirectional broadcasting
/// (<https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md>); `None` where two sizes do not fit.
#[must_use]
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let at = |shape: &[Dim], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own].clone(),
        None => Dim::Known(1),
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (Dim::Known(1), other) | (other, Dim::Known(1)) => Some(other),
            (Dim::Known(x), Dim::Known(y)) => (x == y).then_some(Dim::Known(x)),
            // A size other than one settles what the other side must be.
            (Dim::Known(x), _) | (_, Dim::Known(x)) => Some(Dim::Known(x)),
            (x, y) => Some(if x == y { x } else { Dim::Unknown }),
        })
        .collect()
}
