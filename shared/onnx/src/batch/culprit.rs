//! Which node holds to the old batch.

use std::collections::HashSet;

use super::super::pb::{GraphProto, NodeProto};
use super::super::proto::node_name;
use super::super::scope::reads;
use super::super::symbolic::shape_text;
use super::super::{Dim, OnnxError, Shape, Shapes};

/// Names the node on the way to `output` at which the batch is lost.
pub(super) fn culprit(graph: &GraphProto, old: &Shapes, new: &Shapes, output: &str) -> OnnxError {
    let varies = |name: &str| {
        let shapes = old.get(name).zip(new.get(name));
        shapes.is_some_and(|(old, new)| old != new)
    };
    let mut wanted = HashSet::from([output]);
    let mut way: Vec<&NodeProto> = vec![];
    for node in graph.node.iter().rev() {
        if !node.output.iter().any(|name| wanted.contains(&name[..])) {
            continue;
        }
        wanted.extend(reads(node));
        way.push(node);
    }
    let of_shapes = |node: &NodeProto| matches!(&node.op_type[..], "Shape" | "Size");
    let lost = way.iter().find_map(|&node| {
        let from = node.input.iter().find(|name| varies(name))?;
        let follows = |name: &String| varies(name) || new.get(name).is_none();
        let kept = of_shapes(node) || node.output.iter().any(follows);
        let to = node.output.first().filter(|_| !kept)?;
        let why = format!(
            "its input `{from}` is {} with the new batch, and its output `{to}` still {}",
            text(new.get(from)),
            text(new.get(to))
        );
        Some((node, why))
    });
    let unknown = || {
        let open = |dim: &Dim| matches!(dim, Dim::Named(formula) if formula.is_of_an_axis());
        let untold = |name: &String| new.get(name).is_none_or(|s| s.iter().any(open));
        let node = way.iter().rev().find(|node| {
            node.input.iter().any(|name| varies(name)) && node.output.iter().any(untold)
        })?;
        let why = "the shape of its output cannot be inferred for the new batch";
        Some((*node, why.to_owned()))
    };
    let found = lost.or_else(unknown).or_else(|| {
        Some((
            *way.first()?,
            "its output does not have the new batch".to_owned(),
        ))
    });
    match found {
        Some((node, why)) => OnnxError::FixedBatch {
            node: node_name(node),
            op: node.op_type.clone(),
            why,
        },
        None => OnnxError::NoBatch(format!("its output `{output}` is computed by no node")),
    }
}

fn text(shape: Option<&Shape>) -> String {
    shape.map_or_else(|| "of unknown shape".to_owned(), |shape| shape_text(shape))
}
