//! Image bytes to network input: the one path that trainer and viewer share.
//!
//! [`decode()`] turns a file's bytes into upright RGB pixels, [`preprocess()`] turns those into the `[3, H, W]` tensor that a
//! network reads, by the rule ([`Preprocessing`]) that its model card carries. Browsers never decode here: a canvas adds
//! noise and colour management of its own.
//!
//! ```
//! use pellucid_images::{Preprocessing, RgbImage, decode, encode_png, preprocess};
//!
//! let bytes = encode_png(&RgbImage::new(640, 480))?;
//! let tensor = preprocess(&decode(&bytes)?, &Preprocessing::square(224));
//! assert_eq!(tensor.dim(), (3, 224, 224));
//! # Ok::<(), pellucid_images::ImageError>(())
//! ```

mod decode;
mod encode;
mod error;
mod jpeg;
mod limits;
pub mod npy;
#[cfg(test)]
mod pillow_masks;
#[cfg(test)]
mod pillow_reference;
mod preprocess;
mod tensor;

pub use ::image::{GrayImage, Luma, Rgb, RgbImage};
pub use decode::{Decoded, ImageNote, decode, decode_mask, decode_noted};
pub use encode::encode_png;
pub use error::ImageError;
pub use limits::{MAX_MEGAPIXELS, MIN_SIDE};
pub use preprocess::{Crop, Filter, Preprocessing, crop_and_resize, preprocess, preprocess_mask};
pub use tensor::{to_rgb, to_tensor};
