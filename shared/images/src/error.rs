//! What can be wrong with an image, in sentences for the person who gave it.

use std::error::Error;
use std::io;

use pellucid_files::kind::FileKind;

/// Why bytes did not become an image, or an image no bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There are no bytes at all.
    #[error("The file is empty: choose an image file.")]
    Empty,
    /// The first bytes belong to no known image format.
    #[error(
        "This is not an image that this program reads: give it a PNG, JPEG, TIFF, WebP, BMP or GIF file."
    )]
    Unrecognised,
    /// A picture of a kind that is not read here, or no picture at all, but known for what it is.
    #[error("This is {}.", .0.instead_of_an_image())]
    Foreign(FileKind),
    /// More pixels than [`super::MAX_MEGAPIXELS`].
    #[error(
        "The image is {width}×{height} pixels; at most {max} megapixels are decoded: reduce it first.",
        max = super::MAX_MEGAPIXELS
    )]
    TooLarge {
        /// Width that the file states, in pixels.
        width: u32,
        /// Height that the file states, in pixels.
        height: u32,
    },
    /// A side shorter than [`super::MIN_SIDE`].
    #[error(
        "The image is {width}×{height} pixels; each side needs at least {min}: give a larger image.",
        min = super::MIN_SIDE
    )]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The file stops before the image does.
    #[error("The file ends early: copy or download it again.")]
    Truncated,
    /// The file contradicts its own format.
    #[error(
        "The file is damaged ({reason}): copy or download it again, or save it again with another program."
    )]
    Damaged {
        /// The decoder's words.
        reason: String,
    },
    /// A valid file that uses what the decoder lacks.
    #[error(
        "The image is of a kind that this program does not read ({reason}): save it as an 8-bit RGB PNG."
    )]
    Unsupported {
        /// The decoder's words.
        reason: String,
    },
    /// The picture could not be written as PNG.
    #[error("The picture could not be written as PNG ({reason}).")]
    Encode {
        /// The encoder's words.
        reason: String,
    },
}

impl From<::image::ImageError> for ImageError {
    fn from(error: ::image::ImageError) -> Self {
        if ends_early(&error) {
            return Self::Truncated;
        }
        // Some decoders end or break their message with a new line.
        let reason = error
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        match error {
            ::image::ImageError::Unsupported(_) | ::image::ImageError::Limits(_) => {
                Self::Unsupported { reason }
            }
            ::image::ImageError::Encoding(_) => Self::Encode { reason },
            _ => Self::Damaged { reason },
        }
    }
}

/// Decoders report the end of the input at different depths of their error chains.
fn ends_early(error: &::image::ImageError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = match error {
        // It is its own cause here, and its `source` would skip it.
        ::image::ImageError::IoError(error) => Some(error),
        other => other.source(),
    };
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::UnexpectedEof
        {
            return true;
        }
        cause = error.source();
    }
    false
}
