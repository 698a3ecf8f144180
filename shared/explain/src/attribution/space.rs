use ndarray::{Array3, ArrayView3, Axis};

/// How pixels become the network's input: where "black", "white" and a noise's strength are said.
///
/// Methods that alter an image (baselines, noise, occlusion) speak of RGB pixels in [0, 1], because only there do black and
/// white have a meaning. A network of Pellucid's own normalises inside its graph; its input *is* the pixels, and the
/// space is the identity. A network that wants `(pixel − mean) / std` has both in its card or on the command line; a
/// black pixel is then fed as `−mean / std`, and noise of standard deviation σ on pixels as `σ / std` on the input. What the
/// methods return is always an attribution to the network's own input, `[3, H, W]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSpace {
    mean: [f32; 3],
    std: [f32; 3],
}

impl Default for PixelSpace {
    /// The network is fed pixels in [0, 1].
    fn default() -> Self {
        Self {
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }
}

impl PixelSpace {
    /// The network is fed `(pixel − mean) / std`, per RGB channel; `std` is above 0.
    #[must_use]
    pub fn normalised(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self { mean, std }
    }

    /// What the network is fed for pixels `[3, H, W]`.
    #[must_use]
    pub fn input(&self, mut pixels: Array3<f32>) -> Array3<f32> {
        for ((mut channel, mean), std) in pixels.axis_iter_mut(Axis(0)).zip(self.mean).zip(self.std)
        {
            channel.mapv_inplace(|pixel| (pixel - mean) / std);
        }
        pixels
    }

    /// The pixels that an input `[3, H, W]` shows: the inverse of [`PixelSpace::input`].
    #[must_use]
    pub fn pixels(&self, input: ArrayView3<'_, f32>) -> Array3<f32> {
        let mut pixels = input.to_owned();
        for ((mut channel, mean), std) in pixels.axis_iter_mut(Axis(0)).zip(self.mean).zip(self.std)
        {
            channel.mapv_inplace(|value| value * std + mean);
        }
        pixels
    }

    /// A difference of pixels as a difference of inputs: divided by `std`.
    #[must_use]
    pub fn difference(&self, mut pixels: Array3<f32>) -> Array3<f32> {
        for (mut channel, std) in pixels.axis_iter_mut(Axis(0)).zip(self.std) {
            channel.mapv_inplace(|pixel| pixel / std);
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_is_minus_the_mean_over_the_standard_deviation() {
        let space = PixelSpace::normalised([0.5, 0.25, 0.0], [0.5, 0.25, 2.0]);
        let black = space.input(Array3::zeros((3, 1, 1)));
        assert_eq!(black.iter().copied().collect::<Vec<_>>(), [-1.0, -1.0, 0.0]);
        let white = space.input(Array3::ones((3, 1, 1)));
        assert_eq!(white.iter().copied().collect::<Vec<_>>(), [1.0, 3.0, 0.5]);
        assert_eq!(space.pixels(white.view()), Array3::<f32>::ones((3, 1, 1)));
        let step = space.difference(Array3::ones((3, 1, 1)));
        assert_eq!(step, white - black);
    }
}
