//! Convolutions of float32 images, planes of rows (NCHW), on one thread.
//!
//! | what | how |
//! | --- | --- |
//! | 3×3, stride 1 | Winograd's minimal filtering: F(2,3), or F(4,3) where [`Accuracy::Gradient`] is enough |
//! | a channel on its own (depthwise) | directly, row by row |
//! | everything else | columns of the image, packed as they are needed, times the weights |
//! | transposed | the weights times the image, added up where the windows overlap |
//!
//! Weights are brought into the kernels' form once, when a [`Convolution`] or [`Transposed`] is made. A run takes what room it
//! needs from a [`Scratch`], which is bounded by the caches, not by the image. The arithmetic is
//! written once, over [`lanes`], and runs on WebAssembly's vectors (fused where the binary is compiled with `relaxed-simd`), on
//! AVX2 where the processor has it, and on plain arrays elsewhere.

mod blocks;
mod columns;
mod convolution;
mod depthwise;
mod geometry;
mod lanes;
mod phases;
mod scratch;
mod sink;
mod transposed;
mod winograd;

pub use convolution::{Accuracy, Convolution};
pub use geometry::{Geometry, GeometryError};
pub use scratch::Scratch;
pub use sink::{Activation, Finish};
pub use transposed::Transposed;
