use super::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, attribute_proto::AttributeType,
};
use super::{Model, OnnxError};

/// A node's attributes, read by name with the defaults of the operator's specification.
#[derive(Clone, Copy)]
pub struct Attributes<'a>(pub &'a NodeProto);

impl<'a> Attributes<'a> {
    fn find(
        self,
        name: &str,
        kind: AttributeType,
    ) -> Result<Option<&'a AttributeProto>, OnnxError> {
        let Some(found) = self.0.attribute.iter().find(|a| a.name == name) else {
            return Ok(None);
        };
        // IR version 1 files leave the type unset; the field itself then tells.
        if found.r#type != kind as i32 && found.r#type != AttributeType::Undefined as i32 {
            let why = format!("attribute `{name}` is not of type {}", kind.as_str_name());
            return Err(Model::node_error(self.0, why));
        }
        Ok(Some(found))
    }

    /// An integer attribute, or `default` where the node has none of that name.
    ///
    /// # Errors
    /// [`OnnxError::Node`] where the attribute is of another type; so for all methods here.
    pub fn int(self, name: &str, default: i64) -> Result<i64, OnnxError> {
        Ok(self
            .find(name, AttributeType::Int)?
            .map_or(default, |a| a.i))
    }

    /// A list of integers.
    pub fn ints(self, name: &str) -> Result<Option<&'a [i64]>, OnnxError> {
        Ok(self.find(name, AttributeType::Ints)?.map(|a| &a.ints[..]))
    }

    /// A list of floats.
    pub fn floats(self, name: &str) -> Result<Option<&'a [f32]>, OnnxError> {
        Ok(self
            .find(name, AttributeType::Floats)?
            .map(|a| &a.floats[..]))
    }

    /// A float attribute, or `default`.
    pub fn float(self, name: &str, default: f32) -> Result<f32, OnnxError> {
        Ok(self
            .find(name, AttributeType::Float)?
            .map_or(default, |a| a.f))
    }

    /// A UTF-8 string attribute, or `default`.
    pub fn string(self, name: &str, default: &'a str) -> Result<&'a str, OnnxError> {
        match self.find(name, AttributeType::String)? {
            None => Ok(default),
            Some(a) => std::str::from_utf8(&a.s)
                .map_err(|_| Model::node_error(self.0, format!("attribute `{name}` is not UTF-8"))),
        }
    }

    /// A tensor attribute.
    pub fn tensor(self, name: &str) -> Result<Option<&'a TensorProto>, OnnxError> {
        Ok(self
            .find(name, AttributeType::Tensor)?
            .and_then(|a| a.t.as_ref()))
    }

    /// A graph attribute.
    pub(super) fn graph(self, name: &str) -> Result<Option<&'a GraphProto>, OnnxError> {
        Ok(self
            .find(name, AttributeType::Graph)?
            .and_then(|a| a.g.as_ref()))
    }

    /// Whether the node has an attribute of that name.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.0.attribute.iter().any(|a| a.name == name)
    }
}

/// An attribute's value, for building nodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AttributeValue {
    /// `INT`
    Int(i64),
    /// `INTS`
    Ints(Vec<i64>),
    /// `FLOAT`
    Float(f32),
    /// `STRING`
    String(String),
}

impl AttributeValue {
    /// The attribute as it stands in a node.
    #[must_use]
    pub fn named(self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto {
            name: name.to_owned(),
            ..AttributeProto::default()
        };
        let kind = match self {
            Self::Int(i) => {
                proto.i = i;
                AttributeType::Int
            }
            Self::Ints(ints) => {
                proto.ints = ints;
                AttributeType::Ints
            }
            Self::Float(f) => {
                proto.f = f;
                AttributeType::Float
            }
            Self::String(s) => {
                proto.s = s.into_bytes();
                AttributeType::String
            }
        };
        proto.r#type = kind as i32;
        proto
    }
}

impl From<i64> for AttributeValue {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<f32> for AttributeValue {
    fn from(f: f32) -> Self {
        Self::Float(f)
    }
}

impl From<&[i64]> for AttributeValue {
    fn from(ints: &[i64]) -> Self {
        Self::Ints(ints.to_vec())
    }
}

impl From<Vec<i64>> for AttributeValue {
    fn from(ints: Vec<i64>) -> Self {
        Self::Ints(ints)
    }
}

impl<const N: usize> From<[i64; N]> for AttributeValue {
    fn from(ints: [i64; N]) -> Self {
        Self::Ints(ints.to_vec())
    }
}

impl From<&str> for AttributeValue {
    fn from(s: &str) -> Self {
        Self::String(s.to_owned())
    }
}
