//! Element types of a graph's values, as far as the operators of the standard domain tell.

use std::collections::HashMap;

use super::pb::{GraphProto, NodeProto, ValueInfoProto, tensor_proto::DataType, type_proto};
use super::scope::graphs;
use super::{Attributes, Model};

/// The element types of a graph's values.
#[derive(Clone, Debug, Default)]
pub struct Types(HashMap<String, DataType>);

impl Types {
    /// Follows the types of the main graph's inputs and weights through its nodes.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let mut types = Self::default();
        types.follow(model.graph());
        types
    }

    /// The element type of a value, where it is known.
    #[must_use]
    pub fn get(&self, value: &str) -> Option<DataType> {
        self.0.get(value).copied()
    }

    /// The type, where it is one of floating-point numbers.
    pub fn floating(&self, value: &str) -> Option<DataType> {
        self.get(value).filter(|&kind| is_floating(kind))
    }

    fn follow(&mut self, graph: &GraphProto) {
        for value in graph.value_info.iter().chain(&graph.input) {
            self.learn(&value.name, declared_type(value));
        }
        for tensor in &graph.initializer {
            self.learn(&tensor.name, DataType::try_from(tensor.data_type).ok());
        }
        for node in &graph.node {
            let kinds = self.outputs(node);
            for (name, kind) in node.output.iter().zip(kinds) {
                self.learn(name, kind);
            }
        }
    }

    fn learn(&mut self, value: &str, kind: Option<DataType>) {
        if let Some(kind) = kind.filter(|_| !value.is_empty()) {
            self.0.insert(value.to_owned(), kind);
        }
    }

    /// The types of a node's outputs, in order.
    fn outputs(&mut self, node: &NodeProto) -> Vec<Option<DataType>> {
        let attributes = Attributes(node);
        let input = |index: usize| node.input.get(index).and_then(|name| self.get(name));
        let named = |attribute: &str| {
            let kind = attributes.int(attribute, 0).ok();
            kind.filter(|&kind| kind != 0)
                .and_then(|kind| DataType::try_from(i32::try_from(kind).ok()?).ok())
        };
        let tensor = || {
            let tensor = attributes.tensor("value").ok().flatten()?;
            DataType::try_from(tensor.data_type).ok()
        };
        let (int64, bool, float) = (
            Some(DataType::Int64),
            Some(DataType::Bool),
            Some(DataType::Float),
        );
        let all = |kind: Option<DataType>| vec![kind; node.output.len()];
        match &node.op_type[..] {
            "Cast" => all(named("to")),
            "CastLike" => all(input(1)),
            "Constant" => all(tensor().or_else(|| constant(node))),
            "ConstantOfShape" => all(tensor().or(float)),
            "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" | "NonMaxSuppression" => all(int64),
            "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or"
            | "Xor" | "Not" | "IsNaN" | "IsInf" => all(bool),
            "Where" => all(input(1)),
            "OneHot" => all(input(2)),
            "QuantizeLinear" => {
                let given = input(2).or_else(|| named("output_dtype"));
                all(given.or(Some(DataType::Uint8)))
            }
            "DequantizeLinear" => all(named("output_dtype").or_else(|| input(1))),
            "DynamicQuantizeLinear" => vec![Some(DataType::Uint8), float, Some(DataType::Uint8)],
            "QLinearConv" | "QLinearMatMul" => all(input(7)),
            "ConvInteger" | "MatMulInteger" => all(Some(DataType::Int32)),
            "MaxPool" | "TopK" | "Unique" => {
                let mut kinds = all(int64);
                kinds.iter_mut().take(1).for_each(|kind| *kind = input(0));
                kinds
            }
            "Dropout" => vec![input(0), bool],
            "LayerNormalization" => vec![input(0), float, float],
            "RandomNormal" | "RandomUniform" => all(named("dtype").or(float)),
            "RandomNormalLike" | "RandomUniformLike" | "EyeLike" | "Bernoulli" => {
                all(named("dtype").or_else(|| input(0)))
            }
            "Multinomial" => all(named("dtype").or(Some(DataType::Int32))),
            "If" | "Loop" | "Scan" => self.control_flow(node),
            _ => all(node.input.iter().find_map(|name| self.get(name))),
        }
    }

    /// The types of what the graphs of a control flow hand out, where they are declared there.
    fn control_flow(&self, node: &NodeProto) -> Vec<Option<DataType>> {
        let Some(graph) = graphs(node).next() else {
            return vec![];
        };
        // The first output of a loop's body says whether it goes on.
        let skipped = usize::from(node.op_type == "Loop");
        let outputs = graph.output.iter().skip(skipped);
        outputs.map(declared_type).collect()
    }
}

/// Whether numbers of that type have slopes.
pub fn is_floating(kind: DataType) -> bool {
    use DataType::{Bfloat16, Double, Float, Float16};
    [Float, Double, Float16, Bfloat16].contains(&kind)
}

/// The element type that a declaration states.
pub fn declared_type(value: &ValueInfoProto) -> Option<DataType> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let kind = DataType::try_from(tensor.elem_type).ok();
    kind.filter(|&kind| kind != DataType::Undefined)
}

/// The type of a `Constant` that is no tensor.
fn constant(node: &NodeProto) -> Option<DataType> {
    let has = |name: &str| Attributes(node).has(name);
    if has("value_float") || has("value_floats") {
        Some(DataType::Float)
    } else if has("value_int") || has("value_ints") {
        Some(DataType::Int64)
    } else {
        (has("value_string") || has("value_strings")).then_some(DataType::String)
    }
}
