//! Phantoms as files, in HAM10000's layout.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::ImageFormat;
use ndarray::Array2;
use pellucid_shared::image::{GrayImage, Luma, encode_png};
use pellucid_shared::phantom::{Phantom, PhantomOptions, generate};
use rayon::prelude::*;
use serde_json::json;

use super::ham10000::MASKS;
use super::layout::{Entry, IMAGES, TABLE, table, write};
use crate::progress::Progress;
use crate::stop::Stop;

/// The pixels that decide each image's class.
const CAUSES: &str = "masks_cause";
/// The planted objects.
const SHORTCUTS: &str = "masks_shortcut";
const FOLDERS: [&str; 4] = [IMAGES, MASKS, CAUSES, SHORTCUTS];
const MANIFEST: &str = "manifest.json";

/// Writes phantoms `0..count` of a population so that `ham10000:FOLDER` reads them, with the masks of their causes and
/// planted objects and a manifest that tells how to draw them again. The folder must be new or empty.
///
/// # Errors
/// Where the folder holds something, or a file cannot be written; the folder is then empty again. The same where `stop` asks:
/// [`Interrupted`](crate::stop::Interrupted).
pub fn write_phantoms(
    folder: &Path,
    count: u64,
    options: &PhantomOptions,
    progress: &Progress,
    stop: &Stop,
) -> Result<()> {
    let place = folder.display();
    let written = || format!("phantoms cannot be written into {place}");
    fs::create_dir_all(folder).with_context(written)?;
    let empty = fs::read_dir(folder).with_context(written)?.next().is_none();
    ensure!(empty, "{place} is not empty: choose a new folder");
    // Half a data set is not to stay.
    let _held = stop.hold();
    let result = fill(folder, count, options, progress, stop);
    if result.is_err() {
        for name in FOLDERS {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(folder.join(name));
        }
        for name in [MANIFEST, TABLE] {
            let _ = fs::remove_file(folder.join(name));
        }
    }
    result.with_context(written)
}

fn fill(
    folder: &Path,
    count: u64,
    options: &PhantomOptions,
    progress: &Progress,
    stop: &Stop,
) -> Result<()> {
    for name in FOLDERS {
        if name != SHORTCUTS || options.shortcut.is_some() {
            fs::create_dir(folder.join(name))?;
        }
    }
    let bar = progress.bar("drawing", usize::try_from(count)?);
    let rows: Vec<Row> = (0..count)
        .into_par_iter()
        .map(|index| {
            stop.check()?;
            let phantom = generate(index, options);
            let row = Row::of(index, &phantom, options);
            row.write(folder, &phantom)?;
            bar.inc(1);
            Ok(row)
        })
        .collect::<Result<_>>()?;
    bar.finish_and_clear();
    let manifest = json!({
        "generator": format!("pellucid {}", env!("CARGO_PKG_VERSION")),
        "count": count,
        "options": options,
        "images": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
    });
    let manifest = serde_json::to_string_pretty(&manifest)? + "\n";
    write(&folder.join(MANIFEST), manifest.as_bytes())?;
    let entries = rows.iter().map(|row| Entry {
        lesion_id: &row.id,
        image_id: &row.id,
        dx: row.class,
        dx_type: "phantom",
    });
    write(&folder.join(TABLE), &table(entries)?)
}

/// What is known about a phantom that is written.
struct Row {
    index: u64,
    id: String,
    class: &'static str,
    shortcut: bool,
}

impl Row {
    fn of(index: u64, phantom: &Phantom, options: &PhantomOptions) -> Self {
        Self {
            index,
            id: format!("phantom-{}-{index:06}", options.seed),
            class: phantom.class.code(),
            shortcut: phantom.shortcut.is_some(),
        }
    }

    fn write(&self, folder: &Path, phantom: &Phantom) -> Result<()> {
        let id = &self.id;
        let image = encode_png(&phantom.image)?;
        let mut files = vec![
            (format!("{IMAGES}/{id}.png"), image),
            (
                format!("{MASKS}/{id}_segmentation.png"),
                mask(&phantom.lesion)?,
            ),
            (format!("{CAUSES}/{id}_cause.png"), mask(&phantom.cause)?),
        ];
        if let Some(shortcut) = &phantom.shortcut {
            files.push((format!("{SHORTCUTS}/{id}_shortcut.png"), mask(shortcut)?));
        }
        for (name, bytes) in files {
            write(&folder.join(name), &bytes)?;
        }
        Ok(())
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "index": self.index,
            "image_id": self.id,
            "class": self.class,
            "shortcut": self.shortcut,
        })
    }
}

/// A mask as a PNG, white where it is set.
fn mask(mask: &Array2<bool>) -> Result<Vec<u8>> {
    let (height, width) = mask.dim();
    let image = GrayImage::from_fn(width as u32, height as u32, |x, y| {
        Luma([255 * u8::from(mask[[y as usize, x as usize]])])
    });
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use pellucid_shared::image::decode_mask;
    use pellucid_shared::phantom::{Class, Shortcut, ShortcutKind};

    use super::super::{Dataset, Notes};
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_ham10000() {
        let folder = tempfile::tempdir().unwrap();
        let options = PhantomOptions {
            shortcut: Some(Shortcut {
                kind: ShortcutKind::Patch,
                class: Class::Melanoma,
                correlation: 1.0,
            }),
            ..PhantomOptions::new(48, 3)
        };
        write_phantoms(
            folder.path(),
            6,
            &options,
            &Progress::silent(),
            &Stop::new(),
        )
        .unwrap();
        let source = format!("ham10000:{}", folder.path().display());
        let dataset = Dataset::open(&source.parse().unwrap(), None, 0).unwrap();
        assert_eq!(dataset.counts(), [2, 2, 2]);
        for (item, index) in dataset.items.iter().zip(0..) {
            let phantom = generate(index, &options);
            assert_eq!(
                item.picture.read(48, &Notes::default()).unwrap(),
                phantom.image
            );
            assert_eq!(dataset.classes[item.label].code, phantom.class.code());
            let file = fs::read(item.mask.as_ref().unwrap()).unwrap();
            let read = decode_mask(&file).unwrap();
            for ((y, x), &inside) in phantom.lesion.indexed_iter() {
                assert_eq!(read.get_pixel(x as u32, y as u32).0[0] > 127, inside);
            }
            let planted = folder
                .path()
                .join(SHORTCUTS)
                .join(format!("{}_shortcut.png", item.id));
            assert_eq!(planted.exists(), phantom.class == Class::Melanoma);
        }
        let manifest = fs::read(folder.path().join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let drawn: PhantomOptions = serde_json::from_value(manifest["options"].clone()).unwrap();
        assert_eq!(drawn, options);
        let error = write_phantoms(
            folder.path(),
            6,
            &options,
            &Progress::silent(),
            &Stop::new(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
    }
}
