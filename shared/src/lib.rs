//! What Pellucid's trainer and its browser viewer share: ONNX graphs and their gradients, attribution, images and
//! phantoms. Pure Rust; builds for `wasm32-unknown-unknown`; knows neither libtorch, nor ONNX Runtime, nor a browser.
//!
//! A façade: every part is a crate of its own in this folder, and this one hands them on under one name. Who may know whom stands in
//! `docs/architecture.md`, and `tests/arrows` holds it.

pub use onnx_autodiff as autodiff;
pub use onnx_edit as onnx;
pub use onnx_explain::{attribution, engine, metrics, render};
pub use pellucid_cards as card;
pub use pellucid_contract as contract;
pub use pellucid_files as files;
pub use pellucid_files::{guard, kind, said};
pub use pellucid_images as image;
pub use pellucid_images::npy;
pub use pellucid_phantoms as phantom;
pub use pellucid_zoo as zoo;
