//! Shape inference: what is known of every value's shape before the graph runs, and of the integers that shapes are
//! computed from.
//!
//! A dimension may be a number, a name (`N`, the batch) or unknown. Shapes that a graph computes (`Shape`, `Gather`,
//! `Mul`, `Concat`, `Reshape`) are followed entry by entry, so that a batch stays named on its way through them. An
//! operator without a rule leaves its outputs unknown, which is no error here: whoever needs the shape says so.

mod convolution;
mod create;
mod elementwise;
mod equation;
mod flags;
mod fold;
mod footprint;
mod given;
mod indexing;
mod join;
mod product;
mod reduction;
mod reshape;
mod resize;
mod rules;
mod site;
mod slice;
mod value;
mod window;

use std::collections::HashMap;

use ndarray::ArrayD;

use super::declare::declared_shape;
use super::formula::Formula;
use super::pb::{GraphProto, NodeProto, TensorProto};
use super::symbolic::{self, Dim, Entry, Shape, broadcast};
use super::tensor::booleans;
use super::{Attributes, Budget, Cost, Model, OnnxError, floats, ints, tensor_shape};
pub use equation::Equation;
pub use footprint::Footprint;
pub use given::{Given, Pads, axis, pads, reduced_axes};
pub use rules::has_shape_rule;
use site::Site;
pub use slice::{Cut, Positions, cuts};
use value::{Small, is_small};
pub use window::{Window, window};

/// Shapes with more axes than this are not followed: no operator needs them, and they could be made to cost memory.
const MOST_AXES: usize = 64;

/// The shapes of a graph's values, and the small constants that shapes are computed from.
#[derive(Clone, Debug)]
pub struct Shapes {
    shapes: HashMap<String, Shape>,
    values: HashMap<String, Small>,
    /// The integers among `values` of which every one is a number, in row-major order.
    numbers: HashMap<String, Vec<i64>>,
    /// What all of these may still take.
    budget: Budget,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            shapes: HashMap::new(),
            values: HashMap::new(),
            numbers: HashMap::new(),
            budget: Budget::SHAPES,
        }
    }
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

    /// The integers (or booleans, as 0 and 1) that a value holds whatever the input, such as the axes of a reduction,
    /// in row-major order. Only of values with few elements.
    #[must_use]
    pub fn constant(&self, value: &str) -> Option<&[i64]> {
        self.numbers.get(value).map(|c| &c[..])
    }

    /// As [`Shapes::constant`], where some entries are open dimensions or unknown.
    #[must_use]
    pub fn entries(&self, value: &str) -> Option<Vec<Entry>> {
        let entries = self.values.get(value)?.ints()?;
        Some(entries.iter().cloned().collect())
    }

    /// The floats that a value holds whatever the input, such as the bounds of a `Clip` or the scales of a `Resize`, in
    /// row-major order. Only of values with few elements.
    #[must_use]
    pub fn floats(&self, value: &str) -> Option<Vec<f32>> {
        self.values.get(value)?.floats()?.iter().copied().collect()
    }

    /// `None` where that takes too much memory.
    #[must_use]
    fn learn_shape(&mut self, value: &str, shape: Shape) -> Option<()> {
        if !value.is_empty() && shape.len() <= MOST_AXES {
            let bytes = value.len() + symbolic::bytes(&shape);
            self.budget.take(Cost::of_bytes(bytes))?;
            self.shapes.insert(value.to_owned(), shape);
        }
        Some(())
    }

    /// Keeps a shape of numbers, such as that of a run's input.
    fn learn_numbers(&mut self, value: &str, shape: &[usize]) -> Result<(), OnnxError> {
        let shape = shape.iter().copied().map(Dim::Known).collect();
        self.learn_shape(value, shape).ok_or_else(too_large)
    }

    /// Keeps a small value, whose own shape is then the value's shape; `None` where that takes too much memory.
    #[must_use]
    fn learn_value(&mut self, value: &str, small: Small) -> Option<()> {
        if value.is_empty() || !is_small(small.shape()) {
            return Some(());
        }
        let shape = small.shape().iter().map(|&d| Dim::Known(d)).collect();
        self.learn_shape(value, shape)?;
        self.budget.take(Cost::of_bytes(small.bytes()))?;
        if let Small::Ints(entries) = &small
            && let Some(numbers) = entries.iter().map(Entry::known).collect()
        {
            self.numbers.insert(value.to_owned(), numbers);
        }
        self.values.insert(value.to_owned(), small);
        Some(())
    }

    pub(super) fn learn_tensor(
        &mut self,
        name: &str,
        tensor: &TensorProto,
    ) -> Result<(), OnnxError> {
        let shape = tensor_shape(tensor)?;
        if is_small(&shape)
            && let Some(small) = small_tensor(tensor)
        {
            self.learn_value(name, small).ok_or_else(too_large)?;
        }
        self.learn_numbers(name, &shape)
    }
}

/// Infers the shapes of a model's values from those of its inputs and weights.
///
/// # Errors
/// [`OnnxError::Node`] where a node's inputs cannot fit together, or where its attributes make no sense.
pub fn infer_shapes(model: &Model) -> Result<Shapes, OnnxError> {
    infer_graph(model.graph(), model.opset())
}

/// As [`infer_shapes`], for inputs of these shapes, whatever the model declares of them.
///
/// # Errors
/// As [`infer_shapes`].
pub fn infer_shapes_for(model: &Model, inputs: &[(&str, &[usize])]) -> Result<Shapes, OnnxError> {
    let graph = model.graph();
    let mut known = given(graph)?;
    for (name, shape) in inputs {
        known.learn_numbers(name, shape)?;
    }
    // What the file declares of inner values may be for another shape.
    for node in &graph.node {
        infer_node(node, &mut known, model.opset(), &HashMap::new())?;
    }
    Ok(known)
}

/// As [`infer_shapes`], for a graph that is being edited.
pub(super) fn infer_graph(graph: &GraphProto, opset: i64) -> Result<Shapes, OnnxError> {
    let mut known = given(graph)?;
    let declared: HashMap<&str, Shape> = graph
        .value_info
        .iter()
        .filter_map(|value| Some((&value.name[..], declared_shape(value)?)))
        .collect();
    for node in &graph.node {
        infer_node(node, &mut known, opset, &declared)?;
    }
    Ok(known)
}

/// What a graph's inputs and weights say, before any node is looked at.
pub(super) fn given(graph: &GraphProto) -> Result<Shapes, OnnxError> {
    let mut known = Shapes::default();
    for input in &graph.input {
        if let Some(shape) = declared_shape(input) {
            let shape = with_own_names(&input.name, shape);
            known
                .learn_shape(&input.name, shape)
                .ok_or_else(too_large)?;
        }
    }
    for tensor in &graph.initializer {
        known.learn_tensor(&tensor.name, tensor)?;
    }
    Ok(known)
}

fn too_large() -> OnnxError {
    OnnxError::Invalid("the shapes of its inputs and weights take too much memory".into())
}

/// Adds what one node says, whose inputs were learnt before; `declared` is what the file says of values.
pub(super) fn infer_node(
    node: &NodeProto,
    known: &mut Shapes,
    opset: i64,
    declared: &HashMap<&str, Shape>,
) -> Result<(), OnnxError> {
    if node.op_type == "Constant" {
        return learn_constant(known, node);
    }
    let site = Site { node, known, opset };
    let standard = node.domain.is_empty() || node.domain == "ai.onnx";
    let (shapes, values) = if standard {
        (rules::infer(&site)?, fold::fold(&site)?)
    } else {
        (vec![], vec![])
    };
    let too_large = || {
        let why = "the shapes of the values up to here take too much memory";
        Model::node_error(node, why)
    };
    let inferred = shapes.into_iter().chain(std::iter::repeat(None));
    for (output, inferred) in node.output.iter().zip(inferred) {
        if let Some(shape) = settle(inferred, declared.get(&output[..])) {
            let shape = with_own_names(output, shape);
            known.learn_shape(output, shape).ok_or_else(too_large)?;
        }
    }
    for (output, value) in node.output.iter().zip(values) {
        if let Some(value) = value {
            known.learn_value(output, value).ok_or_else(too_large)?;
        }
    }
    Ok(())
}

/// What was inferred, and what the file declares of a value where that leaves a dimension open.
fn settle(inferred: Option<Shape>, declared: Option<&Shape>) -> Option<Shape> {
    let Some(mut shape) = inferred else {
        return declared.cloned();
    };
    if let Some(declared) = declared.filter(|declared| declared.len() == shape.len()) {
        for (dim, declared) in shape.iter_mut().zip(declared) {
            if *dim == Dim::Unknown {
                declared.clone_into(dim);
            }
        }
    }
    Some(shape)
}

/// Names each unknown dimension after the value and its axis: whatever it is, it is the same wherever it is met again.
fn with_own_names(value: &str, shape: Shape) -> Shape {
    if shape.len() > MOST_AXES {
        return shape;
    }
    let dims = shape.into_iter().enumerate().map(|(axis, dim)| match dim {
        Dim::Unknown => Dim::named(Formula::axis(value, axis)),
        Dim::Named(formula) => Dim::named(formula),
        known => known,
    });
    dims.collect()
}

/// The elements of a small tensor, where they are numbers.
fn small_tensor(tensor: &TensorProto) -> Option<Small> {
    if let Ok(values) = ints(tensor).or_else(|_| booleans(tensor)) {
        return Some(Small::Ints(values.mapv(Entry::Known)));
    }
    floats(tensor)
        .ok()
        .map(|values| Small::Floats(values.mapv(Some)))
}

fn learn_constant(known: &mut Shapes, node: &NodeProto) -> Result<(), OnnxError> {
    let Some(output) = node.output.first() else {
        return Ok(());
    };
    let attributes = Attributes(node);
    if let Some(tensor) = attributes.tensor("value")? {
        return known.learn_tensor(output, tensor);
    }
    let floats = |values: &[f32]| values.iter().map(|&v| Some(v)).collect::<Vec<_>>();
    let (length, small) = if let Some(values) = attributes.ints("value_ints")? {
        let entries = values.iter().map(|&v| Entry::Known(v));
        (
            Some(values.len()),
            (values.len() <= value::MOST_ELEMENTS).then(|| Small::vector(entries.collect())),
        )
    } else if attributes.has("value_int") {
        let value = attributes.int("value_int", 0)?;
        (None, Some(Small::scalar(Entry::Known(value))))
    } else if let Some(values) = attributes.floats("value_floats")? {
        let small = (values.len() <= value::MOST_ELEMENTS)
            .then(|| Small::Floats(ndarray::arr1(&floats(values)).into_dyn()));
        (Some(values.len()), small)
    } else if attributes.has("value_float") {
        let value = attributes.float("value_float", 0.0)?;
        (
            None,
            Some(Small::Floats(ArrayD::from_elem(vec![], Some(value)))),
        )
    } else {
        return Ok(());
    };
    known.learn_numbers(output, length.as_slice())?;
    small
        .map_or(Some(()), |small| known.learn_value(output, small))
        .ok_or_else(too_large)
}
