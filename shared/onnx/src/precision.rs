//! The model in single precision: what an engine runs that knows no other, or no half precision.

use super::narrow::widen_weights;
use super::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, tensor_proto::DataType,
    type_proto,
};
use super::scope::graphs;
use super::types::{Types, declared_type};
use super::{GraphBuilder, Model, OnnxError, float_tensor, floats};

/// Attributes that name an element type.
const TYPES: &[&str] = &[
    "dtype",
    "output_dtype",
    "stash_type",
    "softmax_precision",
    "to",
];

/// The model with float32 in the place of float16 and bfloat16, and of float64 too where an input or output has that type.
/// Numbers keep their values, but for those of float64. A model that has none of these is handed back as it is.
///
/// # Errors
/// Where a tensor's data do not fit its type.
pub fn single_precision(model: Model) -> Result<Model, OnnxError> {
    let ends = model.graph().input.iter().chain(&model.graph().output);
    let double = ends
        .filter_map(declared_type)
        .any(|kind| kind == DataType::Double);
    let widening = Widening { double };
    if !widening.concerns(model.graph()) {
        return Ok(model);
    }
    let mut proto = widen_weights(model)?.into_proto();
    if let Some(graph) = &mut proto.graph {
        widening.graph(graph)?;
    }
    for function in &mut proto.functions {
        widening.nodes(&mut function.node)?;
    }
    without_idle_casts(Model::from_proto(proto)?)
}

/// A cast between what are now one type hands its input on; some engines have no other casts.
fn without_idle_casts(model: Model) -> Result<Model, OnnxError> {
    let types = Types::of(&model);
    let single = Some(DataType::Float);
    let mut builder = GraphBuilder::edit(model);
    for node in &mut builder.graph_mut().node {
        let idle = |name: &String| types.get(name) == single;
        if node.op_type == "Cast" && node.input.iter().chain(&node.output).all(idle) {
            node.op_type = "Identity".into();
            node.attribute.clear();
        }
    }
    builder.finish()
}

/// Whether an engine that is fed float32 can be fed the model's inputs, and its outputs read as such.
#[must_use]
pub fn speaks_single_precision(model: &Model) -> bool {
    let outputs = model.outputs().iter();
    let ends = model.inputs().into_iter().chain(outputs);
    ends.filter_map(declared_type)
        .all(|kind| ![DataType::Float16, DataType::Bfloat16, DataType::Double].contains(&kind))
}

struct Widening {
    double: bool,
}

impl Widening {
    fn changes(&self, kind: i32) -> bool {
        kind == DataType::Float16 as i32
            || kind == DataType::Bfloat16 as i32
            || (self.double && kind == DataType::Double as i32)
    }

    fn changes_declared(&self, value: &ValueInfoProto) -> bool {
        declared_type(value).is_some_and(|kind| self.changes(kind as i32))
    }

    fn changes_attribute(&self, attribute: &AttributeProto) -> bool {
        let named = TYPES.contains(&&attribute.name[..])
            && i32::try_from(attribute.i).is_ok_and(|kind| self.changes(kind));
        let held = attribute.t.iter().chain(&attribute.tensors);
        named
            || held
                .into_iter()
                .any(|tensor| self.changes(tensor.data_type))
    }

    fn concerns(&self, graph: &GraphProto) -> bool {
        let values = graph.input.iter().chain(&graph.output);
        values.into_iter().any(|value| self.changes_declared(value))
            || graph.initializer.iter().any(|t| self.changes(t.data_type))
            || graph.node.iter().any(|node| {
                node.attribute.iter().any(|a| self.changes_attribute(a))
                    || graphs(node).any(|inner| self.concerns(inner))
            })
    }

    fn graph(&self, graph: &mut GraphProto) -> Result<(), OnnxError> {
        let values = graph.input.iter_mut().chain(&mut graph.output);
        for value in values.chain(&mut graph.value_info) {
            if self.changes_declared(value)
                && let Some(type_proto::Value::TensorType(tensor)) =
                    value.r#type.as_mut().and_then(|kind| kind.value.as_mut())
            {
                tensor.elem_type = DataType::Float as i32;
            }
        }
        for tensor in &mut graph.initializer {
            self.tensor(tensor)?;
        }
        self.nodes(&mut graph.node)
    }

    fn nodes(&self, nodes: &mut [NodeProto]) -> Result<(), OnnxError> {
        for attribute in nodes.iter_mut().flat_map(|node| &mut node.attribute) {
            if TYPES.contains(&&attribute.name[..]) && self.changes_attribute(attribute) {
                attribute.i = DataType::Float as i64;
            }
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                self.tensor(tensor)?;
            }
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.graph(graph)?;
            }
        }
        Ok(())
    }

    fn tensor(&self, tensor: &mut TensorProto) -> Result<(), OnnxError> {
        if self.changes(tensor.data_type) {
            *tensor = float_tensor(&tensor.name, &floats(tensor)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttributeValue, Dim, GraphBuilder, typed_tensor};

    /// `y = float(half(x) · w)` with `w` in half precision.
    fn half_inside() -> Model {
        let mut graph = GraphBuilder::new("half");
        graph.input("x", &[Dim::Known(2)]);
        let to = |kind: DataType| [("to", AttributeValue::Int(kind as i64))];
        graph.node("Cast", "narrow", &["x"], to(DataType::Float16));
        let values = ndarray::arr1(&[0.5, -3.25]).into_dyn();
        let weight = typed_tensor("w", &values, DataType::Float16).unwrap();
        graph.shared("w", weight);
        graph.node("Mul", "product", &["narrow", "w"], []);
        graph.node("Cast", "y", &["product"], to(DataType::Float));
        graph.output("y", None);
        graph.finish().unwrap()
    }

    #[test]
    fn half_precision_becomes_single_with_the_same_numbers() {
        let wide = single_precision(half_inside()).unwrap();
        let weight = wide.initializer("w").unwrap();
        assert_eq!(weight.data_type, DataType::Float as i32);
        assert_eq!(
            floats(weight).unwrap().into_raw_vec_and_offset().0,
            [0.5, -3.25]
        );
        let operators: Vec<_> = wide.graph().node.iter().map(|n| &n.op_type[..]).collect();
        assert_eq!(operators, ["Identity", "Mul", "Identity"]);
    }

    #[test]
    fn single_precision_stays_as_it_is() {
        let wide = single_precision(half_inside()).unwrap();
        assert_eq!(single_precision(wide.clone()).unwrap(), wide);
        assert!(speaks_single_precision(&half_inside()));
    }
}
