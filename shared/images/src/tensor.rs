//! Pixels to numbers and back.

use ::image::{Rgb, RgbImage};
use ndarray::{Array3, ArrayView3};

/// `[3, H, W]`, RGB, 0 to 255 mapped onto [0, 1].
pub fn to_tensor(image: &RgbImage) -> Array3<f32> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.as_raw();
    Array3::from_shape_fn((3, height, width), |(channel, y, x)| {
        f32::from(pixels[(y * width + x) * 3 + channel]) / 255.0
    })
}

/// The picture of a `[3, H, W]` tensor in [0, 1]: the inverse of [`to_tensor`].
///
/// Values are clamped to [0, 1] and rounded; NaN is black. A single channel is shown as grey, channels beyond three are
/// left out, and none at all are black.
pub fn to_rgb(tensor: &ArrayView3<f32>) -> RgbImage {
    let (channels, height, width) = tensor.dim();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb(std::array::from_fn(|channel| {
            let channel = channel.min(channels.saturating_sub(1));
            let value = tensor
                .get([channel, y as usize, x as usize])
                .copied()
                .unwrap_or(0.0);
            // `as` saturates and sends NaN to 0.
            (value * 255.0).round() as u8
        }))
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, arr3};

    use super::*;

    #[test]
    fn there_and_back_is_the_identity_for_all_256_values() {
        let image = RgbImage::from_fn(16, 16, |x, y| {
            let value = (y * 16 + x) as u8;
            Rgb([value, 255 - value, value.rotate_left(3)])
        });
        let tensor = to_tensor(&image);
        assert_eq!(tensor.dim(), (3, 16, 16));
        assert_eq!(tensor[[1, 2, 5]], f32::from(255 - 37_u8) / 255.0);
        assert_eq!(to_rgb(&tensor.view()), image);
    }

    #[test]
    fn odd_tensors_still_have_a_picture() {
        let wild = arr3(&[[[-1.0, 2.0, f32::NAN, f32::INFINITY]]]);
        let grey: Vec<u8> = to_rgb(&wild.view())
            .pixels()
            .map(|pixel| pixel.0[2])
            .collect();
        assert_eq!(grey, [0, 255, 0, 255]);
        assert_eq!(to_rgb(&Array::zeros((0, 2, 3)).view()), RgbImage::new(3, 2));
        assert_eq!(to_rgb(&Array::zeros((5, 0, 0)).view()).dimensions(), (0, 0));
    }
}
