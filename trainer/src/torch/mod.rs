//! The ONNX graph on libtorch: [`Network`] executes it with its initializers as parameters.

mod call;
mod cuda;
mod executor;
mod operators;
mod parameters;

pub use cuda::{DeviceChoice, choose_device};
pub use executor::{Mode, Network};
pub use operators::has_operator;
