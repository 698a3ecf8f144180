//! Operators that pick, join and reorder the elements of small values.

use ndarray::{ArrayD, Axis, IxDyn};

use super::super::OnnxError;
use super::super::given::axis;
use super::super::join::split as split_shapes;
use super::super::rules;
use super::super::site::Site;
use super::super::slice::cuts;
use super::super::value::{Small, array, is_small, small_shape};

pub(super) const OPERATORS: &[&str] = &[
    "Concat",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

pub(super) fn fold(site: &Site<'_>) -> Result<Option<Small>, OnnxError> {
    if site.node.op_type == "Concat" {
        return Ok(concat(site));
    }
    Ok(match site.value(0) {
        Some(Small::Ints(entries)) => moved(site, entries)?.map(Small::Ints),
        Some(Small::Floats(values)) => moved(site, values)?.map(Small::Floats),
        None => None,
    })
}

fn moved<T: Clone>(site: &Site<'_>, data: &ArrayD<T>) -> Result<Option<ArrayD<T>>, OnnxError> {
    Ok(match &site.node.op_type[..] {
        "Identity" => Some(data.clone()),
        "Gather" => gather(site, data),
        "Slice" => slice(site, data)?,
        "Transpose" => transpose(site, data)?,
        "Expand" => {
            output_shape(site)?.and_then(|shape| Some(data.broadcast(&shape[..])?.to_owned()))
        }
        // Reshape, Flatten, Squeeze, Unsqueeze: the same elements in another shape.
        _ => output_shape(site)?.and_then(|shape| array(&shape, data.iter().cloned().collect())),
    })
}

/// The shape of the node's first output, where it is all numbers and small.
fn output_shape(site: &Site<'_>) -> Result<Option<Vec<usize>>, OnnxError> {
    let shapes = rules::infer(site)?;
    Ok(shapes
        .into_iter()
        .flatten()
        .next()
        .and_then(|shape| small_shape(&shape)))
}

fn gather<T: Clone>(site: &Site<'_>, data: &ArrayD<T>) -> Option<ArrayD<T>> {
    let at = site.axis(0, data.ndim()).ok()?;
    let indices = site.constant(1)?;
    let length = data.shape()[at];
    let picked: Vec<usize> = indices
        .iter()
        .map(|&i| axis(i, length))
        .collect::<Option<_>>()?;
    let index_shape = site.value(1)?.shape();
    let shape = [&data.shape()[..at], index_shape, &data.shape()[at + 1..]].concat();
    if !is_small(&shape) {
        return None;
    }
    let chosen = data.select(Axis(at), &picked);
    array(&shape, chosen.iter().cloned().collect())
}

fn slice<T: Clone>(site: &Site<'_>, data: &ArrayD<T>) -> Result<Option<ArrayD<T>>, OnnxError> {
    let Some(cuts) = cuts(site.node, site.known, data.ndim())? else {
        return Ok(None);
    };
    let mut left = data.clone();
    for cut in cuts {
        let Some(positions) = cut.on(left.shape()[cut.axis]) else {
            return Ok(None);
        };
        let indices: Vec<usize> = positions.all().collect();
        left = left.select(Axis(cut.axis), &indices);
    }
    Ok(Some(left))
}

fn transpose<T: Clone>(site: &Site<'_>, data: &ArrayD<T>) -> Result<Option<ArrayD<T>>, OnnxError> {
    let order = match site.attributes().ints("perm")? {
        Some(order) => site.axes(order, data.ndim())?,
        None => (0..data.ndim()).rev().collect(),
    };
    // The shape rule has seen to it that this is a permutation.
    if output_shape(site)?.is_none() || order.len() != data.ndim() {
        return Ok(None);
    }
    Ok(Some(data.clone().permuted_axes(IxDyn(&order))))
}

fn concat(site: &Site<'_>) -> Option<Small> {
    let shape = output_shape(site).ok()??;
    let at = site.axis(0, shape.len()).ok()?;
    let parts = (0..site.node.input.len()).map(|index| site.value(index));
    let parts: Vec<&Small> = parts.collect::<Option<_>>()?;
    let ints = parts.iter().map(|part| part.ints());
    if let Some(ints) = ints.collect::<Option<Vec<_>>>() {
        return ndarray::concatenate(Axis(at), &ints).ok().map(Small::Ints);
    }
    let floats = parts.iter().map(|part| part.floats());
    let floats = floats.collect::<Option<Vec<_>>>()?;
    ndarray::concatenate(Axis(at), &floats)
        .ok()
        .map(Small::Floats)
}

/// Each output's share of the elements.
pub(super) fn split(site: &Site<'_>) -> Result<Vec<Option<Small>>, OnnxError> {
    let (Some(Small::Ints(data)), shapes) = (site.value(0), split_shapes(site)?) else {
        return Ok(vec![]);
    };
    let at = site.axis(0, data.ndim())?;
    let mut from = 0usize;
    let mut parts = vec![];
    for shape in shapes {
        let size = shape.and_then(|shape| shape.get(at)?.known());
        let Some(to) = size
            .and_then(|size| from.checked_add(size))
            .filter(|&to| to <= data.shape()[at])
        else {
            return Ok(parts);
        };
        let indices: Vec<usize> = (from..to).collect();
        parts.push(Some(Small::Ints(data.select(Axis(at), &indices))));
        from = to;
    }
    Ok(parts)
}
