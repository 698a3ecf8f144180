use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array3, ArrayView3, Axis};

use super::noise::{Purpose, Stream};

/// An image that shows nothing: what Integrated Gradients start from, and what fills the pixels that occlusion, RISE
/// and Score-CAM take away.
///
/// All values are RGB pixels in [0, 1], whatever the network is fed (see [`PixelSpace`](super::PixelSpace)). Sturmfels,
/// Lundberg and Lee, *Visualizing the Impact of Feature Attribution Baselines* (Distill, 2020), compare them.
///
/// As text: `black`, `white`, `value:0.5`, `uniform`, `noise`, `noise:0.2`, `blur`, `blur:10`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Baseline {
    /// 0 everywhere.
    Black,
    /// 1 everywhere.
    White,
    /// The same value in every pixel and channel.
    Value(f32),
    /// Independent uniform noise in [0, 1).
    Uniform,
    /// The image under Gaussian noise of this standard deviation, clamped to [0, 1].
    Noise(f32),
    /// The image blurred by a Gaussian of this standard deviation in pixels, edges repeated.
    Blur(f32),
    /// An image `[3, H, W]` of the caller's.
    Image(Array3<f32>),
}

/// The noise's standard deviation where none is given.
const NOISE: f32 = 0.5;
/// The blur's standard deviation in pixels where none is given.
const BLUR: f32 = 10.0;
/// A wider blur would show nothing else, and cost more.
const WIDEST: f32 = 1000.0;

impl Baseline {
    /// Whether another seed makes another image.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Uniform | Self::Noise(_))
    }

    /// The baseline for the pixels `[3, H, W]` of an image; `index` tells several random ones of one seed apart.
    #[must_use]
    pub fn pixels(&self, image: ArrayView3<'_, f32>, seed: u64, index: usize) -> Array3<f32> {
        let shape = image.dim();
        let mut stream = Stream::new(seed, Purpose::Baseline, index);
        match self {
            Self::Black => Array3::zeros(shape),
            Self::White => Array3::ones(shape),
            Self::Value(value) => Array3::from_elem(shape, *value),
            Self::Uniform => stream.units(shape),
            Self::Noise(sigma) => {
                (&image + stream.normals(shape) * *sigma).mapv(|pixel| pixel.clamp(0.0, 1.0))
            }
            Self::Blur(sigma) => blur(image, *sigma),
            Self::Image(pixels) => pixels.clone(),
        }
    }
}

/// Convolves with a sampled Gaussian, cut off at four standard deviations and scaled to the sum 1, first along the
/// columns, then along the rows; edge pixels are repeated outwards (SciPy's `gaussian_filter(mode="nearest")`).
fn blur(image: ArrayView3<'_, f32>, sigma: f32) -> Array3<f32> {
    let mut blurred = image.to_owned();
    if sigma > 0.0 {
        let kernel = gaussian(sigma.min(WIDEST));
        for axis in [Axis(1), Axis(2)] {
            for mut lane in blurred.lanes_mut(axis) {
                let before = lane.to_owned();
                for (at, value) in lane.iter_mut().enumerate() {
                    *value = smooth(&before, at, &kernel);
                }
            }
        }
    }
    blurred
}

/// The kernel from its middle outwards.
fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = (4.0 * sigma + 0.5) as usize;
    let heights = (0..=radius).map(|x| f64::exp(-0.5 * (x as f64 / f64::from(sigma)).powi(2)));
    let heights: Vec<f64> = heights.collect();
    let total = heights[0] + 2.0 * heights[1..].iter().sum::<f64>();
    heights
        .iter()
        .map(|height| (height / total) as f32)
        .collect()
}

fn smooth(lane: &Array1<f32>, at: usize, kernel: &[f32]) -> f32 {
    let last = lane.len() - 1;
    let sides = kernel.iter().enumerate().skip(1);
    let sides = sides.map(|(away, weight)| {
        weight * (lane[at.saturating_sub(away)] + lane[(at + away).min(last)])
    });
    kernel[0] * lane[at] + sides.sum::<f32>()
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Black => f.write_str("black"),
            Self::White => f.write_str("white"),
            Self::Value(value) => write!(f, "value:{value}"),
            Self::Uniform => f.write_str("uniform"),
            Self::Noise(sigma) => write!(f, "noise:{sigma}"),
            Self::Blur(sigma) => write!(f, "blur:{sigma}"),
            Self::Image(_) => f.write_str("image"),
        }
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let number = |low: f32, high: f32| {
            number.map_or(Ok(None), |text| {
                let value = text
                    .parse()
                    .ok()
                    .filter(|value| (low..=high).contains(value));
                let value = value.ok_or(format!("`{text}` is not a number from {low} to {high}"));
                value.map(Some)
            })
        };
        match (name, text.contains(':')) {
            ("black", false) => Ok(Self::Black),
            ("white", false) => Ok(Self::White),
            ("uniform", false) => Ok(Self::Uniform),
            ("value", true) => Ok(Self::Value(number(0.0, 1.0)?.unwrap_or_default())),
            ("noise", _) => Ok(Self::Noise(number(0.0, 10.0)?.unwrap_or(NOISE))),
            ("blur", _) => Ok(Self::Blur(number(0.0, WIDEST)?.unwrap_or(BLUR))),
            _ => Err(format!(
                "`{text}` is not a baseline; the baselines are black, white, value:0.5, uniform, noise, noise:0.5, blur and blur:10"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, s};

    use super::*;

    fn image() -> Array3<f32> {
        Array::from_shape_fn((3, 5, 7), |(c, y, x)| {
            ((c * 11 + y * 5 + x * 3) % 13) as f32 / 13.0
        })
    }

    #[test]
    fn every_baseline_is_read_as_it_is_written() {
        for text in [
            "black",
            "white",
            "value:0.5",
            "uniform",
            "noise:0.2",
            "blur:2.5",
        ] {
            assert_eq!(text.parse::<Baseline>().unwrap().to_string(), text);
        }
        assert_eq!("noise".parse(), Ok(Baseline::Noise(NOISE)));
        assert_eq!("blur".parse(), Ok(Baseline::Blur(BLUR)));
        for wrong in [
            "",
            "grey",
            "value",
            "value:2",
            "value:NaN",
            "blur:-1",
            "blur:",
            "black:1",
        ] {
            assert!(wrong.parse::<Baseline>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn noise_stays_in_the_range_of_pixels_and_follows_the_seed() {
        for baseline in [Baseline::Uniform, Baseline::Noise(3.0)] {
            let pixels = baseline.pixels(image().view(), 1, 0);
            assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            assert_eq!(pixels, baseline.pixels(image().view(), 1, 0));
            assert_ne!(pixels, baseline.pixels(image().view(), 1, 1));
            assert_ne!(pixels, baseline.pixels(image().view(), 2, 0));
            assert!(baseline.is_random());
        }
    }

    /// `scipy.ndimage.gaussian_filter1d([0, 0, 1, 0, 0, 0, 0, 0, 0], 1.0, mode="nearest")`: the normal density, sampled.
    #[test]
    fn a_dot_is_blurred_to_a_gaussian() {
        let mut dot = Array3::zeros((1, 9, 9));
        dot[[0, 4, 4]] = 1.0;
        let found = Baseline::Blur(1.0).pixels(dot.view(), 0, 0);
        let density = |x: f64| (-0.5 * x * x).exp();
        let total: f64 = (-4..=4).map(|x| density(f64::from(x))).sum();
        for ((_, y, x), value) in found.indexed_iter() {
            let exact = density(y as f64 - 4.0) * density(x as f64 - 4.0) / (total * total);
            assert!(
                (f64::from(*value) - exact).abs() < 1e-7,
                "{y}, {x}: {value} for {exact}"
            );
        }
    }

    #[test]
    fn a_blur_keeps_what_is_even_and_widens_without_end() {
        let even = Array3::from_elem((3, 4, 4), 0.25);
        for sigma in [0.3, 2.0, 50.0, f32::MAX] {
            let blurred = Baseline::Blur(sigma).pixels(even.view(), 0, 0);
            assert!(
                blurred.iter().all(|pixel| (pixel - 0.25).abs() < 1e-5),
                "{sigma}"
            );
        }
        assert_eq!(Baseline::Blur(0.0).pixels(image().view(), 0, 0), image());
        let wide = Baseline::Blur(50.0).pixels(image().view(), 0, 0);
        let spread = |pixels: &Array3<f32>| {
            let channel = pixels.slice(s![0, .., ..]);
            channel.iter().copied().fold(f32::MIN, f32::max)
                - channel.iter().copied().fold(f32::MAX, f32::min)
        };
        assert!(spread(&wide) < 0.2 * spread(&image()));
    }
}
