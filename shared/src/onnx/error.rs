use std::path::PathBuf;

use crate::kind::FileKind;

/// Why a graph could not be read, checked, built or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no protobuf message of type `ModelProto`, or hold no graph.
    #[error("this is not an ONNX model: {0}")]
    NotOnnx(String),
    /// The bytes are those of something else.
    #[error("this is {}", .0.instead_of_a_model())]
    Foreign(FileKind),
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operator set is older or newer than what is understood.
    #[error(
        "the model uses operator set {found}; sets {oldest} to {newest} are understood: export it again with one of those"
    )]
    Opset {
        /// The version that the model imports.
        found: i64,
        /// The oldest version understood.
        oldest: i64,
        /// The newest version understood.
        newest: i64,
    },
    /// The graph breaks a rule of the ONNX specification.
    #[error("the graph is not valid ONNX: {0}")]
    Invalid(String),
    /// A tensor's data do not fit its type and shape, or are of a type that is not supported here.
    #[error("tensor `{name}`: {why}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A model that is to be run has weights that are NaN or infinite.
    #[error(
        "the weights `{name}` are broken: {bad} of their {elements} values are NaN or infinite, as after a training that diverged"
    )]
    NotNumbers {
        /// The tensor's name.
        name: String,
        /// How many of its elements are no numbers.
        bad: usize,
        /// How many it has.
        elements: usize,
    },
    /// A tensor's data lie in another file, and only the model's bytes were given.
    #[error(
        "tensor `{0}` keeps its data in another file, which is not at hand here: save the model as one file (onnx.save with save_as_external_data=False)"
    )]
    External(String),
    /// A tensor's data lie in another file that cannot be used.
    #[error("tensor `{tensor}` keeps its data in the file `{file}`: {why}")]
    ExternalData {
        /// The tensor's name.
        tensor: String,
        /// The file, as the tensor names it.
        file: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A node has an attribute of the wrong type, or lacks one it needs, or its inputs' shapes do not fit.
    #[error("node `{node}` ({op}): {why}")]
    Node {
        /// The node's name, or its first output's where it has none.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong.
        why: String,
    },
    /// The batch cannot be set: a node holds to the one that the model was exported with.
    #[error(
        "the batch cannot be set, since node `{node}` ({op}) holds to that of the export: {why}: export the model with a dynamic batch (torch.onnx.export with dynamic_shapes, or dynamic_axes of the older exporter)"
    )]
    FixedBatch {
        /// The node's name, or its first output's where it has none.
        node: String,
        /// Its operator.
        op: String,
        /// How it shows.
        why: String,
    },
    /// The batch cannot be set: the inputs do not say what it is.
    #[error("the batch cannot be set: {0}")]
    NoBatch(String),
    /// The graph has no input, output or initializer of that name.
    #[error("the model has no {kind} named `{name}`; it has: {known}")]
    NoSuch {
        /// `input`, `output`, `initializer` or `value`.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The caller must choose between several inputs or outputs.
    #[error("the model has {} {kind}s ({known}): name one", known.split(", ").count())]
    Ambiguous {
        /// `input` or `output`.
        kind: &'static str,
        /// The names there are.
        known: String,
    },
}
