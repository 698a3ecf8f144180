use ndarray::Array3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What random numbers are for; each purpose has streams of its own, so that two methods with one seed share no noise.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Purpose {
    Baseline = 1,
    SmoothGrad,
    ExpectedGradients,
    Rise,
}

/// The random numbers of one sample, the same for the same seed, purpose and index, whatever the batch size and the
/// order of the samples. The way from bits to numbers is spelt out, because that of a library's distributions may change
/// between its versions.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    pub(super) fn new(seed: u64, purpose: Purpose, index: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(index as u64).to_le_bytes());
        key[16..24].copy_from_slice(&(purpose as u64).to_le_bytes());
        // Apart from the phantoms' streams, which leave the last eight bytes zero.
        key[24..].copy_from_slice(b"attribut");
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Normal with mean 0 and variance 1 (Box and Muller, *A Note on the Generation of Random Normal Deviates*, 1958).
    pub(super) fn normal(&mut self) -> f32 {
        // In (0, 1], so that the logarithm is finite.
        let radius = (f64::from(self.0.next_u32()) + 1.0) / 4_294_967_296.0;
        let angle = f64::from(self.0.next_u32()) / 4_294_967_296.0;
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    }

    /// Uniform in 0..count; 0 where `count` is 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// Independent normal numbers of mean 0 and variance 1.
    pub(super) fn normals(&mut self, shape: (usize, usize, usize)) -> Array3<f32> {
        Array3::from_shape_simple_fn(shape, || self.normal())
    }

    /// Independent numbers, uniform in [0, 1).
    pub(super) fn units(&mut self, shape: (usize, usize, usize)) -> Array3<f32> {
        Array3::from_shape_simple_fn(shape, || self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of the standard normal distribution: 0, 1, 0, 3; the bounds are five standard errors of n = 30,000.
    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let numbers = Stream::new(3, Purpose::SmoothGrad, 0).normals((3, 100, 100));
        let moment = |power: i32| {
            let sum: f64 = numbers.iter().map(|&x| f64::from(x).powi(power)).sum();
            sum / numbers.len() as f64
        };
        for (power, exact, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let error = 5.0 * f64::sqrt(variance / 30_000.0);
            assert!(
                (moment(power) - exact).abs() < error,
                "{power}: {}",
                moment(power)
            );
        }
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index_and_repeat_otherwise() {
        let draw = |seed, purpose, index| Stream::new(seed, purpose, index).units((1, 2, 2));
        let one = draw(0, Purpose::Rise, 0);
        assert_eq!(one, draw(0, Purpose::Rise, 0));
        assert_ne!(one, draw(1, Purpose::Rise, 0));
        assert_ne!(one, draw(0, Purpose::Rise, 1));
        assert_ne!(one, draw(0, Purpose::Baseline, 0));
        let mut stream = Stream::new(0, Purpose::Rise, 2);
        assert!((0..1000).all(|_| stream.below(7) < 7));
        assert_eq!(stream.below(0), 0);
    }
}
