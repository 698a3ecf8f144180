//! What a shape rule sees: a node, and what is known of its inputs.

use super::super::pb::NodeProto;
use super::super::symbolic::shape_text;
use super::super::{Attributes, Model, OnnxError};
use super::given::axes;
use super::value::Small;
use super::{Dim, Entry, Shape, Shapes};

/// The shapes of a node's outputs, in order; `None` for what cannot be told.
pub(super) type Inferred = Result<Vec<Option<Shape>>, OnnxError>;

/// Infers the shapes of a node's outputs.
pub(super) type Rule = fn(&Site<'_>) -> Inferred;

/// One node, with what is known of its inputs.
pub(super) struct Site<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) known: &'a Shapes,
    pub(super) opset: i64,
}

impl<'a> Site<'a> {
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.node)
    }

    /// Whether the node has an `index`-th input.
    pub(super) fn has(&self, index: usize) -> bool {
        self.node
            .input
            .get(index)
            .is_some_and(|name| !name.is_empty())
    }

    /// The shape of the `index`-th input.
    pub(super) fn shape(&self, index: usize) -> Option<&'a Shape> {
        self.known.get(self.node.input.get(index)?)
    }

    /// The small value in the `index`-th input.
    pub(super) fn value(&self, index: usize) -> Option<&'a Small> {
        self.known.values.get(self.node.input.get(index)?)
    }

    /// The integers in the `index`-th input, where all are numbers.
    pub(super) fn constant(&self, index: usize) -> Option<&'a [i64]> {
        self.known.constant(self.node.input.get(index)?)
    }

    /// The integers in the `index`-th input, open ones among them.
    pub(super) fn entries(&self, index: usize) -> Option<Vec<Entry>> {
        self.known.entries(self.node.input.get(index)?)
    }

    /// The floats in the `index`-th input.
    pub(super) fn floats(&self, index: usize) -> Option<Vec<f32>> {
        self.known.floats(self.node.input.get(index)?)
    }

    /// Integers that older operator sets keep in an attribute and newer ones in an input.
    pub(super) fn ints(
        &self,
        attribute: &str,
        index: usize,
    ) -> Result<Option<&'a [i64]>, OnnxError> {
        Ok(self.known.given(self.node, attribute, index)?.known())
    }

    /// An axis attribute of the first input's rank.
    pub(super) fn axis(&self, default: i64, rank: usize) -> Result<usize, OnnxError> {
        let given = self.attributes().int("axis", default)?;
        Ok(self.axes(&[given], rank)?[0])
    }

    /// Axes counted from the front.
    pub(super) fn axes(&self, given: &[i64], rank: usize) -> Result<Vec<usize>, OnnxError> {
        axes(self.node, given, rank)
    }

    pub(super) fn error(&self, why: impl Into<String>) -> OnnxError {
        Model::node_error(self.node, why)
    }

    /// The inputs' shapes contradict each other or the attributes.
    pub(super) fn unfit<T>(&self) -> Result<T, OnnxError> {
        let shapes: Vec<String> = (0..self.node.input.len().min(8))
            .filter_map(|i| self.shape(i))
            .map(|shape| shape_text(shape))
            .collect();
        Err(self.error(format!(
            "its inputs' shapes {} do not fit together",
            shapes.join(" and ")
        )))
    }
}

/// Nothing can be told.
pub(super) fn unknown() -> Inferred {
    Ok(vec![])
}

/// One output of that shape.
pub(super) fn one(shape: Shape) -> Inferred {
    Ok(vec![Some(shape)])
}

/// A shape of which only the rank is known.
pub(super) fn of_rank(rank: usize) -> Option<Shape> {
    (rank <= super::MOST_AXES).then(|| vec![Dim::Unknown; rank])
}
