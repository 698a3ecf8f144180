//! Random initial weights, the same for the same seed and name on every machine.

use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws weights; each tensor has its own stream, so that adding a layer does not change the others.
pub(super) struct Initializer {
    seed: u64,
    drawn: u64,
}

impl Initializer {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    fn stream(&mut self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.drawn);
        self.drawn += 1;
        rng
    }

    /// Convolution weights `[out, in, k, k]`: normal, σ = √(2 / (out · k²)), torchvision's choice for ResNets
    /// (He et al., *Delving Deep into Rectifiers*, 2015, `fan_out`).
    pub(super) fn convolution(
        &mut self,
        outputs: usize,
        inputs: usize,
        kernel: usize,
    ) -> ArrayD<f32> {
        let sigma = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let mut rng = self.stream();
        ArrayD::from_shape_simple_fn(IxDyn(&[outputs, inputs, kernel, kernel]), || {
            (sigma * normal(&mut rng)) as f32
        })
    }

    /// Linear weights of any shape: uniform in ±1/√fan_in, PyTorch's default for `Linear`.
    pub(super) fn linear(&mut self, shape: &[usize], fan_in: usize) -> ArrayD<f32> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let mut rng = self.stream();
        ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.random_range(-bound..bound))
    }
}

/// The weights of a new linear layer, or its bias: uniform in ±1/√`fan_in`, PyTorch's default. Each `stream` of a seed is drawn
/// apart from the others.
#[must_use]
pub fn fresh_linear(seed: u64, stream: u64, shape: &[usize], fan_in: usize) -> ArrayD<f32> {
    let mut initializer = Initializer {
        seed,
        drawn: stream,
    };
    initializer.linear(shape, fan_in.max(1))
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * rng.random::<f64>()).cos()
}
