//! Writing a model in two files: the message, and the data of its large tensors.

use std::io::{self, Write};
use std::path::Path;

use prost::Message;

use super::super::OnnxError;
use super::super::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
    tensor_proto::DataLocation,
};
use super::{MOST_BYTES, data_file, file_error};
use pellucid_files::write_both;

/// Tensors of fewer bytes stay in the message, as `onnx.save` has it: shape inference reads them there.
const LEAST_BYTES: usize = 1024;
/// Tensors begin at multiples of a page, so that a runtime may map them into memory.
const PAGE: u64 = 4096;

/// Writes the data file, then the message. No tensor's data is copied.
pub(super) fn save(proto: &ModelProto, path: &Path) -> Result<(), OnnxError> {
    let refuse = |why: &str| {
        let source = io::Error::new(io::ErrorKind::InvalidInput, why);
        Err(file_error(path, source))
    };
    let data = data_file(path);
    let Some(location) = data.file_name().and_then(|name| name.to_str()) else {
        return refuse("the model's data file is named after it, and this name is not UTF-8");
    };
    let mut layout = Layout {
        location,
        tensors: vec![],
        end: 0,
    };
    let message = layout.model(proto);
    if message.encoded_len() > MOST_BYTES {
        return refuse("even without its tensors the model is above protobuf's limit of 2 GiB");
    }
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return refuse(
            "a model above 2 GiB has a second file beside it, and there is none beside a pipe or device: name an ordinary file",
        );
    }
    write_both(
        (&data, |file| layout.write(file)),
        (path, |file| file.write_all(&message.encode_to_vec())),
    )
    .map_err(|source| file_error(path, source))
}

/// What goes into the data file.
struct Layout<'a> {
    location: &'a str,
    /// Where each tensor begins, and its bytes; in order.
    tensors: Vec<(u64, &'a [u8])>,
    end: u64,
}

/// Each method copies a message without the data of its large tensors. All fields are named, so that a new one is not lost.
impl<'a> Layout<'a> {
    fn model(&mut self, proto: &'a ModelProto) -> ModelProto {
        ModelProto {
            ir_version: proto.ir_version,
            opset_import: proto.opset_import.clone(),
            producer_name: proto.producer_name.clone(),
            producer_version: proto.producer_version.clone(),
            domain: proto.domain.clone(),
            model_version: proto.model_version,
            doc_string: proto.doc_string.clone(),
            graph: proto.graph.as_ref().map(|graph| self.graph(graph)),
            metadata_props: proto.metadata_props.clone(),
            training_info: proto.training_info.clone(),
            functions: proto.functions.clone(),
            configuration: proto.configuration.clone(),
        }
    }

    fn graph(&mut self, graph: &'a GraphProto) -> GraphProto {
        GraphProto {
            node: graph.node.iter().map(|node| self.node(node)).collect(),
            name: graph.name.clone(),
            initializer: graph.initializer.iter().map(|t| self.tensor(t)).collect(),
            sparse_initializer: graph.sparse_initializer.clone(),
            doc_string: graph.doc_string.clone(),
            input: graph.input.clone(),
            output: graph.output.clone(),
            value_info: graph.value_info.clone(),
            quantization_annotation: graph.quantization_annotation.clone(),
            metadata_props: graph.metadata_props.clone(),
        }
    }

    fn node(&mut self, node: &'a NodeProto) -> NodeProto {
        NodeProto {
            input: node.input.clone(),
            output: node.output.clone(),
            name: node.name.clone(),
            op_type: node.op_type.clone(),
            domain: node.domain.clone(),
            overload: node.overload.clone(),
            attribute: node.attribute.iter().map(|a| self.attribute(a)).collect(),
            doc_string: node.doc_string.clone(),
            metadata_props: node.metadata_props.clone(),
            device_configurations: node.device_configurations.clone(),
        }
    }

    fn attribute(&mut self, attribute: &'a AttributeProto) -> AttributeProto {
        AttributeProto {
            name: attribute.name.clone(),
            ref_attr_name: attribute.ref_attr_name.clone(),
            doc_string: attribute.doc_string.clone(),
            r#type: attribute.r#type,
            f: attribute.f,
            i: attribute.i,
            s: attribute.s.clone(),
            t: attribute.t.as_ref().map(|tensor| self.tensor(tensor)),
            g: attribute.g.as_ref().map(|graph| self.graph(graph)),
            sparse_tensor: attribute.sparse_tensor.clone(),
            tp: attribute.tp.clone(),
            floats: attribute.floats.clone(),
            ints: attribute.ints.clone(),
            strings: attribute.strings.clone(),
            tensors: attribute.tensors.iter().map(|t| self.tensor(t)).collect(),
            graphs: attribute.graphs.iter().map(|g| self.graph(g)).collect(),
            sparse_tensors: attribute.sparse_tensors.clone(),
            type_protos: attribute.type_protos.clone(),
        }
    }

    /// A large tensor without its data, which are given a place in the file; any other as it is.
    fn tensor(&mut self, tensor: &'a TensorProto) -> TensorProto {
        if tensor.raw_data.len() < LEAST_BYTES {
            return tensor.clone();
        }
        let offset = self.end.next_multiple_of(PAGE);
        let length = tensor.raw_data.len() as u64;
        self.tensors.push((offset, &tensor.raw_data));
        self.end = offset + length;
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: key.into(),
            value,
        };
        TensorProto {
            dims: tensor.dims.clone(),
            data_type: tensor.data_type,
            name: tensor.name.clone(),
            doc_string: tensor.doc_string.clone(),
            data_location: DataLocation::External as i32,
            external_data: vec![
                entry("location", self.location.to_owned()),
                entry("offset", offset.to_string()),
                entry("length", length.to_string()),
            ],
            // The other fields hold data of other kinds: raw data exclude them.
            ..TensorProto::default()
        }
    }

    fn write(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut position = 0;
        for (offset, bytes) in &self.tensors {
            let gap = usize::try_from(offset - position).unwrap_or(0);
            file.write_all(&[0; PAGE as usize][..gap])?;
            file.write_all(bytes)?;
            position = offset + bytes.len() as u64;
        }
        Ok(())
    }
}
