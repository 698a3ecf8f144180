//! The native half of Pellucid: trains image classifiers to be adversarially robust on libtorch, evaluates, explains
//! and exports them as ONNX. The binary `pellucid` is a thin command line over this library.

#[cfg(feature = "torch")]
pub mod attack;
#[cfg(feature = "torch")]
pub mod bench;
#[cfg(feature = "torch")]
pub mod check;
pub mod cli;
pub mod data;
pub mod device;
pub mod engines;
pub mod evaluate;
#[cfg(feature = "torch")]
pub mod export;
pub mod progress;
mod sentence;
pub mod serve;
mod spelling;
pub mod stop;
#[cfg(feature = "torch")]
pub mod torch;
#[cfg(feature = "torch")]
pub mod train;
