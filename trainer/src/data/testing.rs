//! What the tests of this module share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use pellucid_shared::image::{Rgb, RgbImage, encode_png};

/// A grey square as a PNG file.
pub(crate) fn png(side: u32, shade: u8) -> Vec<u8> {
    encode_png(&RgbImage::from_pixel(side, side, Rgb([shade; 3]))).unwrap()
}

/// A folder with these files in it; those named as images are grey squares, each of another shade.
pub(crate) fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (shade, file) in files.iter().enumerate() {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png(9, shade as u8)).unwrap();
    }
    folder
}

/// A folder of the real data that stands beside the checkout. Tests that ask for it are ignored, and run by `cargo xtask test` where it is there.
pub(crate) fn real_data(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    assert!(folder.is_dir(), "{} is missing", folder.display());
    folder
}
