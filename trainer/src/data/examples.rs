//! A part of a dataset with its pixels.

use anyhow::Result;
use ndarray::Array4;
use pellucid_shared::image::Preprocessing;

use super::{Dataset, MEMORY_LIMIT, Pixels};
use crate::progress::Progress;

/// Images that are ready to be shown to a network, and what they show.
#[derive(Debug)]
pub struct Examples {
    /// The images' classes, ids and groups.
    pub dataset: Dataset,
    pixels: Pixels,
    labels: Vec<usize>,
}

impl Examples {
    /// Decodes a dataset's images, under a bar with this title; says what there is to say about them and their files.
    ///
    /// # Errors
    /// Where an image cannot be used; the error names it.
    pub fn read(
        dataset: Dataset,
        preprocessing: &Preprocessing,
        title: &str,
        progress: &Progress,
    ) -> Result<Self> {
        let say = || {
            for note in dataset.notes.take() {
                progress.say(&format!("note: {note}"));
            }
        };
        say();
        let bar = progress.bar(title, dataset.items.len());
        let pixels = Pixels::read(&dataset, preprocessing, MEMORY_LIMIT, || bar.inc(1))?;
        bar.finish_and_clear();
        say();
        Ok(Self {
            labels: dataset.labels(),
            dataset,
            pixels,
        })
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of every image.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The images at these indices, `[N, 3, H, W]`, 0 to 255.
    ///
    /// # Errors
    /// Where an image is decoded only now and cannot be used.
    pub fn images(&self, indices: &[usize]) -> Result<Array4<u8>> {
        self.pixels.gather(indices)
    }
}
