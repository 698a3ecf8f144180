//! Graphs of the crates below, where a second opinion is to be had: tract's, or a whole network's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod networks;
mod part;
mod raise;
mod shapes;
