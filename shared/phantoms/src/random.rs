//! Random numbers, the same on every platform and in every version of this program.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Class;

/// What a stream of random numbers is for. Each thing has a stream of its own, so that changing one changes no other.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Purpose {
    ClassOrder,
    Skin,
    /// What every lesion has: place, area, mean colour. Knows no class.
    Lesion,
    Hair,
    Bubbles,
    Light,
    Shortcut,
    /// What only this class has.
    Nevus,
    Melanoma,
    Keratosis,
}

impl From<Class> for Purpose {
    fn from(class: Class) -> Self {
        match class {
            Class::Nevus => Self::Nevus,
            Class::Melanoma => Self::Melanoma,
            Class::Keratosis => Self::Keratosis,
        }
    }
}

/// A stream of random numbers. The mapping from bits to numbers is spelt out here: that of a library's distributions
/// may change between its versions.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    pub(super) fn new(seed: u64, index: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        key[16..24].copy_from_slice(&(purpose as u64).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(super) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in [low, high).
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped, mean 0, standard deviation 1, within ±3: the sum of twelve halves (Irwin–Hall) scaled.
    pub(super) fn bell(&mut self) -> f32 {
        let sum: f32 = (0..12).map(|_| self.unit()).sum();
        (sum - 6.0).clamp(-3.0, 3.0)
    }

    /// Uniform in 0..count.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.bits()) * count as u64) >> 32) as usize
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// A point in the unit disc.
    pub(super) fn in_disc(&mut self) -> [f32; 2] {
        loop {
            let point = [self.between(-1.0, 1.0), self.between(-1.0, 1.0)];
            if point[0] * point[0] + point[1] * point[1] <= 1.0 {
                return point;
            }
        }
    }

    /// A direction: a point on the unit circle.
    pub(super) fn direction(&mut self) -> [f32; 2] {
        loop {
            let [x, y] = self.in_disc();
            let length = (x * x + y * y).sqrt();
            if length > 0.01 {
                return [x / length, y / length];
            }
        }
    }
}
