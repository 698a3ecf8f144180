//! Attribution on tract against Captum.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "captum/check.rs"]
mod check;

use check::Reference;
use pellucid_shared::engine::TractEngine;

fn reference(batch: usize) -> Reference {
    Reference::open(|graph| Ok(Box::new(TractEngine::new(graph)?)), batch)
}

#[test]
fn single_gradients() {
    check::single_gradients(&mut reference(8));
}

#[test]
fn other_relu_rules() {
    check::other_relu_rules(&mut reference(8));
}

/// In batches of four, of which the last is filled up.
#[test]
fn noise_tunnels() {
    check::noise_tunnels(&mut reference(4));
}

#[test]
fn integrated_gradients() {
    check::integrated_gradients(&mut reference(7));
}

#[test]
fn integrated_gradients_one_by_one() {
    check::integrated_gradients(&mut reference(1));
}

#[test]
fn expected_gradients() {
    check::expected_gradients(&mut reference(8));
}

#[test]
fn feature_maps() {
    check::feature_maps(&mut reference(8));
}

#[test]
fn maps_without_gradients() {
    check::maps_without_gradients(&mut reference(8));
}
