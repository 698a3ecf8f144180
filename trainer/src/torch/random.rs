//! Random tensors that a seed decides.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

/// libtorch draws from one generator per process: whoever seeds it holds this until it has drawn.
static GENERATOR: Mutex<()> = Mutex::new(());

/// What `draw` gives where libtorch draws from that seed.
pub(crate) fn seeded<T>(seed: u64, draw: impl FnOnce() -> T) -> T {
    let _held = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed.cast_signed());
    draw()
}

/// Independent standard normal numbers, float32, drawn on the device.
pub(crate) fn normal(seed: u64, shape: &[i64], device: Device) -> Result<Tensor> {
    Ok(seeded(seed, || {
        Tensor::f_randn(shape, (Kind::Float, device))
    })?)
}

/// Independent numbers, uniform in [0, 1), float32, drawn on the device.
pub(crate) fn uniform(seed: u64, shape: &[i64], device: Device) -> Result<Tensor> {
    Ok(seeded(seed, || {
        Tensor::f_rand(shape, (Kind::Float, device))
    })?)
}

#[cfg(test)]
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
}
