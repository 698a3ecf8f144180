//! The ONNX graph on libtorch: [`Network`] executes it with its initializers as parameters.

mod arrays;
mod clip;
mod cuda;
mod driver;
mod environment;
mod executor;
mod fused;
mod gradient;
mod layout;
mod operators;
mod parameters;
mod plan;
pub(crate) mod random;
mod shim;
mod site;

pub(crate) use arrays::{to_array, to_tensor};
pub use cuda::choose_device;
pub use driver::{Card, Driver};
pub use environment::set_up_threads_and_memory;
pub use executor::{Mode, Network};
pub(crate) use fused::{Adam, Moments, Sgd, adam_step, sgd_step};
pub use gradient::gradients;
pub use operators::{has_operator, operator_names};
pub(crate) use parameters::lift_constants;
pub use parameters::{Survey, survey};
pub use shim::{
    Tf32, allow_tf32, card_memory, cuda_versions, keep_memory, peak_memory, release_memory,
    reset_peak_memory, torch_version,
};
