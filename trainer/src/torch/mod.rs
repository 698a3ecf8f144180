//! The ONNX graph on libtorch: [`Network`] executes it with its initializers as parameters.

mod executor;

pub use executor::{Mode, Network};
