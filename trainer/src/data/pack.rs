//! A dataset at the size of a training: a few kilobytes an image instead of hundreds.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use pellucid_shared::files;
use pellucid_shared::image::{Preprocessing, crop_and_resize};
use rayon::prelude::*;

use super::ham10000::CLASSES;
use super::layout::{Entry, IMAGES, TABLE, table, write};
use super::{Dataset, Item, MOST_IMAGE_BYTES, Notes, Picture};
use crate::progress::Progress;
use crate::stop::Stop;

/// JPEG's quality for images that are made smaller.
const QUALITY: u8 = 92;
/// Images that are encoded at once.
const AT_ONCE: usize = 256;
/// About what a row of the table takes.
const ROW: u64 = 64;

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Images that were written.
    pub images: usize,
    /// Bytes that they and their table take.
    pub bytes: u64,
    /// The ids of those that were left out.
    pub left_out: Vec<String>,
}

/// Writes a dataset's images cropped and resized, as JPEGs in HAM10000's layout, until `most` bytes are full; what goes in
/// first is taken evenly from the classes. An image that is a JPEG of that size already is copied as it is. The folder must
/// be new or empty.
///
/// # Errors
/// Where an image cannot be used, the folder holds something, or a file cannot be written; the folder is then removed. The same where
/// `stop` asks: [`Interrupted`](crate::stop::Interrupted).
pub fn pack(
    dataset: &Dataset,
    folder: &Path,
    preprocessing: &Preprocessing,
    most: u64,
    progress: &Progress,
    stop: &Stop,
) -> Result<Packed> {
    check_codes(dataset)?;
    let place = folder.display();
    let images = folder.join(IMAGES);
    fs::create_dir_all(folder).with_context(|| format!("{place} cannot be made"))?;
    let empty = fs::read_dir(folder)?.next().is_none();
    ensure!(empty, "{place} is not empty: choose a new folder");
    // Half a data set is not to stay.
    let _held = stop.hold();
    fs::create_dir(&images).with_context(|| format!("{} cannot be made", images.display()))?;
    let packed = fill(dataset, folder, preprocessing, most, progress, stop);
    if packed.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(folder);
    }
    packed
}

/// Whether the layout's table can tell these classes.
fn check_codes(dataset: &Dataset) -> Result<()> {
    let known = |code: &str| CLASSES.iter().any(|(known, _)| *known == code);
    let odd = dataset.classes.iter().find(|class| !known(&class.code));
    ensure!(
        odd.is_none(),
        "HAM10000's layout has no class `{}`: choose --classes from its seven, or copy the folder as it is",
        odd.map_or("", |class| &class.code)
    );
    Ok(())
}

/// An image's name in the layout: ids of folders name the folder too.
fn file_stem(item: &Item) -> String {
    item.id.replace(['/', '\\'], "-")
}

fn fill(
    dataset: &Dataset,
    folder: &Path,
    preprocessing: &Preprocessing,
    most: u64,
    progress: &Progress,
    stop: &Stop,
) -> Result<Packed> {
    let order = in_turn(dataset);
    let bar = progress.bar("packing", order.len());
    let (mut kept, mut bytes) = (vec![], 0);
    'all: for chunk in order.chunks(AT_ONCE) {
        let encoded: Vec<Vec<u8>> = chunk
            .par_iter()
            .map(|&item| {
                stop.check()?;
                bar.inc(1);
                encode(item, preprocessing, &dataset.notes)
            })
            .collect::<Result<_>>()?;
        for (item, jpeg) in chunk.iter().zip(encoded) {
            let more = jpeg.len() as u64 + ROW;
            if bytes + more > most {
                break 'all;
            }
            let stem = file_stem(item);
            write(&folder.join(IMAGES).join(format!("{stem}.jpg")), &jpeg)?;
            bytes += more;
            kept.push((*item, stem));
        }
    }
    bar.finish_and_clear();
    ensure!(!kept.is_empty(), "not one image fits into {most} bytes");
    let left_out = order
        .iter()
        .skip(kept.len())
        .map(|item| item.id.clone())
        .collect();
    let entries = kept.iter().map(|(item, stem)| Entry {
        lesion_id: &item.group,
        image_id: stem,
        dx: &dataset.classes[item.label].code,
        dx_type: "packed",
    });
    write(&folder.join(TABLE), &table(entries)?)?;
    Ok(Packed {
        images: kept.len(),
        bytes,
        left_out,
    })
}

/// The items, one of each class in turn for as long as there are any.
fn in_turn(dataset: &Dataset) -> Vec<&Item> {
    let mut seen = vec![0_usize; dataset.classes.len()];
    let mut ranked: Vec<(usize, &Item)> = dataset
        .items
        .iter()
        .map(|item| {
            seen[item.label] += 1;
            (seen[item.label], item)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).collect()
}

fn encode(item: &Item, preprocessing: &Preprocessing, notes: &Notes) -> Result<Vec<u8>> {
    let size = preprocessing.size;
    let whole = item.picture.read(size, notes)?;
    if let Picture::File(path) = &item.picture {
        let bytes = files::read(path, MOST_IMAGE_BYTES)
            .with_context(|| format!("the image {} cannot be read", path.display()))?;
        let is_jpeg = image::guess_format(&bytes).is_ok_and(|f| f == image::ImageFormat::Jpeg);
        if is_jpeg && whole.dimensions() == (size, size) {
            return Ok(bytes);
        }
    }
    let image = crop_and_resize(&whole, preprocessing);
    let mut jpeg = Cursor::new(vec![]);
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&image)
        .with_context(|| format!("{} cannot be encoded", item.id))?;
    Ok(jpeg.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_back_at_the_size_and_what_does_not_fit_is_named() {
        let dataset = Dataset::open(&"phantom:9".parse().unwrap(), None, 3).unwrap();
        let how = Preprocessing::square(48);
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| {
            let source = format!("ham10000:{}", folder.path().join(name).display());
            Dataset::open(&source.parse().unwrap(), None, 0).unwrap()
        };
        let pack = |dataset: &Dataset, name: &str, most| {
            pack(
                dataset,
                &folder.path().join(name),
                &how,
                most,
                &Progress::silent(),
                &Stop::new(),
            )
        };
        let all = pack(&dataset, "all", u64::MAX).unwrap();
        assert_eq!((all.images, all.left_out.len()), (9, 0));
        let whole = read("all");
        assert_eq!(whole.counts(), [3, 3, 3]);
        for item in &whole.items {
            let packed = item.picture.read(48, &Notes::default()).unwrap();
            let original = dataset.items.iter().find(|i| i.id == item.id).unwrap();
            let original =
                crop_and_resize(&original.picture.read(48, &Notes::default()).unwrap(), &how);
            assert_eq!(packed.dimensions(), (48, 48));
            let pairs = packed.as_raw().iter().zip(original.as_raw());
            let off: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            assert!(off / (packed.as_raw().len() as f64) < 4.0, "{off}");
        }
        // Already of that size: the very same bytes.
        pack(&whole, "again", u64::MAX).unwrap();
        let file = |name: &str| {
            let path = folder
                .path()
                .join(name)
                .join(IMAGES)
                .join(format!("{}.jpg", whole.items[0].id));
            fs::read(path).unwrap()
        };
        assert_eq!(file("all"), file("again"));

        // Ids of folders name their folders.
        let mut nested = dataset.clone();
        for item in &mut nested.items {
            item.id = format!("{}/{}", nested.classes[item.label].code, item.id);
        }
        pack(&nested, "nested", u64::MAX).unwrap();
        assert_eq!(read("nested").counts(), [3, 3, 3]);
        nested.classes[0].code = "wart".into();
        let error = pack(&nested, "odd", u64::MAX).unwrap_err().to_string();
        assert!(error.contains("no class `wart`"), "{error}");

        let half = pack(&dataset, "half", all.bytes / 2).unwrap();
        assert!(half.bytes <= all.bytes / 2);
        assert_eq!(half.images + half.left_out.len(), 9);
        assert!(read("half").counts().iter().all(|&count| count >= 1));
        assert!(pack(&dataset, "none", 10).is_err());
        assert!(!folder.path().join("none").exists());
        assert!(
            pack(&dataset, "all", u64::MAX)
                .unwrap_err()
                .to_string()
                .contains("not empty")
        );
    }
}
