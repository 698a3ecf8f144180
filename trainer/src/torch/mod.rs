//! The ONNX graph on libtorch: [`Network`] executes it with its initializers as parameters.

mod call;
mod cuda;
mod executor;
mod operators;
mod parameters;
mod threads;

pub use cuda::{DeviceChoice, choose_device};
pub use executor::{Mode, Network};
pub use operators::has_operator;
pub use threads::let_waiting_threads_sleep;
