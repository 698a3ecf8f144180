//! Examples as tensors on a device.

use anyhow::Result;
use ndarray::Array4;
use tch::{Device, Kind, Tensor};

use super::Examples;
use crate::torch::to_tensor;

/// Images `[N, 3, H, W]` in [0, 1] and labels `[N]` of the examples at these indices.
pub(crate) fn batch(
    examples: &Examples,
    indices: &[usize],
    device: Device,
) -> Result<(Tensor, Tensor)> {
    let labels: Vec<i64> = indices
        .iter()
        .map(|&index| examples.labels()[index] as i64)
        .collect();
    let images = to_images(&examples.images(indices)?, device)?;
    Ok((images, Tensor::f_from_slice(&labels)?.to_device(device)))
}

/// Pixels `[N, 3, H, W]`, 0 to 255, as a network reads them: float32 in [0, 1].
fn to_images(pixels: &Array4<u8>, device: Device) -> Result<Tensor> {
    let bytes = to_tensor(pixels)?.to_device(device);
    Ok(bytes.to_kind(Kind::Float) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_numbers_in_the_unit_interval() {
        let pixels = Array4::from_shape_fn((2, 3, 4, 4), |(n, c, y, x)| {
            (n * 100 + c * 50 + y * 4 + x) as u8
        });
        let images = to_images(&pixels, Device::Cpu).unwrap();
        assert_eq!(images.size(), [2, 3, 4, 4]);
        let expected = f64::from(pixels[[1, 2, 3, 1]]) / 255.0;
        assert!((images.double_value(&[1, 2, 3, 1]) - expected).abs() < 1e-7);
    }
}
