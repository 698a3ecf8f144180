//! Measures over predictions and attributions. Knows only arrays.

mod classification;
mod localisation;

pub use classification::Confusion;
pub use localisation::mass_inside;
