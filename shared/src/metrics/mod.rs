//! Measures over predictions and attributions. Knows only arrays.

mod classification;

pub use classification::Confusion;
