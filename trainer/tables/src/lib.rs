//! Tables as people keep them, between commas, tabs or Excel's semicolons and in any of the encodings in use, and what they
//! say of dermoscopic images. Bytes in, rows out: where tables and images lie is the trainer's business.

mod classes;
mod decode;
mod error;
mod labels;
mod lesions;
mod lines;
mod table;

pub use classes::ClassError;
pub use error::TableError;
pub use labels::{Label, LabelsError, is_labels, labels};
pub use lesions::lesions;
pub use table::{Row, Table};

use std::ffi::OsStr;
use std::path::Path;

/// The endings of files that are taken for images, in lower case.
pub const IMAGE_ENDINGS: [&str; 10] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "webp", "bmp", "gif",
];

/// A name without an image's ending; other endings stay.
#[must_use]
pub fn without_image_ending(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if IMAGE_ENDINGS.contains(&&ending.to_lowercase()[..]) => stem,
        _ => name,
    }
}

/// The image that a field of a table means: a file's name, however much of its path stands before it.
fn image_of(field: &str) -> &str {
    let name = Path::new(field.trim()).file_name();
    without_image_ending(name.and_then(OsStr::to_str).unwrap_or_default())
}
