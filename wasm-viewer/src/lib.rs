//! The browser's half of Pellucid.
//!
//! A Web Worker loads this crate as WebAssembly and holds either a [`Picture`] (decoding, cropping, phantoms) or a
//! [`Classifier`] (predictions and gradients); `www/` holds the page around it. Everything is computed here, nothing in
//! JavaScript: what the page shows can be compared number by number with what the command line writes.

mod bindings;
mod classifier;
mod error;
mod painting;
mod picture;
mod pin;
mod question;
mod recorder;
mod smooth;

pub use classifier::{About, ClassDescription, Classifier, Description, Figure, Prediction};
pub use error::ViewerError;
pub use painting::{Painting, Style, legend, paint_map};
pub use picture::{Picture, Raster};
pub use question::{Question, Way};
