#![doc = include_str!("../README.md")]
//!
//! ## In this crate
//!
//! The protobuf types ([`pb`]) are generated from ONNX's own file. Everything that
//! Pellucid does to a graph (building architectures, differentiating, writing trained weights back) goes through
//! [`Model`], whose contents have passed [`check`](Model::parse): names resolve, nodes are in topological order, and
//! every tensor holds as many bytes as its shape says.

mod attribute;
mod batch;
mod budget;
mod build;
mod check;
mod col2im;
mod declare;
mod error;
mod file;
mod finite;
mod formula;
mod inline;
mod model;
mod narrow;
mod normalise;
mod part;
#[allow(missing_docs, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod pb;
mod precision;
mod proto;
mod raise;
mod rounds;
mod scope;
mod shape;
mod symbolic;
mod tensor;
mod types;
mod unread;
mod wire;

pub use attribute::{AttributeValue, Attributes};
pub use batch::{Batch, set_batch};
pub use budget::{Budget, Cost};
pub use build::GraphBuilder;
pub use check::NEWEST as NEWEST_OPSET;
pub use col2im::Blocks;
pub use declare::{declared_shape, float_value, typed_value};
pub use error::OnnxError;
pub use file::{MOST_BYTES, data_file};
pub use finite::require_finite;
pub use formula::Formula;
pub use inline::inline;
pub use model::Model;
pub use narrow::{Narrowed, narrow_weights};
pub use normalise::{least_opset, require_true_declarations};
pub use part::part;
pub use precision::{single_precision, speaks_single_precision};
pub use proto::node_name;
pub use raise::raise_opset;
pub use scope::reads;
pub use shape::{
    Cut, Equation, Footprint, Given, Pads, Positions, Shapes, Window, axis, cuts, has_shape_rule,
    infer_shapes, infer_shapes_for, pads, reduced_axes, window,
};
pub use symbolic::{Dim, Entry, Shape, Symbolic, broadcast, shape_text};
pub use tensor::{
    booleans, float_tensor, floats, int_tensor, ints, set_floats, tensor_shape, typed_tensor,
};
pub use types::{Types, declared_type, is_floating};
pub use unread::{output_names, remove_unread};

/// The opset that Pellucid writes: the first with `ScatterElements(reduction = "add")`, the gradient of pooling, is
/// 16; 17 is what PyTorch's exporter writes by default, so every runtime in use reads it.
pub const OPSET: i64 = 17;
