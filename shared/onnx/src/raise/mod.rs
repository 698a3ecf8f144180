//! Raising the operator set: older forms of operators are rewritten into the newer ones that mean the same.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/Changelog.md>.

mod forms;

use std::collections::HashSet;

use ndarray::ArrayD;

use super::check::{NEWEST, OLDEST};
use super::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use super::scope::Names;
use super::shape::infer_graph;
use super::{
    AttributeValue, Attributes, Model, OnnxError, Shapes, float_tensor, int_tensor, node_name,
};

/// The model in operator set `at_least`, or as it is where its set is as new. Weights are not copied.
///
/// # Errors
/// [`OnnxError::Node`] where a node uses a form that the newer set has no equivalent of; [`OnnxError::Opset`] where
/// there is no such set.
pub fn raise_opset(model: Model, at_least: i64) -> Result<Model, OnnxError> {
    let from = model.opset();
    if from >= at_least {
        return Ok(model);
    }
    if at_least > NEWEST {
        return Err(OnnxError::Opset {
            found: at_least,
            oldest: OLDEST,
            newest: NEWEST,
        });
    }
    let shapes = infer_graph(model.graph(), from)?;
    let mut proto = model.into_proto();
    let Some(mut graph) = proto.graph.take() else {
        return Err(OnnxError::NotOnnx("it holds no graph".into()));
    };
    let mut raise = Raise {
        from,
        to: at_least,
        shapes,
        tensors: vec![],
        names: Names::of(&graph),
    };
    raise.graph(&mut graph)?;
    graph.initializer.append(&mut raise.tensors);
    // Before IR version 4 every weight had to be declared as an input too; runtimes then take it for no constant.
    let held: HashSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    graph.input.retain(|input| !held.contains(&input.name));
    proto.graph = Some(graph);
    for set in proto
        .opset_import
        .iter_mut()
        .filter(|set| set.domain.is_empty() || set.domain == "ai.onnx")
    {
        set.version = at_least;
    }
    proto.ir_version = proto.ir_version.max(ir_version(at_least));
    Model::from_proto(proto)
}

/// The IR version that came with an operator set.
/// Source: <https://github.com/onnx/onnx/blob/main/docs/Versioning.md>.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=10 => 5,
        11 => 6,
        12..=14 => 7,
        15..=18 => 8,
        19..=20 => 9,
        21..=22 => 10,
        23 => 11,
        _ => 12,
    }
}

/// The rewriting of one model.
struct Raise {
    from: i64,
    to: i64,
    shapes: Shapes,
    /// New constants; they live in the main graph, where the graphs of control flow see them too.
    tensors: Vec<TensorProto>,
    names: Names,
}

impl Raise {
    fn graph(&mut self, graph: &mut GraphProto) -> Result<(), OnnxError> {
        let mut raised = Vec::with_capacity(graph.node.len());
        for mut node in std::mem::take(&mut graph.node) {
            for attribute in &mut node.attribute {
                for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.graph(inner)?;
                }
            }
            if node.domain.is_empty() || node.domain == "ai.onnx" {
                forms::rewrite(self, node, &mut raised)?;
            } else {
                raised.push(node);
            }
        }
        graph.node = raised;
        Ok(())
    }

    /// Whether the rewriting passes the version in which a form changed.
    fn passes(&self, version: i64) -> bool {
        self.from < version && version <= self.to
    }

    fn ints(&mut self, node: &NodeProto, what: &str, values: &[i64]) -> String {
        let name = self.names.fresh(&node_name(node), what);
        self.tensors.push(int_tensor(&name, values));
        name
    }

    /// A single number.
    fn int(&mut self, node: &NodeProto, what: &str, value: i64) -> String {
        let name = self.names.fresh(&node_name(node), what);
        self.tensors.push(TensorProto {
            dims: vec![],
            ..int_tensor(&name, &[value])
        });
        name
    }

    fn floats(&mut self, node: &NodeProto, what: &str, values: &ArrayD<f32>) -> String {
        let name = self.names.fresh(&node_name(node), what);
        self.tensors.push(float_tensor(&name, values));
        name
    }

    /// Moves an attribute with integers into the `index`-th input.
    fn ints_to_input(
        &mut self,
        node: &mut NodeProto,
        attribute: &str,
        index: usize,
    ) -> Result<(), OnnxError> {
        if let Some(values) = Attributes(node).ints(attribute)?.map(<[i64]>::to_vec) {
            let name = self.ints(node, attribute, &values);
            set_input(node, index, name);
            remove(node, attribute);
        }
        Ok(())
    }

    /// A new node before or behind `node`, with one output.
    fn step(
        &mut self,
        node: &NodeProto,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> NodeProto {
        let output = self.names.fresh(&node_name(node), op);
        NodeProto {
            name: output.clone(),
            op_type: op.to_owned(),
            input: inputs.iter().map(|&i| i.to_owned()).collect(),
            output: vec![output],
            attribute: attributes,
            ..NodeProto::default()
        }
    }
}

fn set_input(node: &mut NodeProto, index: usize, name: String) {
    if node.input.len() <= index {
        node.input.resize(index + 1, String::new());
    }
    node.input[index] = name;
}

fn remove(node: &mut NodeProto, attribute: &str) {
    node.attribute.retain(|a| a.name != attribute);
}

fn set(node: &mut NodeProto, attribute: &str, value: impl Into<AttributeValue>) {
    remove(node, attribute);
    node.attribute.push(value.into().named(attribute));
}
