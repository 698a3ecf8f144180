use std::collections::HashMap;

use ndarray::ArrayD;

use super::declare::float_value;
use super::pb::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use super::scope::Names;
use super::symbolic::Dim;
use super::{AttributeValue, Model, OPSET, OnnxError, float_tensor, int_tensor};

/// Adds nodes, weights, inputs and outputs to a graph, keeping every name unique.
///
/// Values are known by their names, as in the ONNX file. A name that is asked for and taken gets a number behind it.
#[derive(Debug)]
pub struct GraphBuilder {
    proto: ModelProto,
    graph: GraphProto,
    names: Names,
    /// Small constants added through [`GraphBuilder::shared`], by their content.
    constants: HashMap<Vec<u8>, String>,
}

impl GraphBuilder {
    /// An empty graph of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let opset = OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        };
        let proto = ModelProto {
            // IR version 8 belongs to operator set 17 (ONNX 1.12).
            ir_version: 8,
            opset_import: vec![opset],
            producer_name: "pellucid".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            ..ModelProto::default()
        };
        Self {
            proto,
            graph: GraphProto {
                name: name.to_owned(),
                ..GraphProto::default()
            },
            names: Names::default(),
            constants: HashMap::new(),
        }
    }

    /// Goes on with an existing model, without copying its weights.
    #[must_use]
    pub fn edit(model: Model) -> Self {
        let mut proto = model.into_proto();
        let graph = proto.graph.take().unwrap_or_default();
        Self {
            names: Names::of(&graph),
            proto,
            graph,
            constants: HashMap::new(),
        }
    }

    /// The graph as it stands.
    #[must_use]
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// The graph, for edits of nodes that exist.
    pub fn graph_mut(&mut self) -> &mut GraphProto {
        &mut self.graph
    }

    /// A name like `wish` that nothing in the graph has, reserved for the caller. Only the first 250 bytes of a wish count.
    pub fn fresh(&mut self, wish: &str) -> String {
        self.names.unique(wish)
    }

    /// Adds a node with one output, called like `name`; returns the output's name. An empty input means "left out".
    pub fn node<'a>(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>,
    ) -> String {
        let output = self.fresh(name);
        self.graph.node.push(NodeProto {
            name: output.clone(),
            op_type: op.to_owned(),
            input: inputs.iter().map(|&i| i.to_owned()).collect(),
            output: vec![output.clone()],
            attribute: attributes
                .into_iter()
                .map(|(name, value)| value.named(name))
                .collect(),
            ..NodeProto::default()
        });
        output
    }

    /// Adds a float32 weight; returns its name.
    pub fn floats(&mut self, name: &str, values: &ArrayD<f32>) -> String {
        let name = self.fresh(name);
        self.graph.initializer.push(float_tensor(&name, values));
        name
    }

    /// Adds a float32 scalar.
    pub fn scalar(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &ndarray::arr0(value).into_dyn())
    }

    /// Adds an int64 vector.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.fresh(name);
        self.graph.initializer.push(int_tensor(&name, values));
        name
    }

    /// Adds a small constant, once for all that ask for the same values; returns its name.
    pub fn shared(&mut self, wish: &str, tensor: TensorProto) -> String {
        let content = TensorProto {
            name: String::new(),
            ..tensor.clone()
        };
        let content = prost::Message::encode_to_vec(&content);
        if let Some(name) = self.constants.get(&content) {
            return name.clone();
        }
        let name = self.fresh(wish);
        self.constants.insert(content, name.clone());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            ..tensor
        });
        name
    }

    /// Declares a float32 input of exactly that name.
    pub fn input(&mut self, name: &str, shape: &[Dim]) -> String {
        let name = self.fresh(name);
        self.graph.input.push(float_value(&name, Some(shape)));
        name
    }

    /// Declares a float32 output: the value of that name.
    pub fn output(&mut self, name: &str, shape: Option<&[Dim]>) {
        self.graph.output.push(float_value(name, shape));
    }

    /// Checks the graph and returns the model.
    ///
    /// # Errors
    /// Where a node reads a value that nothing makes; see [`Model::from_proto`].
    pub fn finish(mut self) -> Result<Model, OnnxError> {
        self.proto.graph = Some(self.graph);
        Model::from_proto(self.proto)
    }
}
