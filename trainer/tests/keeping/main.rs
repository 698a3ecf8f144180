//! The real binary: what is there stays, whatever is asked for, however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(unix)]
mod inputs;
#[cfg(all(target_os = "linux", feature = "torch"))]
mod kills;
#[cfg(unix)]
mod overwriting;
#[cfg(target_os = "linux")]
mod signals;
