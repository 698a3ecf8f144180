//! How much memory a file takes once it is decoded, told from its bytes before anything is allocated.
//!
//! Two bytes can be an empty message, whose struct takes hundreds: a small file could ask for a thousand times its size.
//! Source: <https://protobuf.dev/programming-guides/encoding/>, and `onnx.proto` for the numbers of the fields.

use std::mem::size_of;

use super::OnnxError;
use super::pb;

/// What a decoded file may take beyond [`PER_BYTE`] times its size. A node of a usual model takes about 3 kB.
const MOST_STRUCTURE: usize = 256 << 20;
/// A byte of a packed list may become an integer of eight.
const PER_BYTE: usize = 8;

/// Refuses bytes that would take too much memory.
///
/// # Errors
/// [`OnnxError::NotOnnx`], also where the bytes are no protobuf message.
pub(super) fn check_memory(bytes: &[u8]) -> Result<(), OnnxError> {
    let most = MOST_STRUCTURE.saturating_add(bytes.len().saturating_mul(PER_BYTE));
    let mut scan = Scan { left: most };
    scan.message(Message::Model, bytes, 0)
        .map_err(|fault| OnnxError::NotOnnx(fault.to_owned()))
}

/// The messages of `onnx.proto`.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Training,
    Function,
    Graph,
    Annotation,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Value,
    Type,
    TensorType,
    Shape,
    Dimension,
    Property,
    OperatorSet,
    Segment,
    Sequence,
    Map,
    Optional,
    SparseType,
    Configuration,
    NodeConfiguration,
    Sharding,
    GroupEntry,
    ShardedDim,
    SimpleSharding,
}

/// What a field of variable length becomes in memory.
enum Field {
    Message(Message),
    /// A string, or bytes, in a list.
    Text,
    /// Numbers of that many bytes, in a list.
    Numbers(usize),
}

impl Message {
    /// The fields that take more memory than their bytes; all others are part of the message's struct, or copies of bytes.
    fn field(self, number: u64) -> Option<Field> {
        use Field::{Numbers, Text};
        let message = match (self, number) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 8) | (Self::Function, 9) => Self::OperatorSet,
            (Self::Model | Self::Function, 14)
            | (Self::Training, 3 | 4)
            | (Self::Annotation, 2)
            | (Self::Tensor, 13 | 16)
            | (Self::Graph, 16)
            | (Self::Node, 9)
            | (Self::Value, 4) => Self::Property,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Model, 26) => Self::Configuration,
            (Self::Function, 7) | (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            (Self::Tensor, 3) => Self::Segment,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 11..=13) | (Self::Function, 12) => Self::Value,
            (Self::Graph, 14) => Self::Annotation,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Node, 10) => Self::NodeConfiguration,
            (Self::Attribute, 14 | 15) | (Self::Value, 2) => Self::Type,
            (Self::Sequence | Self::Optional, 1) | (Self::Map, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::Type, 4) => Self::Sequence,
            (Self::Type, 5) => Self::Map,
            (Self::Type, 8) => Self::SparseType,
            (Self::Type, 9) => Self::Optional,
            (Self::TensorType | Self::SparseType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Dimension,
            (Self::NodeConfiguration, 2) => Self::Sharding,
            (Self::Sharding, 3) => Self::GroupEntry,
            (Self::Sharding, 4) => Self::ShardedDim,
            (Self::ShardedDim, 2) => Self::SimpleSharding,
            (Self::Function, 4..=6)
            | (Self::Node, 1 | 2)
            | (Self::Attribute, 9)
            | (Self::Tensor, 6)
            | (Self::Configuration, 3) => return Some(Text),
            (Self::Attribute, 7) | (Self::Tensor, 4 | 5) => return Some(Numbers(4)),
            (Self::Attribute, 8)
            | (Self::SparseTensor, 3)
            | (Self::Tensor, 1 | 7 | 10 | 11)
            | (Self::Sharding | Self::GroupEntry, 2) => return Some(Numbers(8)),
            _ => return None,
        };
        Some(Field::Message(message))
    }

    fn size(self) -> usize {
        match self {
            Self::Model => size_of::<pb::ModelProto>(),
            Self::Training => size_of::<pb::TrainingInfoProto>(),
            Self::Function => size_of::<pb::FunctionProto>(),
            Self::Graph => size_of::<pb::GraphProto>(),
            Self::Annotation => size_of::<pb::TensorAnnotation>(),
            Self::Node => size_of::<pb::NodeProto>(),
            Self::Attribute => size_of::<pb::AttributeProto>(),
            Self::Tensor => size_of::<pb::TensorProto>(),
            Self::SparseTensor => size_of::<pb::SparseTensorProto>(),
            Self::Value => size_of::<pb::ValueInfoProto>(),
            Self::Type => size_of::<pb::TypeProto>(),
            Self::TensorType => size_of::<pb::type_proto::Tensor>(),
            Self::Shape => size_of::<pb::TensorShapeProto>(),
            Self::Dimension => size_of::<pb::tensor_shape_proto::Dimension>(),
            Self::Property => size_of::<pb::StringStringEntryProto>(),
            Self::OperatorSet => size_of::<pb::OperatorSetIdProto>(),
            Self::Segment => size_of::<pb::tensor_proto::Segment>(),
            Self::Sequence => size_of::<pb::type_proto::Sequence>(),
            Self::Map => size_of::<pb::type_proto::Map>(),
            Self::Optional => size_of::<pb::type_proto::Optional>(),
            Self::SparseType => size_of::<pb::type_proto::SparseTensor>(),
            Self::Configuration => size_of::<pb::DeviceConfigurationProto>(),
            Self::NodeConfiguration => size_of::<pb::NodeDeviceConfigurationProto>(),
            Self::Sharding => size_of::<pb::ShardingSpecProto>(),
            Self::GroupEntry => size_of::<pb::IntIntListEntryProto>(),
            Self::ShardedDim => size_of::<pb::ShardedDimProto>(),
            Self::SimpleSharding => size_of::<pb::SimpleShardedDimProto>(),
        }
    }
}

/// Messages may stand in messages so deep (as in prost).
const DEEPEST: usize = 100;
const CUT: &str = "its bytes end within a field, or are not a protobuf message";
const LARGE: &str = "its graph would take more memory than a file of its size can need";

struct Scan {
    left: usize,
}

impl Scan {
    fn take(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.left = self.left.checked_sub(bytes).ok_or(LARGE)?;
        Ok(())
    }

    fn message(
        &mut self,
        message: Message,
        mut bytes: &[u8],
        depth: usize,
    ) -> Result<(), &'static str> {
        if depth > DEEPEST {
            return Err("its messages are nested too deeply");
        }
        self.take(message.size())?;
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let field = message.field(key >> 3);
            let mut length = 0;
            match key & 7 {
                0 => drop(varint(&mut bytes)?),
                1 => drop(split(&mut bytes, 8)?),
                5 => drop(split(&mut bytes, 4)?),
                2 => {
                    length = varint(&mut bytes)?;
                    let content = split(&mut bytes, length)?;
                    if let Some(Field::Message(inner)) = field {
                        self.message(inner, content, depth + 1)?;
                    }
                }
                _ => return Err("it holds a group, which ONNX files never do"),
            }
            match field {
                Some(Field::Text) => self.take(size_of::<String>())?,
                // A packed number takes at least a byte, and four where it is a float.
                Some(Field::Numbers(size)) if key & 7 == 2 => {
                    self.take(
                        usize::try_from(length)
                            .unwrap_or(usize::MAX)
                            .saturating_mul(size),
                    )?;
                }
                Some(Field::Numbers(size)) => self.take(size)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn split<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| CUT)?;
    let (content, rest) = bytes.split_at_checked(length).ok_or(CUT)?;
    *bytes = rest;
    Ok(content)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(CUT)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(CUT)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::Model;
    use super::*;
    use crate::{Dim, GraphBuilder};

    /// A message that holds `count` empty fields of that number.
    fn empties(number: u8, count: usize) -> Vec<u8> {
        [number << 3 | 2, 0].repeat(count)
    }

    /// A field that holds these bytes.
    fn wrapped(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn a_file_of_empty_messages_is_refused_before_it_takes_its_memory() {
        // Model -> graph -> nodes; model -> graph -> node -> attributes.
        let nodes = wrapped(7, &empties(1, 4 << 20));
        let attributes = wrapped(7, &wrapped(1, &empties(5, 4 << 20)));
        for bytes in [nodes, attributes] {
            let error = Model::parse(&bytes).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("this is not an ONNX model: {LARGE}")
            );
        }
    }

    #[test]
    fn what_decodes_passes_and_what_is_cut_off_does_not() {
        let mut graph = GraphBuilder::new("network");
        let mut x = graph.input("image", &[1, 3, 8, 8].map(Dim::Known));
        for layer in 0..4 {
            let weight = graph.floats("weight", &ndarray::ArrayD::from_elem(vec![3, 3, 3, 3], 0.1));
            let pads = ("pads", [1, 1, 1, 1].into());
            x = graph.node("Conv", &format!("conv{layer}"), &[&x, &weight], [pads]);
        }
        graph.output(&x, None);
        let bytes = graph.finish().unwrap().to_bytes();
        check_memory(&bytes).unwrap();
        for cut in (1..bytes.len()).step_by(bytes.len() / 97 + 1) {
            // A file that ends between two fields is a shorter file.
            let decodes = pb::ModelProto::decode(&bytes[..cut]).is_ok();
            assert_eq!(check_memory(&bytes[..cut]).is_ok(), decodes, "{cut} bytes");
        }
    }

    /// What the generated types hold in lists and boxes is counted, each field of them.
    #[test]
    fn every_field_that_takes_memory_is_counted() {
        let messages = [
            ("ModelProto", Message::Model),
            ("TrainingInfoProto", Message::Training),
            ("FunctionProto", Message::Function),
            ("GraphProto", Message::Graph),
            ("TensorAnnotation", Message::Annotation),
            ("NodeProto", Message::Node),
            ("AttributeProto", Message::Attribute),
            ("TensorProto", Message::Tensor),
            ("SparseTensorProto", Message::SparseTensor),
            ("ValueInfoProto", Message::Value),
            ("TypeProto", Message::Type),
            ("Tensor", Message::TensorType),
            ("TensorShapeProto", Message::Shape),
            ("Dimension", Message::Dimension),
            ("StringStringEntryProto", Message::Property),
            ("OperatorSetIdProto", Message::OperatorSet),
            ("Segment", Message::Segment),
            ("Sequence", Message::Sequence),
            ("Map", Message::Map),
            ("Optional", Message::Optional),
            ("SparseTensor", Message::SparseType),
            ("DeviceConfigurationProto", Message::Configuration),
            ("NodeDeviceConfigurationProto", Message::NodeConfiguration),
            ("ShardingSpecProto", Message::Sharding),
            ("IntIntListEntryProto", Message::GroupEntry),
            ("ShardedDimProto", Message::ShardedDim),
            ("SimpleShardedDimProto", Message::SimpleSharding),
        ];
        let (mut message, mut seen) = (None, 0);
        for line in include_str!("pb.rs").lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("pub struct ") {
                let name = name.trim_end_matches(" {");
                message = messages.iter().find(|(known, _)| *known == name);
                assert!(message.is_some(), "{name} is new");
            }
            let grows = line.contains("repeated") || line.contains("message");
            let tag = line.strip_prefix("#[prost(").filter(|_| grows);
            let Some(tag) = tag.and_then(|field| field.split("tag = \"").nth(1)) else {
                continue;
            };
            let number: u64 = tag.split('"').next().unwrap().parse().unwrap();
            // Fields of a `oneof`, which stand in an enum after the structs of their module.
            let (name, message) = match line.contains("message, tag") {
                true => ("Type", Message::Type),
                false => *message.unwrap(),
            };
            assert!(
                message.field(number).is_some(),
                "field {number} of {name}: {line}"
            );
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}
