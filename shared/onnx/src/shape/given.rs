//! Integers that tell an operator what to do, such as axes, pads and sizes.

use super::super::pb::NodeProto;
use super::super::{Attributes, Model, OnnxError};
use super::Shapes;

/// Integers that a node is given: in an attribute in older operator sets, in an input in newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given<'a> {
    /// Neither the attribute nor the input: the operator's default holds.
    Nothing,
    /// These, whatever the model's input.
    Known(&'a [i64]),
    /// What is computed when the graph runs.
    Open,
}

impl<'a> Given<'a> {
    /// The integers, where they are given and known.
    #[must_use]
    pub fn known(self) -> Option<&'a [i64]> {
        match self {
            Self::Known(values) => Some(values),
            Self::Nothing | Self::Open => None,
        }
    }
}

impl Shapes {
    /// The integers in a node's attribute or, without that, in its input of that number.
    ///
    /// # Errors
    /// Where the attribute is of another type.
    pub fn given<'a>(
        &'a self,
        node: &'a NodeProto,
        attribute: &str,
        input: usize,
    ) -> Result<Given<'a>, OnnxError> {
        if let Some(values) = Attributes(node).ints(attribute)? {
            return Ok(Given::Known(values));
        }
        Ok(match node.input.get(input).map(|name| &name[..]) {
            None | Some("") => Given::Nothing,
            Some(name) => self.constant(name).map_or(Given::Open, Given::Known),
        })
    }
}

/// An axis counted from the front, of which a negative one counts from the end; `None` outside the rank.
#[must_use]
pub fn axis(axis: i64, rank: usize) -> Option<usize> {
    let counted = if axis < 0 {
        axis.checked_add(i64::try_from(rank).ok()?)?
    } else {
        axis
    };
    usize::try_from(counted).ok().filter(|&a| a < rank)
}

/// Axes of a node's value counted from the front.
///
/// # Errors
/// Where the value has no such axis.
pub(super) fn axes(node: &NodeProto, given: &[i64], rank: usize) -> Result<Vec<usize>, OnnxError> {
    let counted = given.iter().map(|&a| {
        axis(a, rank).ok_or_else(|| {
            let why = format!("its axis {a} does not exist in a value of {rank} axes");
            Model::node_error(node, why)
        })
    });
    counted.collect()
}

/// The axes that a reduction of a value with `rank` axes goes over: all where none are given, unless `noop_with_empty_axes` says none.
/// `None` where they are computed when the graph runs.
///
/// # Errors
/// Where the value has no such axis.
pub fn reduced_axes(
    node: &NodeProto,
    shapes: &Shapes,
    rank: usize,
) -> Result<Option<Vec<usize>>, OnnxError> {
    let given = match shapes.given(node, "axes", 1)? {
        Given::Open => return Ok(None),
        Given::Nothing => &[],
        Given::Known(given) => given,
    };
    if given.is_empty() && Attributes(node).int("noop_with_empty_axes", 0)? == 0 {
        return Ok(Some((0..rank).collect()));
    }
    axes(node, given, rank).map(Some)
}

/// Axes, each with the number of elements added before and behind, which may be negative.
pub type Pads = Vec<(usize, [i64; 2])>;

/// What a `Pad` adds to a value with `rank` axes; `None` where that is computed when the graph runs.
///
/// # Errors
/// Where the value has no such axis, or pads and axes differ in number.
pub fn pads(node: &NodeProto, shapes: &Shapes, rank: usize) -> Result<Option<Pads>, OnnxError> {
    // From operator set 18 on they may be for some axes only.
    let axes = match shapes.given(node, "axes", 3)? {
        Given::Open => return Ok(None),
        Given::Nothing => (0..rank).collect(),
        Given::Known(given) => axes(node, given, rank)?,
    };
    let Some(pads) = shapes.given(node, "pads", 1)?.known() else {
        return Ok(None);
    };
    if pads.len() != 2 * axes.len() {
        let why = format!("it has {} pads for {} axes", pads.len(), axes.len());
        return Err(Model::node_error(node, why));
    }
    let (before, behind) = pads.split_at(axes.len());
    let sides = before.iter().zip(behind).map(|(&b, &a)| [b, a]);
    Ok(Some(axes.into_iter().zip(sides).collect()))
}
