//! Shapes that a file declares of its values and that are no longer true: an image size was edited, and what an exporter had
//! inferred before was left.

use super::super::build::declared_shape;
use super::super::pb::{ValueInfoProto, type_proto};
use super::super::shape::{Dim, Shape, infer_graph};
use super::super::{Model, OnnxError};

/// Removes the declarations of inner values that contradict what follows from inputs and weights, and the shape from those of
/// outputs.
pub(super) fn without_stale(model: Model) -> Result<Model, OnnxError> {
    let (mut proto, opset) = {
        let opset = model.opset();
        (model.into_proto(), opset)
    };
    if let Some(graph) = &mut proto.graph {
        let declarations = std::mem::take(&mut graph.value_info);
        // A graph whose shapes do not fit together is left as it is: whoever needs them says which node is at fault.
        if let Ok(shapes) = infer_graph(graph, opset) {
            let stale = |value: &ValueInfoProto| {
                let declared = declared_shape(value).zip(shapes.get(&value.name));
                declared.is_some_and(|(declared, inferred)| contradicts(&declared, inferred))
            };
            let outputs = std::mem::take(&mut graph.output);
            graph.output = outputs
                .into_iter()
                .map(|output| {
                    if stale(&output) {
                        shapeless(output)
                    } else {
                        output
                    }
                })
                .collect();
            graph.value_info = declarations.into_iter().filter(|v| !stale(v)).collect();
        } else {
            graph.value_info = declarations;
        }
    }
    Model::from_proto(proto)
}

/// Whether two shapes cannot both be true.
fn contradicts(declared: &Shape, inferred: &Shape) -> bool {
    declared.len() != inferred.len()
        || declared.iter().zip(inferred).any(|pair| {
            matches!(pair, (Dim::Known(declared), Dim::Known(inferred)) if declared != inferred)
        })
}

fn shapeless(mut value: ValueInfoProto) -> ValueInfoProto {
    let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    if let Some(type_proto::Value::TensorType(tensor)) = kind {
        tensor.shape = None;
    }
    value
}
