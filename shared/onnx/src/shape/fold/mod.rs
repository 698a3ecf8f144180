//! Follows small values: the integers that shapes are computed from, and the few floats that sizes depend on.

mod arithmetic;
mod elementwise;
mod movement;

use ndarray::ArrayD;

use super::super::symbolic::product;
use super::OnnxError;
use super::create::shape_of;
use super::site::Site;
use super::value::{Small, small_shape};
use super::{Dim, Entry, small_tensor};

/// The small values of a node's outputs, in order; `None` for what is not followed.
pub(super) fn fold(site: &Site<'_>) -> Result<Vec<Option<Small>>, OnnxError> {
    let value = match &site.node.op_type[..] {
        "Shape" => {
            shape_of(site)?.map(|shape| Small::vector(shape.into_iter().map(Entry::from).collect()))
        }
        "Size" => site
            .shape(0)
            .map(|shape| Small::scalar(product(shape).into())),
        "ConstantOfShape" => filled(site)?,
        "Range" => range(site),
        "Split" => return movement::split(site),
        op if movement::OPERATORS.contains(&op) => movement::fold(site)?,
        op if op.starts_with("Reduce") => elementwise::reduce(site)?,
        _ => elementwise::fold(site)?,
    };
    Ok(vec![value])
}

fn filled(site: &Site<'_>) -> Result<Option<Small>, OnnxError> {
    let Some(entries) = site.entries(0) else {
        return Ok(None);
    };
    let dims: Vec<Dim> = entries.iter().map(Entry::dim).collect();
    let Some(shape) = small_shape(&dims) else {
        return Ok(None);
    };
    let value = match site.attributes().tensor("value")? {
        None => Some(Small::Floats(ArrayD::from_elem(vec![], Some(0.0)))),
        Some(tensor) if tensor.dims.iter().all(|&d| d == 1) => small_tensor(tensor),
        Some(_) => None,
    };
    Ok(match value {
        Some(Small::Ints(entries)) => entries
            .first()
            .map(|first| Small::Ints(ArrayD::from_elem(shape, first.clone()))),
        Some(Small::Floats(values)) => values
            .first()
            .map(|first| Small::Floats(ArrayD::from_elem(shape, *first))),
        None => None,
    })
}

fn range(site: &Site<'_>) -> Option<Small> {
    let number = |index| site.constant(index)?.first().copied();
    let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
    let mut entries = vec![];
    let mut at = start;
    while step != 0 && if step > 0 { at < limit } else { at > limit } {
        if entries.len() == super::value::MOST_ELEMENTS {
            return None;
        }
        entries.push(Entry::Known(at));
        at = at.checked_add(step)?;
    }
    (step != 0).then(|| Small::vector(entries))
}
