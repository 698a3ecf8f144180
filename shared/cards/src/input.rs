//! The card's section `input`: how an image becomes what the network is fed.

use ndarray::{Array3, ArrayView3, Axis};
use serde::{Deserialize, Deserializer, Serialize};

use super::CardError;
use pellucid_images::{Preprocessing, RgbImage, preprocess};

/// How an image becomes the network's input. What is `None` nobody has told: see the crate `pellucid-contract`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Crop and size.
    pub preprocessing: Preprocessing,
    /// The order of the axes in the network's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What a pixel consists of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// Which values black and white have, before mean and standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Mean per channel in units of `range`, subtracted before the image is fed. Only for networks that hold no
    /// normalization; Pellucid's own have it inside. For a grey network the three are equal.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "channels"
    )]
    pub mean: Option<[f32; 3]>,
    /// Standard deviation per channel in units of `range`, divided by before the image is fed. Stands with `mean` or not
    /// at all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "channels"
    )]
    pub std: Option<[f32; 3]>,
}

/// The order of an image tensor's axes: batch, channels, height and width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[N, C, H, W]`, as PyTorch has it.
    #[default]
    Nchw,
    /// `[N, H, W, C]`, as TensorFlow has it.
    Nhwc,
}

/// What a pixel consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Channels {
    /// One number: luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, Pillow's mode `L`).
    Grey,
    /// Red, green and blue.
    #[default]
    Rgb,
}

impl Channels {
    /// 1 or 3.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }

    /// Of an image tensor with so many channels.
    #[must_use]
    pub fn of(count: usize) -> Option<Self> {
        match count {
            1 => Some(Self::Grey),
            3 => Some(Self::Rgb),
            _ => None,
        }
    }
}

impl TryFrom<u8> for Channels {
    type Error = String;

    fn try_from(count: u8) -> Result<Self, String> {
        Self::of(count.into()).ok_or_else(|| format!("an image has 1 or 3 channels, not {count}"))
    }
}

impl From<Channels> for u8 {
    fn from(channels: Channels) -> Self {
        match channels {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }
    }
}

/// How much red, green and blue count in grey.
pub const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Which values black and white have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Range {
    /// Black is 0, white is 1.
    #[default]
    #[serde(rename = "0..1")]
    Unit,
    /// Black is 0, white is 255: the bytes of an image file.
    #[serde(rename = "0..255")]
    Bytes,
    /// Black is −1, white is 1.
    #[serde(rename = "-1..1")]
    Signed,
}

impl Range {
    /// The values of black and white.
    #[must_use]
    pub fn ends(self) -> [f32; 2] {
        match self {
            Self::Unit => [0.0, 1.0],
            Self::Bytes => [0.0, 255.0],
            Self::Signed => [-1.0, 1.0],
        }
    }

    /// As people write it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Unit => "0 to 1",
            Self::Bytes => "0 to 255",
            Self::Signed => "−1 to 1",
        }
    }
}

/// A standard deviation below this, in any unit of pixels, is a slip: what is divided by it is no image any more.
const LEAST_STD: f32 = 1e-6;

/// A mean or standard deviation beyond this is none of pixels.
const MOST: f32 = 1e5;

impl Input {
    /// For a network that takes RGB in [0, 1] and normalises it itself.
    #[must_use]
    pub fn plain(preprocessing: Preprocessing) -> Self {
        Self {
            preprocessing,
            layout: None,
            channels: None,
            range: Some(Range::Unit),
            mean: None,
            std: None,
        }
    }

    /// The network's input `[C, H, W]` for an image: cropped, resized, grey where the network wants it, in the network's
    /// range, and normalised where the network does not do that itself.
    #[must_use]
    pub fn tensor(&self, image: &RgbImage) -> Array3<f32> {
        self.normalise(preprocess(image, &self.preprocessing))
    }

    /// What the network is fed, `[C, H, W]`, for RGB pixels `[3, H, W]` in [0, 1].
    #[must_use]
    pub fn normalise(&self, image: Array3<f32>) -> Array3<f32> {
        let mut image = match self.channels.unwrap_or_default() {
            Channels::Rgb => image,
            Channels::Grey => grey(image.view()),
        };
        let [black, white] = self.range.unwrap_or_default().ends();
        if self.range.unwrap_or_default() != Range::Unit {
            image.mapv_inplace(|pixel| black + pixel * (white - black));
        }
        if let Some((mean, std)) = self.mean.zip(self.std) {
            for ((mut channel, mean), std) in image.axis_iter_mut(Axis(0)).zip(mean).zip(std) {
                channel.mapv_inplace(|value| (value - mean) / std);
            }
        }
        image
    }

    /// The picture `[C, H, W]` in [0, 1] that a network input shows: the inverse of [`Input::normalise`].
    #[must_use]
    pub fn picture(&self, tensor: ArrayView3<'_, f32>) -> Array3<f32> {
        let mut picture = tensor.to_owned();
        let (mean, std) = self.scale();
        for ((mut channel, mean), std) in picture.axis_iter_mut(Axis(0)).zip(mean).zip(std) {
            channel.mapv_inplace(|value| value * std + mean);
        }
        picture
    }

    /// Range, mean and standard deviation together: the network is fed `(pixel − mean) / std` of pixels in [0, 1].
    #[must_use]
    pub fn scale(&self) -> ([f32; 3], [f32; 3]) {
        let [black, white] = self.range.unwrap_or_default().ends();
        let (mean, std) = self.mean.zip(self.std).unwrap_or(IDENTITY);
        let span = white - black;
        (
            mean.map(|mean| (mean - black) / span),
            std.map(|std| std / span),
        )
    }

    pub(super) fn check(&self) -> Result<(), CardError> {
        match (self.mean, self.std) {
            (None, None) => Ok(()),
            (Some(mean), Some(std)) => usable(mean, std).map_err(CardError::Invalid),
            _ => Err(CardError::Invalid(
                "mean and std are given together or not at all".into(),
            )),
        }
    }
}

/// Changes nothing.
const IDENTITY: ([f32; 3], [f32; 3]) = ([0.0; 3], [1.0; 3]);

/// Refuses means and standard deviations that no images have.
///
/// # Errors
/// A sentence that says which.
pub fn usable(mean: [f32; 3], std: [f32; 3]) -> Result<(), String> {
    if let Some(mean) = mean.iter().find(|m| !m.is_finite() || m.abs() > MOST) {
        return Err(format!("the mean {mean} cannot be that of pixels"));
    }
    match std.iter().find(|s| !(LEAST_STD..=MOST).contains(*s)) {
        Some(std) => Err(format!(
            "the standard deviation {std} cannot be that of pixels: it must be a finite number above {LEAST_STD:e}"
        )),
        None => Ok(()),
    }
}

fn grey(image: ArrayView3<'_, f32>) -> Array3<f32> {
    let mut sum = Array3::zeros((1, image.len_of(Axis(1)), image.len_of(Axis(2))));
    for (channel, weight) in image.outer_iter().zip(LUMA) {
        sum.index_axis_mut(Axis(0), 0).scaled_add(weight, &channel);
    }
    sum
}

/// Three numbers, or one that stands for all.
fn channels<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f32; 3]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Three([f32; 3]),
        One([f32; 1]),
    }
    Ok(
        Option::<Given>::deserialize(from)?.map(|given| match given {
            Given::Three(three) => three,
            Given::One([one]) => [one; 3],
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalization_is_per_channel_and_undone_for_the_picture() {
        let input = Input {
            mean: Some([0.5, 0.25, 0.0]),
            std: Some([0.5, 0.25, 2.0]),
            ..Input::plain(Preprocessing::square(2))
        };
        let image = Array3::from_shape_fn((3, 2, 2), |(_, y, x)| (2 * y + x) as f32 / 4.0);
        let tensor = input.normalise(image.clone());
        assert_eq!(tensor[[0, 0, 0]], -1.0);
        assert_eq!(tensor[[1, 1, 1]], 2.0);
        assert_eq!(tensor[[2, 1, 0]], 0.25);
        assert_eq!(input.picture(tensor.view()), image);
    }

    #[test]
    fn black_and_white_have_the_values_of_the_range() {
        let ends = |range, mean, std| {
            let input = Input {
                range: Some(range),
                mean,
                std,
                ..Input::plain(Preprocessing::square(1))
            };
            [0.0, 1.0].map(|pixel| input.normalise(Array3::from_elem((3, 1, 1), pixel))[[0, 0, 0]])
        };
        assert_eq!(ends(Range::Unit, None, None), [0.0, 1.0]);
        assert_eq!(ends(Range::Bytes, None, None), [0.0, 255.0]);
        assert_eq!(ends(Range::Signed, None, None), [-1.0, 1.0]);
        // Mean and deviation are in units of the range: (255 − 127.5) / 51.
        let bytes = ends(Range::Bytes, Some([127.5; 3]), Some([51.0; 3]));
        assert!(
            (bytes[0] + 2.5).abs() < 1e-5 && (bytes[1] - 2.5).abs() < 1e-5,
            "{bytes:?}"
        );
    }

    #[test]
    fn a_grey_network_is_fed_luma() {
        let input = Input {
            channels: Some(Channels::Grey),
            mean: Some([0.5; 3]),
            std: Some([0.25; 3]),
            ..Input::plain(Preprocessing::square(1))
        };
        let pixel = Array3::from_shape_fn((3, 1, 1), |(c, _, _)| [1.0, 0.5, 0.0][c]);
        let tensor = input.normalise(pixel);
        assert_eq!(tensor.dim(), (1, 1, 1));
        assert!((tensor[[0, 0, 0]] - (0.299 + 0.2935 - 0.5) / 0.25).abs() < 1e-5);
    }

    #[test]
    fn means_and_deviations_that_no_pixels_have_are_refused() {
        for std in [0.0, -1.0, 1e-45, 1e-30, f32::NAN, f32::INFINITY, 3e38] {
            assert!(usable([0.5; 3], [1.0, std, 1.0]).is_err(), "{std}");
        }
        for mean in [f32::NAN, f32::INFINITY, 1e30, -1e30] {
            assert!(usable([mean, 0.0, 0.0], [1.0; 3]).is_err(), "{mean}");
        }
        assert!(usable([123.675, -2.0, 0.0], [58.4, 1e-3, 255.0]).is_ok());
    }
}
