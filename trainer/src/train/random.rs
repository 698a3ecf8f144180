//! Random tensors that a seed decides.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

/// libtorch draws from one generator per process: whoever seeds it holds this until it has drawn.
static GENERATOR: Mutex<()> = Mutex::new(());

fn seeded<T>(seed: u64, draw: impl FnOnce() -> T) -> T {
    let _held = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed.cast_signed());
    draw()
}

/// Independent standard normal numbers, float32, drawn on the device.
pub(super) fn normal(seed: u64, shape: &[i64], device: Device) -> Result<Tensor> {
    Ok(seeded(seed, || {
        Tensor::f_randn(shape, (Kind::Float, device))
    })?)
}

/// Independent numbers, uniform in [0, 1), float32, drawn on the device.
pub(super) fn uniform(seed: u64, shape: &[i64], device: Device) -> Result<Tensor> {
    Ok(seeded(seed, || {
        Tensor::f_rand(shape, (Kind::Float, device))
    })?)
}

/// What a seed is asked for: each purpose, epoch and step has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// The starts of the training's attacks.
    Attack,
    /// The training images' alterations.
    Augmentation,
}

/// The seed for one step's draws.
pub(super) fn step_seed(seed: u64, purpose: Purpose, epoch: u64, step: u64) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Epochs' orders have the low streams.
    rng.set_stream(u64::MAX - purpose as u64);
    // Epochs do not reach 2³², nor steps within one.
    rng.set_word_pos(u128::from(epoch << 32 | step) * 2);
    rng.random()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_something_else() {
        let draw = |seed| Vec::<f32>::try_from(normal(seed, &[5], Device::Cpu).unwrap()).unwrap();
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let draw = |seed| Vec::<f32>::try_from(uniform(seed, &[5], Device::Cpu).unwrap()).unwrap();
        assert_eq!(draw(3), draw(3));
    }

    #[test]
    fn steps_epochs_and_purposes_have_seeds_of_their_own() {
        let mut seen = std::collections::HashSet::new();
        for epoch in 0..20 {
            for step in 0..20 {
                seen.insert(step_seed(0, Purpose::Attack, epoch, step));
                seen.insert(step_seed(0, Purpose::Augmentation, epoch, step));
                seen.insert(step_seed(1, Purpose::Attack, epoch, step));
            }
        }
        assert_eq!(seen.len(), 1200);
    }
}
