//! What Pellucid's trainer and its browser viewer share: ONNX graphs and their gradients, attribution, images and
//! phantoms. Pure Rust; builds for `wasm32-unknown-unknown`; knows neither libtorch, nor ONNX Runtime, nor a browser.
//!
//! A façade: the graph ([`onnx`], the crate `onnx-edit`), its gradient ([`autodiff`], the crate `onnx-autodiff`) and [`files`] are crates of
//! their own. Who may know whom stands in `docs/architecture.md`, and `tests/arrows` holds it.

pub mod attribution;
mod bilinear;
pub mod card;
pub mod contract;
pub mod engine;
pub mod image;
pub mod metrics;
pub mod npy;
pub mod phantom;
pub mod render;
pub mod zoo;

pub use onnx_autodiff as autodiff;
pub use onnx_edit as onnx;
pub use pellucid_files as files;
pub use pellucid_files::{guard, kind, said};
