//! Attacks: perturbations of images that make a network wrong, for training against and for measuring with.

mod pgd;

pub use pgd::{Attack, pgd};
