//! Writing HAM10000's layout, so that `ham10000:FOLDER` reads it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The folder of the images.
pub(super) const IMAGES: &str = "HAM10000_images_part_1";
/// The table.
pub(super) const TABLE: &str = "HAM10000_metadata.csv";

/// A row of the table: what is known about an image.
pub(super) struct Entry<'a> {
    pub(super) lesion_id: &'a str,
    pub(super) image_id: &'a str,
    pub(super) dx: &'a str,
    pub(super) dx_type: &'a str,
}

/// HAM10000's columns; what is not known is `unknown` or empty, as there.
pub(super) fn table<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record([
        "lesion_id",
        "image_id",
        "dx",
        "dx_type",
        "age",
        "sex",
        "localization",
    ])?;
    for entry in entries {
        let Entry {
            lesion_id,
            image_id,
            dx,
            dx_type,
        } = entry;
        writer.write_record([lesion_id, image_id, dx, dx_type, "", "unknown", "unknown"])?;
    }
    writer.into_inner().context("the table cannot be written")
}

/// Writes a file of the layout.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes)
        .with_context(|| format!("{} cannot be written: free some space", path.display()))
}
