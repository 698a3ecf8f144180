use super::pb::{
    GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use super::proto::{default_opset, node_name};
use super::{OnnxError, check};

/// An ONNX model that has passed the checks of this module. Holds every weight once.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    proto: ModelProto,
}

impl Model {
    /// Takes over a decoded model after checking it.
    ///
    /// # Errors
    /// Where the graph breaks the specification (see [`OnnxError`]).
    pub fn from_proto(proto: ModelProto) -> Result<Self, OnnxError> {
        check::check(&proto)?;
        Ok(Self { proto })
    }

    /// The protobuf message.
    #[must_use]
    pub fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// Gives the protobuf message away, for edits that [`Model::from_proto`] then checks.
    #[must_use]
    pub fn into_proto(self) -> ModelProto {
        self.proto
    }

    /// The main graph.
    #[must_use]
    pub fn graph(&self) -> &GraphProto {
        static EMPTY: std::sync::LazyLock<GraphProto> =
            std::sync::LazyLock::new(GraphProto::default);
        // `check` refuses models without a graph.
        self.proto.graph.as_ref().unwrap_or(&EMPTY)
    }

    /// The version of the default operator set (`ai.onnx`).
    #[must_use]
    pub fn opset(&self) -> i64 {
        default_opset(&self.proto).unwrap_or(0)
    }

    /// The graph's inputs that are fed at run time: those that no initializer holds.
    #[must_use]
    pub fn inputs(&self) -> Vec<&ValueInfoProto> {
        let graph = self.graph();
        let held: std::collections::HashSet<&str> =
            graph.initializer.iter().map(|t| &t.name[..]).collect();
        graph
            .input
            .iter()
            .filter(|i| !held.contains(&i.name[..]))
            .collect()
    }

    /// The graph's outputs.
    #[must_use]
    pub fn outputs(&self) -> &[ValueInfoProto] {
        &self.graph().output
    }

    /// The input of that name, or the only one where no name is given.
    ///
    /// # Errors
    /// [`OnnxError::NoSuch`] or [`OnnxError::Ambiguous`].
    pub fn input(&self, name: Option<&str>) -> Result<&ValueInfoProto, OnnxError> {
        choose("input", self.inputs(), name)
    }

    /// The output of that name, or the only one where no name is given.
    ///
    /// # Errors
    /// [`OnnxError::NoSuch`] or [`OnnxError::Ambiguous`].
    pub fn output(&self, name: Option<&str>) -> Result<&ValueInfoProto, OnnxError> {
        choose("output", self.outputs().iter().collect(), name)
    }

    /// The initializer of that name.
    #[must_use]
    pub fn initializer(&self, name: &str) -> Option<&TensorProto> {
        self.graph().initializer.iter().find(|t| t.name == name)
    }

    /// Every initializer, for writing trained values back ([`super::set_floats`] keeps names and shapes).
    pub fn initializers_mut(&mut self) -> &mut [TensorProto] {
        self.proto
            .graph
            .as_mut()
            .map_or(&mut [], |g| &mut g.initializer)
    }

    /// The value of a metadata property.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.proto
            .metadata_props
            .iter()
            .find(|p| p.key == key)
            .map(|p| &p.value[..])
    }

    /// Sets a metadata property.
    pub fn set_metadata(&mut self, key: &str, value: String) {
        match self.proto.metadata_props.iter_mut().find(|p| p.key == key) {
            Some(found) => found.value = value,
            None => self.proto.metadata_props.push(StringStringEntryProto {
                key: key.to_owned(),
                value,
            }),
        }
    }

    /// An error that names the node as a user would look for it.
    #[must_use]
    pub fn node_error(node: &NodeProto, why: impl Into<String>) -> OnnxError {
        OnnxError::Node {
            node: node_name(node),
            op: node.op_type.clone(),
            why: why.into(),
        }
    }
}

fn choose<'a>(
    kind: &'static str,
    values: Vec<&'a ValueInfoProto>,
    name: Option<&str>,
) -> Result<&'a ValueInfoProto, OnnxError> {
    let known = || values.iter().map(|v| v.name.clone()).collect();
    match (name, &values[..]) {
        (Some(name), _) => values
            .iter()
            .copied()
            .find(|v| v.name == name)
            .ok_or_else(|| OnnxError::NoSuch {
                kind,
                name: name.to_owned(),
                known: known(),
            }),
        (None, [one]) => Ok(one),
        (None, _) => Err(OnnxError::Ambiguous {
            kind,
            known: known(),
        }),
    }
}
