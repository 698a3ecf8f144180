//! A stream of random numbers for each purpose, epoch and step of a training.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a seed is asked for: each purpose, epoch and step has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// The starts of the training's attacks.
    Attack,
    /// The training images' alterations.
    Augmentation,
    /// What dropout drops.
    Dropout,
    /// Which images are mixed, and how much.
    Mixing,
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
mod tests {
    use super::*;

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
