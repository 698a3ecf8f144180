//! Pixels to a PNG file's bytes.

use std::io::Cursor;

use ::image::{ImageFormat, RgbImage};

use super::ImageError;

/// The picture as the bytes of a PNG file.
///
/// # Errors
/// [`ImageError::Encode`] when the encoder refuses, as it does a picture without pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| ImageError::Encode {
            reason: error.to_string(),
        })?;
    Ok(bytes.into_inner())
}
