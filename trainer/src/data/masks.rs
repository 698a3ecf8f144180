//! What is known about where to look.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use pellucid_shared::files;
use pellucid_shared::image::{Preprocessing, RgbImage, decode_mask, preprocess_mask};
use pellucid_shared::phantom::{PhantomOptions, generate};

use super::{Item, MOST_IMAGE_BYTES, Picture};

/// An item's masks as the network sees the image: `[size, size]`, true inside.
#[derive(Debug, Default)]
pub struct Masks {
    /// The lesion; `None` where the data do not say where it is.
    pub lesion: Option<Array2<bool>>,
    /// The pixels that decide a phantom's class.
    pub cause: Option<Array2<bool>>,
}

impl Item {
    /// The masks of this item, whose decoded picture is `image`, cropped and reduced as the picture is.
    ///
    /// # Errors
    /// Where a mask file cannot be used, or shows another view than its image; the error names it.
    pub fn masks(&self, image: &RgbImage, how: &Preprocessing) -> Result<Masks> {
        if let Picture::Phantom { population, index } = &self.picture {
            let phantom = generate(*index, &PhantomOptions::new(how.size, *population));
            return Ok(Masks {
                lesion: Some(phantom.lesion),
                cause: Some(phantom.cause),
            });
        }
        let lesion = self.mask.as_deref().map(|path| read(path, image, how));
        Ok(Masks {
            lesion: lesion.transpose()?,
            cause: None,
        })
    }
}

fn read(path: &Path, image: &RgbImage, how: &Preprocessing) -> Result<Array2<bool>> {
    let place = path.display();
    let bytes = files::read(path, MOST_IMAGE_BYTES)
        .with_context(|| format!("the mask {place} cannot be read"))?;
    let mask = decode_mask(&bytes).with_context(|| format!("the mask {place} cannot be used"))?;
    ensure!(
        same_shape(mask.dimensions(), image.dimensions()),
        "the mask {place} is {}×{} pixels and its image {}×{}: crop both alike",
        mask.width(),
        mask.height(),
        image.width(),
        image.height()
    );
    Ok(preprocess_mask(&mask, how))
}

/// Whether one is the other reduced, up to a pixel that rounding may take.
fn same_shape((width, height): (u32, u32), (other_width, other_height): (u32, u32)) -> bool {
    let (a, b) = (
        u64::from(width) * u64::from(other_height),
        u64::from(other_width) * u64::from(height),
    );
    a.abs_diff(b) <= u64::from(height.max(other_height))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]
mod tests {
    use std::fs;

    use super::super::testing::{png, real_data};
    use super::super::{Dataset, Notes};
    use super::*;

    fn ham10000(folder: &Path) -> Dataset {
        let source = format!("ham10000:{}", folder.display());
        Dataset::open(&source.parse().unwrap(), None, 0).unwrap()
    }

    /// Of three masks of HAM10000 at 200×150 pixels, what Pillow 13.0.0 finds in their centre square, reduced to 64 pixels by
    /// `resize((64, 64), NEAREST)`: the share of the area, and the mean column and row.
    const PILLOW: [(&str, f64, f64, f64); 3] = [
        ("ISIC_0027419", 0.421143, 33.2064, 32.7270),
        ("ISIC_0024310", 0.320312, 30.6509, 29.2515),
        ("ISIC_0030761", 0.110840, 41.0220, 23.7753),
    ];

    #[test]
    #[ignore = "needs the real images in ../shared/data"]
    fn real_masks_are_where_pillow_finds_them() {
        let folder = real_data("ham10000");
        let (dataset, how) = (ham10000(&folder), Preprocessing::square(64));
        for (id, area, column, row) in PILLOW {
            let item = dataset.items.iter().find(|item| item.id == id).unwrap();
            let image = item.picture.read(64, &Notes::default()).unwrap();
            let lesion = item.masks(&image, &how).unwrap().lesion.unwrap();
            let inside: Vec<(f64, f64)> = lesion
                .indexed_iter()
                .filter(|(_, inside)| **inside)
                .map(|((y, x), _)| (x as f64, y as f64))
                .collect();
            let count = inside.len() as f64;
            let mean = |axis: fn(&(f64, f64)) -> f64| inside.iter().map(axis).sum::<f64>() / count;
            // The nearest pixel is a matter of rounding at the outline alone.
            assert!((count / 4096.0 - area).abs() < 0.005, "{id}: {count}");
            assert!((mean(|p| p.0) - column).abs() < 0.3, "{id}: {inside:?}");
            assert!((mean(|p| p.1) - row).abs() < 0.3, "{id}: {inside:?}");
        }
    }

    /// Pigment is darker than the skin around it. In Pillow's hands, too, 97 % of these masks are; of masks in a wrong place
    /// it would be one half.
    #[test]
    #[ignore = "needs the real images in ../shared/data"]
    fn real_lesions_are_darker_than_the_skin_around_them() {
        let folder = real_data("ham10000");
        let (dataset, how) = (ham10000(&folder), Preprocessing::square(64));
        let (mut darker, mut seen) = (0, 0);
        for item in dataset.items.iter().step_by(50) {
            let image = item.picture.read(64, &Notes::default()).unwrap();
            let lesion = item.masks(&image, &how).unwrap().lesion.unwrap();
            let pixels = pellucid_shared::image::preprocess(&image, &how);
            let shade = |within: bool| {
                let chosen = lesion.indexed_iter().filter(|(_, l)| **l == within);
                let shades: Vec<f32> = chosen.map(|((y, x), _)| pixels[[1, y, x]]).collect();
                shades.iter().sum::<f32>() / shades.len() as f32
            };
            darker += usize::from(shade(true) < shade(false));
            seen += 1;
        }
        assert!(darker * 20 >= seen * 19, "{darker} of {seen}");
    }

    #[test]
    fn a_mask_of_another_view_or_none_at_all_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("I1_segmentation.png");
        let image = RgbImage::new(60, 45);
        let item = Item {
            id: "I1".into(),
            picture: Picture::File("I1.jpg".into()),
            label: 0,
            group: "L1".into(),
            mask: Some(path.clone()),
            part: None,
        };
        for (file, reason) in [
            (png(45, 255), "45×45 pixels and its image 60×45"),
            (b"not an image".to_vec(), "not an image"),
            (vec![], "is empty"),
        ] {
            fs::write(&path, file).unwrap();
            let error = item.masks(&image, &Preprocessing::square(32)).unwrap_err();
            let error = format!("{error:#}");
            assert!(
                error.contains("I1_segmentation.png") && error.contains(reason),
                "{error}"
            );
        }
        let bare = Item { mask: None, ..item };
        let masks = bare.masks(&image, &Preprocessing::square(32)).unwrap();
        assert!(masks.lesion.is_none() && masks.cause.is_none());
    }

    #[test]
    fn a_reduced_view_may_be_off_by_a_rounded_pixel() {
        assert!(same_shape((200, 150), (600, 450)));
        assert!(same_shape((133, 100), (600, 450)));
        assert!(!same_shape((150, 150), (200, 150)));
        assert!(!same_shape((450, 600), (600, 450)));
    }
}
