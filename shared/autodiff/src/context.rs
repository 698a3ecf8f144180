//! What a rule sees and builds with.

use super::bounds::LARGEST_TABLE;
use super::{AutodiffError, ReluRule};
use onnx_edit::pb::{NodeProto, TensorProto, tensor_proto::DataType};
use onnx_edit::{
    AttributeValue, Budget, Cost, Dim, GraphBuilder, Shape, Shapes, Types, float_tensor,
    int_tensor, typed_tensor,
};

/// A rule's result: the cotangent of each of the node's inputs, in order; `None` where none flows.
pub(super) type Cotangents = Result<Vec<Option<String>>, AutodiffError>;

/// The graph under construction, with what is known about the node whose rule runs.
pub(super) struct Context<'a> {
    pub(super) builder: &'a mut GraphBuilder,
    pub(super) shapes: &'a Shapes,
    pub(super) types: &'a Types,
    pub(super) node: &'a NodeProto,
    /// Where the node stands in the graph; `None` where another node of the graph computes its value.
    pub(super) index: Option<usize>,
    /// Per input: whether its cotangent is asked for.
    pub(super) active: Vec<bool>,
    /// 17 or newer: older models are raised to it.
    pub(super) opset: i64,
    pub(super) relu: ReluRule,
    /// How many activations another rule than the exact one was applied to so far.
    pub(super) activations: &'a mut usize,
    /// What the gradient may still add to the model.
    pub(super) budget: &'a mut Budget,
}

impl Context<'_> {
    /// The name of the node's `index`-th input.
    pub(super) fn input(&self, index: usize) -> &str {
        self.node.input.get(index).map_or("", |name| &name[..])
    }

    /// The name of the node's first output.
    pub(super) fn output(&self) -> &str {
        self.node.output.first().map_or("", |name| &name[..])
    }

    /// Takes up room for a table of so many elements.
    ///
    /// # Errors
    /// With `why`, where the table or all of them together are too large.
    pub(super) fn reserve(&mut self, elements: usize, why: &str) -> Result<(), AutodiffError> {
        let cost = Cost::of_elements(elements);
        if elements <= LARGEST_TABLE && self.budget.take(cost).is_some() {
            return Ok(());
        }
        let why = format!("{why}: its gradient needs a table of {elements} numbers");
        Err(self.unsupported(why))
    }

    pub(super) fn wants(&self, index: usize) -> bool {
        self.active.get(index).copied().unwrap_or(false)
    }

    /// Appends a node with one output and returns that output. Names begin with `grad/`, so that a reader of the file
    /// sees at once what belongs to the gradient.
    pub(super) fn node<'b>(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: impl IntoIterator<Item = (&'b str, AttributeValue)>,
    ) -> String {
        let name = format!("grad/{}/{op}", onnx_edit::node_name(self.node));
        self.builder.node(op, &name, inputs, attributes)
    }

    /// Appends a node without attributes.
    pub(super) fn op(&mut self, op: &str, inputs: &[&str]) -> String {
        self.node(op, inputs, [])
    }

    /// The floating-point type that the node computes in: that of its output, or else of its inputs.
    pub(super) fn kind(&self) -> DataType {
        let mut values = self.node.output.iter().chain(&self.node.input);
        let kind = values.find_map(|name| self.types.floating(name));
        kind.unwrap_or(DataType::Float)
    }

    /// A scalar constant in the type that the node computes in.
    pub(super) fn scalar(&mut self, value: f32) -> String {
        self.scalar_of(value, self.kind())
    }

    /// A scalar constant of that type.
    pub(super) fn scalar_of(&mut self, value: f32, kind: DataType) -> String {
        let tensor = constant(&ndarray::arr0(value).into_dyn(), kind);
        self.builder.shared("grad/constant", tensor)
    }

    /// An int64 vector constant.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        self.builder.shared("grad/shape", int_tensor("", values))
    }

    /// The inferred shape of a value.
    pub(super) fn shape(&self, value: &str) -> Result<&Shape, AutodiffError> {
        self.shapes.get(value).ok_or_else(|| self.open_shape(value))
    }

    pub(super) fn rank(&self, value: &str) -> Result<usize, AutodiffError> {
        Ok(self.shape(value)?.len())
    }

    /// The sizes of a value's spatial axes (all behind batch and channels), which must be numbers.
    pub(super) fn spatial(&self, value: &str) -> Result<Vec<usize>, AutodiffError> {
        self.shape(value)?
            .get(2..)
            .and_then(|dims| dims.iter().map(Dim::known).collect())
            .ok_or_else(|| self.open_shape(value))
    }

    pub(super) fn open_shape(&self, value: &str) -> AutodiffError {
        AutodiffError::OpenShape {
            node: onnx_edit::node_name(self.node),
            value: value.to_owned(),
        }
    }

    pub(super) fn unsupported(&self, why: impl Into<String>) -> AutodiffError {
        AutodiffError::Unsupported {
            what: onnx_edit::node_name(self.node),
            why: why.into(),
        }
    }

    /// `value` in the shape of `like`.
    pub(super) fn reshape_like(&mut self, value: &str, like: &str) -> String {
        let shape = self.shape_of(like);
        // A zero in a shape is otherwise a size to copy, not one of a value without elements.
        let empty = self
            .shapes
            .get(like)
            .is_some_and(|shape| shape.contains(&Dim::Known(0)));
        let zeros = empty.then(|| ("allowzero", 1.into()));
        self.node("Reshape", &[value, &shape], zeros)
    }

    /// The shape of a value as an int64 vector: a constant where it is known, asked at run time where not.
    pub(super) fn shape_of(&mut self, value: &str) -> String {
        match self.shapes.numbers(value) {
            Some(shape) => self.ints(&shape.into_iter().map(|d| d as i64).collect::<Vec<_>>()),
            None => self.op("Shape", &[value]),
        }
    }

    /// Sums `value` over the given axes; they stay with size 1 where `keep` says so.
    pub(super) fn sum_over(&mut self, value: &str, axes: &[i64], keep: bool) -> String {
        let keep = ("keepdims", i64::from(keep).into());
        let axes = self.ints(axes);
        self.node("ReduceSum", &[value, &axes], [keep])
    }

    /// The mean of `value` over the given axes. `ReduceMean` takes its axes as an input from operator set 18 on.
    pub(super) fn mean_over(&mut self, value: &str, axes: &[i64], keep: bool) -> String {
        let keep = ("keepdims", i64::from(keep).into());
        if self.opset < 18 {
            return self.node("ReduceMean", &[value], [("axes", axes.into()), keep]);
        }
        let axes = self.ints(axes);
        self.node("ReduceMean", &[value, &axes], [keep])
    }

    /// Adds axes of size 1.
    pub(super) fn unsqueeze(&mut self, value: &str, axes: &[i64]) -> String {
        let axes = self.ints(axes);
        self.op("Unsqueeze", &[value, &axes])
    }

    /// Undoes broadcasting: sums a cotangent of the shape of `from` over the axes along which `to` was repeated.
    pub(super) fn unbroadcast(&mut self, cotangent: &str, from: &str, to: &str) -> String {
        match (self.shapes.get(from).cloned(), self.shapes.get(to).cloned()) {
            (Some(wide), Some(narrow)) => self.summed_to(cotangent, &wide, &narrow, to),
            _ => self.unrepeated(cotangent, to),
        }
    }

    /// Sums a cotangent of shape `wide` over the axes along which the value `to`, of shape `narrow`, was repeated. Where the
    /// shapes do not say which these are, the run finds out.
    pub(super) fn summed_to(
        &mut self,
        cotangent: &str,
        wide: &[Dim],
        narrow: &[Dim],
        to: &str,
    ) -> String {
        let Some(added) = wide.len().checked_sub(narrow.len()) else {
            return self.unrepeated(cotangent, to);
        };
        let mut axes: Vec<i64> = (0..added as i64).collect();
        for (axis, (wide, narrow)) in wide[added..].iter().zip(narrow).enumerate() {
            match (wide, narrow) {
                (Dim::Known(1), _) => {}
                (_, Dim::Known(1)) => axes.push((added + axis) as i64),
                (Dim::Known(x), Dim::Known(y)) if x == y => {}
                (Dim::Named(x), Dim::Named(y)) if x == y => {}
                _ => return self.unrepeated(cotangent, to),
            }
        }
        if axes.is_empty() {
            return cotangent.to_owned();
        }
        let summed = self.sum_over(cotangent, &axes, true);
        if added == 0 {
            summed
        } else {
            self.reshape_like(&summed, to)
        }
    }
}

/// A nameless tensor of that floating-point type.
pub(super) fn constant(values: &ndarray::ArrayD<f32>, kind: DataType) -> TensorProto {
    typed_tensor("", values, kind).unwrap_or_else(|| float_tensor("", values))
}
