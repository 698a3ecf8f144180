//! Shapes that a file declares of its values and that are no longer true: an image size was edited, and what an exporter had
//! inferred before was left.

use super::super::declare::declared_shape;
use super::super::pb::{GraphProto, ValueInfoProto, type_proto};
use super::super::shape::{Shapes, infer_graph};
use super::super::symbolic::{Dim, Shape};
use super::super::{Model, OnnxError};
use pellucid_files::said;

/// Removes the declarations of inner values that contradict what follows from inputs and weights, and the shape from those of
/// outputs.
pub(crate) fn drop_stale(graph: &mut GraphProto, opset: i64) {
    let declarations = std::mem::take(&mut graph.value_info);
    // A graph whose shapes do not fit together is left as it is: whoever needs them says which node is at fault.
    let Ok(shapes) = infer_graph(graph, opset) else {
        graph.value_info = declarations;
        return;
    };
    let stale = |value: &ValueInfoProto| contradiction(value, &shapes).is_some();
    for output in &mut graph.output {
        if stale(output) {
            remove_shape(output);
        }
    }
    graph.value_info = declarations.into_iter().filter(|v| !stale(v)).collect();
}

/// Hands a model on whose declarations of the values that `concerns` picks do not contradict what follows from inputs and weights.
///
/// # Errors
/// [`OnnxError::Invalid`], which names the first value whose declared and inferred shapes cannot both be true;
/// [`OnnxError::Node`] where shapes do not fit together at all.
pub fn require_true_declarations(
    model: Model,
    concerns: impl Fn(&str) -> bool,
) -> Result<Model, OnnxError> {
    let opset = model.opset();
    let mut proto = model.into_proto();
    if let Some(graph) = &mut proto.graph {
        let declarations = std::mem::take(&mut graph.value_info);
        let shapes = infer_graph(graph, opset)?;
        let declared = declarations
            .iter()
            .chain(&graph.output)
            .filter(|value| concerns(&value.name));
        for value in declared {
            if let Some((declared, inferred)) = contradiction(value, &shapes) {
                return Err(OnnxError::Invalid(format!(
                    "its shapes contradict one another: `{}` would be {}, not {}",
                    said::name(&value.name),
                    sizes(inferred),
                    sizes(&declared)
                )));
            }
        }
        graph.value_info = declarations;
    }
    Model::from_proto(proto)
}

fn sizes(shape: &Shape) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    sizes.join("×")
}

/// The declared and the inferred shape of a value, where they cannot both be true.
fn contradiction<'a>(value: &ValueInfoProto, shapes: &'a Shapes) -> Option<(Shape, &'a Shape)> {
    let both = declared_shape(value).zip(shapes.get(&value.name));
    both.filter(|(declared, inferred)| contradicts(declared, inferred))
}

/// Whether two shapes cannot both be true.
fn contradicts(declared: &Shape, inferred: &Shape) -> bool {
    declared.len() != inferred.len()
        || declared.iter().zip(inferred).any(|pair| {
            matches!(pair, (Dim::Known(declared), Dim::Known(inferred)) if declared != inferred)
        })
}

fn remove_shape(value: &mut ValueInfoProto) {
    let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    if let Some(type_proto::Value::TensorType(tensor)) = kind {
        tensor.shape = None;
    }
}
