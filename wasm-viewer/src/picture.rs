//! An image as the viewer holds it.

use pellucid_shared::card::Input;
use pellucid_shared::image::{Preprocessing, RgbImage, crop_and_resize, decode};
use pellucid_shared::phantom::{PhantomOptions, generate};

use crate::ViewerError;

/// A decoded or drawn image.
pub struct Picture {
    image: RgbImage,
    /// What the image is known to show: a phantom's class, in words.
    pub truth: Option<&'static str>,
}

impl Picture {
    /// Decodes an image file.
    ///
    /// # Errors
    /// Where the file is no image, damaged, too large or too small.
    pub fn decode(bytes: &[u8]) -> Result<Self, ViewerError> {
        Ok(Self {
            image: decode(bytes)?,
            truth: None,
        })
    }

    /// Draws the phantom of that number, `size` pixels wide. The population is that of seed 0; see
    /// [`pellucid_shared::phantom`].
    #[must_use]
    pub fn phantom(index: u64, size: u32) -> Self {
        let phantom = generate(index, &PhantomOptions::new(size, SAMPLE_SEED));
        Self {
            image: phantom.image,
            truth: Some(phantom.class.name()),
        }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.image.dimensions()
    }

    /// The network's input `[3, H, W]` by a card's input section.
    #[must_use]
    pub fn tensor(&self, input: &Input) -> Vec<f32> {
        input.tensor(&self.image).into_iter().collect()
    }

    /// What the network sees, drawn with `side` pixels for the screen, as RGBA.
    #[must_use]
    pub fn pixels(&self, input: &Input, side: u32) -> Vec<u8> {
        let seen = Preprocessing {
            size: side,
            ..input.preprocessing.clone()
        };
        rgba(&crop_and_resize(&self.image, &seen))
    }
}

/// The population that the page's samples come from: one that no training run uses by default.
const SAMPLE_SEED: u64 = 0x005e_ed0f_5a3b_1e50;

/// Opaque pixels as a canvas takes them.
pub(crate) fn rgba(image: &RgbImage) -> Vec<u8> {
    let with_alpha = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], u8::MAX];
    image
        .as_raw()
        .chunks_exact(3)
        .flat_map(with_alpha)
        .collect()
}
