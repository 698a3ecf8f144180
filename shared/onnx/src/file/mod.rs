//! Model files: one protobuf message, or a message whose large tensors lie in a second file beside it.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/ExternalData.md>.

mod external;
mod split;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use prost::Message;

use super::normalise::normalised;
use super::pb::ModelProto;
use super::proto::default_opset;
use super::{Model, OnnxError, wire};
use pellucid_files as files;
use pellucid_files::kind::FileKind;

/// Protobuf's limit: readers refuse a message of more bytes.
/// Source: <https://protobuf.dev/programming-guides/encoding/#size-limit>.
pub const MOST_BYTES: usize = i32::MAX as usize;

/// The file that [`Model::save`] gives the weights to where the model does not fit one message: `NAME.data` beside it.
#[must_use]
pub fn data_file(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_owned();
    name.push(".data");
    model.with_file_name(name)
}

impl Model {
    /// Reads a model from the bytes of an `.onnx` file, and puts right what runtimes forgive: nodes out of order, names of nodes
    /// that are missing or stand twice, declared shapes that are no longer true. Tensors must lie within: bytes have no file beside them.
    ///
    /// What this allocates is bounded by the file: at most 256 MiB and nine times the file's size (strings and tensors are
    /// copied once; packed integers and the structs of the graph make up the rest), up to three times as much while lists
    /// grow. A usual model, whose weights are `raw_data`, takes its own size and about 3 kB per node.
    ///
    /// # Errors
    /// Where the bytes are not ONNX, would take more memory than that, or the graph breaks the specification (see
    /// [`OnnxError`]).
    pub fn parse(bytes: &[u8]) -> Result<Self, OnnxError> {
        normalised(decode(bytes)?)
    }

    /// Reads a model file, and the files beside it that hold its tensors' data, if any.
    ///
    /// # Errors
    /// Where a file cannot be read, and as [`Model::parse`]. [`OnnxError::ExternalData`] where a tensor's data lie outside
    /// the model's folder, are missing, or do not fit the tensor.
    pub fn load(path: &Path) -> Result<Self, OnnxError> {
        Ok(Self::load_with_files(path)?.0)
    }

    /// As [`Model::load`]; also names the files that were read: the model's own first.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with_files(path: &Path) -> Result<(Self, Vec<PathBuf>), OnnxError> {
        if let Some(folder) = FileKind::of_folder(path) {
            return Err(OnnxError::Foreign(folder));
        }
        let bytes = files::read(path, MOST_BYTES as u64).map_err(|why| unreadable(path, why))?;
        let mut proto = decode(&bytes)?;
        // Weights within the message were copied out of it; two copies are enough.
        drop(bytes);
        let mut files = vec![path.to_owned()];
        files.extend(external::resolve(&mut proto, path)?);
        Ok((normalised(proto)?, files))
    }

    /// The bytes of the `.onnx` file. More than [`MOST_BYTES`] are more than other programs read.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.proto().encode_to_vec()
    }

    /// The length of [`Model::to_bytes`], without making them.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.proto().encoded_len()
    }

    /// Writes the model; the path holds the whole file or what it held before. Where the model does not fit one message
    /// ([`MOST_BYTES`]), its large tensors go to [`data_file`], which is written first.
    ///
    /// # Errors
    /// Where a file cannot be written; a model that needs a second file cannot go to a pipe or device.
    pub fn save(&self, path: &Path) -> Result<(), OnnxError> {
        self.save_within(path, MOST_BYTES)
    }

    /// As [`Model::save`], with large tensors in a second file where the message would be longer than `most_bytes`.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save_within(&self, path: &Path, most_bytes: usize) -> Result<(), OnnxError> {
        if self.encoded_len() <= most_bytes {
            return files::write_atomic(path, &self.to_bytes())
                .map_err(|source| file_error(path, source));
        }
        split::save(self.proto(), path)
    }
}

fn decode(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    let decoded = || {
        wire::check_memory(bytes)?;
        ModelProto::decode(bytes).map_err(|e| OnnxError::NotOnnx(e.to_string()))
    };
    match FileKind::of(bytes) {
        None | Some(FileKind::Onnx) => decoded(),
        // Protobuf messages have no first bytes of their own: a producer's name may look like a message of others, and a node's
        // like the mark of an archive.
        Some(other) => decoded()
            .ok()
            .filter(is_a_graph)
            .ok_or(OnnxError::Foreign(other)),
    }
}

/// Whether what was decoded has what only ONNX files have.
fn is_a_graph(proto: &ModelProto) -> bool {
    let graph = proto.graph.as_ref();
    default_opset(proto).is_some()
        && graph.is_some_and(|graph| !graph.node.is_empty() && !graph.output.is_empty())
}

/// What is too large for a model may still be told for what it is.
fn unreadable(path: &Path, source: std::io::Error) -> OnnxError {
    if source.kind() == std::io::ErrorKind::FileTooLarge {
        let beginning = files::read_beginning(path, 512).unwrap_or_default();
        if let Some(other) = FileKind::of(&beginning).filter(|kind| *kind != FileKind::Onnx) {
            return OnnxError::Foreign(other);
        }
    }
    file_error(path, source)
}

fn file_error(path: &Path, source: std::io::Error) -> OnnxError {
    OnnxError::File {
        path: path.to_owned(),
        source,
    }
}
