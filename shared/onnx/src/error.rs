use std::path::PathBuf;

use pellucid_files::kind::FileKind;
use pellucid_files::said;

/// Why a graph could not be read, checked, built or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no protobuf message of type `ModelProto`, or hold no graph.
    #[error("this is not an ONNX model: {}", said::reason(.0))]
    NotOnnx(String),
    /// The bytes are those of something else.
    #[error("this is {}", .0.instead_of_a_model())]
    Foreign(FileKind),
    /// The file could not be read or written.
    #[error("{}: {source}", said::name(&path.display().to_string()))]
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
    #[error("the graph is not valid ONNX: {}", said::reason(.0))]
    Invalid(String),
    /// A tensor's data do not fit its type and shape, or are of a type that is not supported here.
    #[error("tensor `{}`: {}", said::name(name), said::reason(why))]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A model that is to be run has weights that are NaN or infinite.
    #[error(
        "the weights `{}` are broken: {bad} of their {elements} values are NaN or infinite, as after training that diverged",
        said::name(name)
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
        "tensor `{}` keeps its data in another file, which is not at hand here: save the model as one file (onnx.save with save_as_external_data=False)",
        said::name(.0)
    )]
    External(String),
    /// A tensor's data lie in another file that cannot be used.
    #[error(
        "tensor `{}` keeps its data in the file `{}`: {}",
        said::name(tensor),
        said::name(file),
        said::reason(why)
    )]
    ExternalData {
        /// The tensor's name.
        tensor: String,
        /// The file, as the tensor names it.
        file: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A node has an attribute of the wrong type, or lacks one it needs, or its inputs' shapes do not fit.
    #[error(
        "node `{}` ({}): {}",
        said::name(node),
        said::name(op),
        said::reason(why)
    )]
    Node {
        /// The node's name, or its first output's where it has none.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong.
        why: String,
    },
    /// Running the graph would take more memory than an input and weights of their size have any use for.
    #[error(
        "node `{}` ({}) would need about {} of memory, far more than this input and these weights call for: the model is damaged, or its sizes are wrong",
        said::name(node), said::name(op), amount(*bytes)
    )]
    TooLarge {
        /// The node's name, or its first output's where it has none.
        node: String,
        /// Its operator.
        op: String,
        /// What is held when it has run, at least.
        bytes: u64,
    },
    /// The batch cannot be set: a node holds to the one that the model was exported with.
    #[error(
        "the batch cannot be set, since node `{}` ({}) keeps that of the export: {}: export the model with a dynamic batch (torch.onnx.export with dynamic_shapes, or dynamic_axes of the older exporter)",
        said::name(node),
        said::name(op),
        said::reason(why)
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
    #[error("the batch cannot be set: {}", said::reason(.0))]
    NoBatch(String),
    /// The graph has no input, output or initializer of that name.
    #[error("the model has no {kind} named `{}`; it has: {}", said::name(name), said::names(known.iter().map(|name| &name[..])))]
    NoSuch {
        /// `input`, `output`, `initializer` or `value`.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The caller must choose between several inputs or outputs.
    #[error("the model has {} {kind}s ({}): name one", known.len(), said::names(known.iter().map(|name| &name[..])))]
    Ambiguous {
        /// `input` or `output`.
        kind: &'static str,
        /// The names there are.
        known: Vec<String>,
    },
}

/// An amount of memory for people.
fn amount(bytes: u64) -> String {
    match bytes as f64 / 1e9 {
        many if many < 1e6 => format!("{many:.1} GB"),
        _ => "a million GB and more".to_owned(),
    }
}
