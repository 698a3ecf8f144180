//! `Slice` that leaves elements out between those it takes. tract moves such a slice through a reshape that splits its axis, and
//! refuses the model, as with LeViT; picking by positions it leaves where it is.

use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::{GraphBuilder, Shapes};

/// Axes that are longer stay slices.
const LONGEST: usize = 1 << 16;

/// Whether a graph slices by an input of steps.
pub(super) fn concerns(graph: &GraphProto) -> bool {
    graph
        .node
        .iter()
        .any(|node| node.op_type == "Slice" && node.input.len() > 4)
}

/// Writes slices by known steps beyond one as `Gather`.
pub(super) fn pick(builder: &mut GraphBuilder, shapes: &Shapes) {
    for node in std::mem::take(&mut builder.graph_mut().node) {
        match picks(&node, shapes) {
            Some(picks) => picked(builder, &node, &picks),
            None => builder.graph_mut().node.push(node),
        }
    }
}

/// An axis and the positions that are taken along it.
type Pick = (usize, Vec<i64>);

/// What a slice takes along each of its axes; `None` where it takes what stands together, or where only the run tells.
fn picks(node: &NodeProto, shapes: &Shapes) -> Option<Vec<Pick>> {
    if node.op_type != "Slice" {
        return None;
    }
    let constant = |index: usize| shapes.constant(node.input.get(index)?);
    let (starts, ends, axes, steps) = (constant(1)?, constant(2)?, constant(3)?, constant(4)?);
    if steps.iter().all(|step| step.unsigned_abs() <= 1) {
        return None;
    }
    let shape = shapes.get(node.input.first()?)?;
    let along = axes.iter().enumerate().map(|(index, &axis)| {
        let axis = if axis < 0 {
            axis + shape.len() as i64
        } else {
            axis
        };
        let axis = usize::try_from(axis).ok()?;
        let size = shape.get(axis)?.known().filter(|&size| size <= LONGEST)?;
        let (start, end, step) = (*starts.get(index)?, *ends.get(index)?, *steps.get(index)?);
        Some((axis, positions(start, end, step, size as i64)?))
    });
    along.collect()
}

/// As NumPy counts: bounds from the end where they are negative, and clamped to the axis.
fn positions(start: i64, end: i64, step: i64, size: i64) -> Option<Vec<i64>> {
    let counted = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (mut at, end) = (
        counted(start).clamp(low, high),
        counted(end).clamp(low, high),
    );
    let mut positions = vec![];
    while step != 0 && if step > 0 { at < end } else { at > end } {
        positions.push(at);
        at = at.checked_add(step)?;
    }
    (step != 0).then_some(positions)
}

fn picked(builder: &mut GraphBuilder, node: &NodeProto, picks: &[Pick]) {
    let mut value = node.input.first().cloned().unwrap_or_default();
    for (axis, positions) in picks {
        let wish = format!("{}/{axis}", onnx_edit::node_name(node));
        let positions = builder.ints(&format!("{wish}/positions"), positions);
        let axis = [("axis", (*axis as i64).into())];
        value = builder.node("Gather", &wish, &[&value, &positions], axis);
    }
    if let Some(last) = builder.graph_mut().node.last_mut() {
        last.output.clone_from(&node.output);
    }
}
