//! What Pellucid's trainer and its browser viewer share: ONNX graphs and their gradients, attribution, images and
//! phantoms. Pure Rust; builds for `wasm32-unknown-unknown`; knows neither libtorch, nor ONNX Runtime, nor a browser.
//!
//! Arrows run one way: [`onnx`] knows nobody; [`zoo`], [`autodiff`] and [`card`] know `onnx`; [`engine`] knows `onnx`;
//! [`attribution`] knows `engine`, `autodiff` and `card`; [`contract`] knows `card` and `attribution`; [`render`] and
//! [`metrics`] know only arrays, and [`npy`] reads them. [`said`], how names stand in messages, and [`guard`], where panics end, are for all.

pub mod attribution;
pub mod autodiff;
mod bilinear;
pub mod card;
pub mod contract;
pub mod engine;
pub mod files;
pub mod guard;
pub mod image;
pub mod kind;
pub mod metrics;
pub mod npy;
pub mod onnx;
pub mod phantom;
pub mod render;
pub mod said;
pub mod zoo;
