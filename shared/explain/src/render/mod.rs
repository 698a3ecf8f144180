//! Attributions to pictures. Knows only arrays.
//!
//! The way is that of Captum's `visualize_image_attr`: [`collapse()`] the channels, [`normalise()`] by sign and outliers,
//! [`paint()`] or [`overlay()`]. Other than there, no map ever crashes and none is silently blank: what is unusual about it is
//! told by a [`Flag`].
//!
//! ```
//! use ndarray::Array3;
//! use onnx_explain::render::{ColourMap, Sign, collapse, normalise, paint};
//!
//! let gradient = Array3::from_shape_fn((3, 8, 8), |(_, y, x)| y as f32 - x as f32);
//! let map = normalise(&collapse(&gradient), Sign::Absolute, 1.0);
//! assert!(map.flag.is_none());
//! assert_eq!(paint(&map, ColourMap::Blues).dimensions(), (8, 8));
//! ```

mod collapse;
mod colour;
mod draw;
mod grid;
mod normalise;
mod paint;

pub use collapse::{collapse, collapse_absolute};
pub use colour::{BLACK, ColourMap, GREEN, RED, WHITE, colour_bar};
pub use draw::{frame, outline};
pub use grid::{enlarge, grid};
pub use normalise::{Flag, Normalised, Sign, TINY, normalise};
pub use paint::{overlay, paint};
