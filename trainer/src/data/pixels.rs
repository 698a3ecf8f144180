//! Decoded images, ready for a network.

use anyhow::Result;
use ndarray::Array4;
use pellucid_shared::image::{Preprocessing, crop_and_resize};
use rayon::prelude::*;

use super::{Dataset, Notes, Picture};

/// Images are kept decoded up to this many bytes; beyond, they are decoded batch by batch.
pub const MEMORY_LIMIT: usize = 4 << 30;

/// The pixels of a dataset's images, cropped and resized by one rule.
#[derive(Debug)]
pub struct Pixels {
    preprocessing: Preprocessing,
    store: Store,
    notes: Notes,
}

#[derive(Debug)]
enum Store {
    /// `[N, 3, H, W]`, 0 to 255.
    Memory(Vec<u8>),
    /// Decoded each time.
    Pictures(Vec<Picture>),
}

impl Pixels {
    /// Decodes the dataset's images on all cores and keeps them, where they fit into `memory` bytes (such as
    /// [`MEMORY_LIMIT`]). `decoded` is called once per image; what is odd about files is added to the dataset's notes.
    ///
    /// # Errors
    /// Where an image cannot be used; the error names it. Beyond the memory limit, [`Pixels::gather`] tells.
    pub fn read(
        dataset: &Dataset,
        preprocessing: &Preprocessing,
        memory: usize,
        decoded: impl Fn() + Sync,
    ) -> Result<Self> {
        let pictures: Vec<Picture> = dataset.items.iter().map(|i| i.picture.clone()).collect();
        let each = bytes_of(preprocessing);
        let store = if each.saturating_mul(pictures.len()) <= memory {
            let mut bytes = vec![0; each * pictures.len()];
            fill(
                &mut bytes,
                pictures.par_iter(),
                preprocessing,
                &dataset.notes,
                decoded,
            )?;
            Store::Memory(bytes)
        } else {
            Store::Pictures(pictures)
        };
        Ok(Self {
            preprocessing: preprocessing.clone(),
            store,
            notes: dataset.notes.clone(),
        })
    }

    /// The images at these indices: `[N, 3, H, W]`, RGB, 0 to 255.
    ///
    /// # Errors
    /// Where images are decoded each time and one cannot be used; the error names it.
    ///
    /// # Panics
    /// Where an index is beyond the dataset.
    pub fn gather(&self, indices: &[usize]) -> Result<Array4<u8>> {
        let each = bytes_of(&self.preprocessing);
        let mut bytes = vec![0; each * indices.len()];
        match &self.store {
            Store::Memory(all) => {
                for (image, &index) in bytes.chunks_exact_mut(each).zip(indices) {
                    image.copy_from_slice(&all[index * each..(index + 1) * each]);
                }
            }
            Store::Pictures(pictures) => {
                let chosen = indices.par_iter().map(|&index| &pictures[index]);
                fill(&mut bytes, chosen, &self.preprocessing, &self.notes, || {})?;
            }
        }
        let side = self.preprocessing.size as usize;
        Ok(Array4::from_shape_vec(
            (indices.len(), 3, side, side),
            bytes,
        )?)
    }
}

/// Bytes of one image.
fn bytes_of(preprocessing: &Preprocessing) -> usize {
    3 * (preprocessing.size as usize).pow(2)
}

fn fill<'a>(
    bytes: &mut [u8],
    pictures: impl IndexedParallelIterator<Item = &'a Picture>,
    preprocessing: &Preprocessing,
    notes: &Notes,
    decoded: impl Fn() + Sync,
) -> Result<()> {
    let images = bytes.par_chunks_exact_mut(bytes_of(preprocessing));
    images.zip(pictures).try_for_each(|(planes, picture)| {
        let image = crop_and_resize(&picture.read(preprocessing.size, notes)?, preprocessing);
        let plane = planes.len() / 3;
        for (at, pixel) in image.pixels().enumerate() {
            for (channel, &value) in pixel.0.iter().enumerate() {
                planes[channel * plane + at] = value;
            }
        }
        decoded();
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use pellucid_shared::image::preprocess;

    use super::super::testing::png;
    use super::*;

    #[test]
    fn a_file_without_its_end_is_read_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut jpeg = std::io::Cursor::new(vec![]);
        let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([x as u8, y as u8, 9]));
        picture
            .write_to(&mut jpeg, image::ImageFormat::Jpeg)
            .unwrap();
        let whole = jpeg.into_inner();
        for (name, bytes) in [
            ("a/whole.jpg", &whole[..]),
            ("a/cut.jpg", &whole[..whole.len() - 2]),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let source = format!("folder:{}", folder.path().display());
        let dataset = Dataset::open(&source.parse().unwrap(), None, 0).unwrap();
        let how = Preprocessing::square(8);
        let pixels = Pixels::read(&dataset, &how, MEMORY_LIMIT, || {}).unwrap();
        let told = dataset.notes.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with(": cut.jpg"), "{told:?}");
        let both = pixels.gather(&[0, 1]).unwrap();
        assert_eq!(
            both.index_axis(ndarray::Axis(0), 0),
            both.index_axis(ndarray::Axis(0), 1)
        );
    }

    fn phantoms() -> Dataset {
        Dataset::open(&"phantom:6".parse().unwrap(), None, 3).unwrap()
    }

    #[test]
    fn kept_or_not_the_pixels_are_those_of_the_shared_preprocessing() {
        let (dataset, how) = (phantoms(), Preprocessing::square(32));
        let calls = AtomicUsize::new(0);
        let count = || {
            calls.fetch_add(1, Ordering::Relaxed);
        };
        let kept = Pixels::read(&dataset, &how, MEMORY_LIMIT, count).unwrap();
        assert_eq!(calls.into_inner(), 6);
        let decoded = Pixels::read(&dataset, &how, 6 * 3 * 32 * 32 - 1, || {}).unwrap();
        assert!(matches!(decoded.store, Store::Pictures(_)));
        let batch = kept.gather(&[5, 0, 5]).unwrap();
        assert_eq!(batch, decoded.gather(&[5, 0, 5]).unwrap());
        let reference = preprocess(
            &dataset.items[5]
                .picture
                .read(32, &Notes::default())
                .unwrap(),
            &how,
        );
        let first = batch
            .index_axis(ndarray::Axis(0), 2)
            .mapv(|v| f32::from(v) / 255.0);
        assert_eq!(first, reference);
    }

    #[test]
    fn a_file_that_is_no_usable_image_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let whole = png(64, 90);
        for (name, bytes, reason) in [
            ("empty.png", &[][..], "is empty"),
            ("text.png", b"not an image", "not an image"),
            ("half.png", &whole[..whole.len() / 2], "ends early"),
            ("tiny.png", &png(1, 0)[..], "1×1"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let mut dataset = phantoms();
            dataset.items[3].picture = Picture::File(path);
            let how = Preprocessing::square(32);
            let error = Pixels::read(&dataset, &how, MEMORY_LIMIT, || {}).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(name) && error.contains(reason), "{error}");
        }
    }
}
