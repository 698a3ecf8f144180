//! Pixels to network input, by a rule that travels with the model.

use ::image::imageops::{self, FilterType};
use ::image::{GenericImageView, GrayImage, ImageBuffer, Pixel, RgbImage};
use ndarray::{Array2, Array3};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::to_tensor;

/// How an image becomes a network's square input. Part of the model card.
#[derive(Debug, Serialize, Deserialize, Clone, PartialEq, Eq)]
pub struct Preprocessing {
    /// Side of the network's square input in pixels, 1 to 4096.
    #[serde(deserialize_with = "side")]
    pub size: u32,
    /// What of the image is kept.
    #[serde(default)]
    pub crop: Crop,
    /// How it is brought to that size.
    #[serde(default)]
    pub resize: Filter,
}

impl Preprocessing {
    /// The largest centred square, reduced by antialiased bilinear interpolation to `size`×`size` pixels.
    pub fn square(size: u32) -> Self {
        Self {
            size,
            crop: Crop::default(),
            resize: Filter::default(),
        }
    }
}

/// What of an image the network sees.
#[derive(Debug, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Crop {
    /// The largest centred square.
    #[default]
    CenterSquare,
    /// The whole image, its aspect ratio lost.
    Stretch,
}

impl Crop {
    /// What is kept of an image: left, top, width and height in its pixels.
    pub fn window(self, width: u32, height: u32) -> [u32; 4] {
        let (kept_width, kept_height) = match self {
            Self::CenterSquare => (width.min(height), width.min(height)),
            Self::Stretch => (width, height),
        };
        let (left, top) = ((width - kept_width) / 2, (height - kept_height) / 2);
        [left, top, kept_width, kept_height]
    }
}

/// The resampling filter. All but [`Filter::Nearest`] widen when reducing, and so do not alias.
#[derive(Debug, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// Antialiased bilinear: Pillow's `BILINEAR`, and so torchvision's `Resize`.
    #[default]
    Triangle,
    /// Cubic with a = −0.5: Pillow's `BICUBIC`.
    CatmullRom,
    /// Windowed sinc with three lobes: Pillow's `LANCZOS`.
    Lanczos3,
    /// The nearest pixel.
    Nearest,
}

impl From<Filter> for FilterType {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Triangle => Self::Triangle,
            Filter::CatmullRom => Self::CatmullRom,
            Filter::Lanczos3 => Self::Lanczos3,
            Filter::Nearest => Self::Nearest,
        }
    }
}

/// The network's input, `[3, size, size]`, RGB in [0, 1]: exactly the pixels of [`crop_and_resize`].
pub fn preprocess(image: &RgbImage, how: &Preprocessing) -> Array3<f32> {
    to_tensor(&crop_and_resize(image, how))
}

/// The picture that the network sees, which the viewer shows below a map.
pub fn crop_and_resize(image: &RgbImage, how: &Preprocessing) -> RgbImage {
    resample(image, how.size, how.crop, how.resize.into())
}

/// A mask cut and reduced as its image is, with the nearest pixel whatever the card's filter: `[size, size]`, true where
/// the mask is above 127.
pub fn preprocess_mask(mask: &GrayImage, how: &Preprocessing) -> Array2<bool> {
    let mask = resample(mask, how.size, how.crop, FilterType::Nearest);
    let size = (mask.height() as usize, mask.width() as usize);
    Array2::from_shape_fn(size, |(y, x)| mask.get_pixel(x as u32, y as u32).0[0] > 127)
}

fn resample<P>(
    image: &ImageBuffer<P, Vec<u8>>,
    size: u32,
    crop: Crop,
    filter: FilterType,
) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let (width, height) = image.dimensions();
    let [left, top, kept_width, kept_height] = crop.window(width, height);
    let kept = image.view(left, top, kept_width, kept_height);
    imageops::resize(&*kept, size, size, filter)
}

/// A card is input: a size of 0 or of a billion must not reach an allocation.
fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let size = u32::deserialize(deserializer)?;
    if (1..=4096).contains(&size) {
        Ok(size)
    } else {
        Err(de::Error::custom(format!(
            "an input size of {size} pixels: it must be 1 to 4096"
        )))
    }
}

#[cfg(test)]
mod tests {
    use ::image::{Luma, Rgb};

    use super::super::pillow_reference::PILLOW;
    use super::*;

    /// The image that the reference was computed from: smooth colours, hard edges and fine texture.
    fn procedural(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([
                ((x * 7 + y * 3) % 256) as u8,
                ((x * x + y * y) / 5 % 256) as u8,
                if (x / 4 + y / 3) % 2 == 0 { 230 } else { 25 },
            ])
        })
    }

    /// Pillow 13.0.0 rounds to whole levels between its horizontal and its vertical pass, in fixed point; `image` keeps
    /// floats and rounds once. Hence one level of 255 is allowed, no more.
    #[test]
    fn resizing_agrees_with_pillow() {
        for (name, width, height, size, crop, filter, expected) in PILLOW {
            let how = Preprocessing {
                size: *size,
                crop: *crop,
                resize: *filter,
            };
            let tensor = preprocess(&procedural(*width, *height), &how);
            assert_eq!(tensor.len(), expected.len(), "{name}");
            let mut off = 0;
            for ((index, value), expected) in tensor.indexed_iter().zip(*expected) {
                let difference = (value * 255.0 - f32::from(*expected)).abs();
                assert!(
                    difference < 1.01,
                    "{name} at {index:?}: {} for {expected}",
                    value * 255.0
                );
                off += usize::from(difference > 0.5);
            }
            // Most values agree to the level: a shift by a fraction of a pixel would not pass.
            assert!(
                off * 5 < tensor.len(),
                "{name}: {off} of {} differ",
                tensor.len()
            );
        }
    }

    #[test]
    fn the_crop_is_centred_and_masks_follow_their_image() {
        let image = RgbImage::from_fn(30, 10, |x, _| {
            Rgb([if (10..20).contains(&x) { 255 } else { 0 }; 3])
        });
        let how = Preprocessing::square(5);
        assert!(preprocess(&image, &how).iter().all(|&value| value == 1.0));
        let mask = GrayImage::from_fn(30, 10, |x, y| {
            Luma([if x >= 14 && y < 4 { 128 } else { 127 }])
        });
        let mask = preprocess_mask(&mask, &how);
        assert_eq!(mask.dim(), (5, 5));
        for ((y, x), &inside) in mask.indexed_iter() {
            assert_eq!(inside, x >= 2 && y < 2, "at {x}, {y}");
        }
    }

    #[test]
    fn the_card_says_the_rule_in_plain_words() {
        let json = serde_json::to_string(&Preprocessing::square(224)).unwrap();
        assert_eq!(
            json,
            r#"{"size":224,"crop":"center_square","resize":"triangle"}"#
        );
        let short: Preprocessing = serde_json::from_str(r#"{"size":224}"#).unwrap();
        assert_eq!(short, Preprocessing::square(224));
        for size in ["0", "4097", "-1", "4294967296"] {
            assert!(
                serde_json::from_str::<Preprocessing>(&format!(r#"{{"size":{size}}}"#)).is_err()
            );
        }
    }

    #[test]
    fn an_image_without_pixels_is_black() {
        let tensor = preprocess(&RgbImage::new(0, 9), &Preprocessing::square(4));
        assert_eq!(tensor, Array3::<f32>::zeros((3, 4, 4)));
    }
}
