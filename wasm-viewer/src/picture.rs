//! An image as the viewer holds it.

use image::imageops::thumbnail;
use image::{GrayImage, Luma};
use ndarray::Array2;
use pellucid_shared::card::Input;
use pellucid_shared::image::{
    ImageNote, Preprocessing, RgbImage, crop_and_resize, decode_mask, decode_noted, preprocess_mask,
};
use pellucid_shared::phantom::{PhantomOptions, generate};
use pellucid_shared::render::{WHITE, outline};

use crate::ViewerError;

/// A decoded or drawn image.
pub struct Picture {
    image: RgbImage,
    /// The image for the screen, where that is much smaller: networks are fed from the image itself.
    reduced: Option<RgbImage>,
    truth: Option<Truth>,
    note: Option<ImageNote>,
}

/// What a phantom is known to show, and where.
struct Truth {
    class: &'static str,
    cause: GrayImage,
}

impl Picture {
    /// Decodes an image file.
    ///
    /// # Errors
    /// Where the file is no image, damaged, too large or too small.
    pub fn decode(bytes: &[u8]) -> Result<Self, ViewerError> {
        let decoded = decode_noted(bytes)?;
        Ok(Self {
            reduced: reduce(&decoded.image),
            image: decoded.image,
            truth: None,
            note: decoded.note,
        })
    }

    /// Draws the phantom of that number, `size` pixels wide, out of a population of the page's own; see
    /// [`pellucid_shared::phantom`].
    #[must_use]
    pub fn phantom(index: u64, size: u32) -> Self {
        let phantom = generate(index, &PhantomOptions::new(size, SAMPLE_SEED));
        Self {
            image: phantom.image,
            reduced: None,
            truth: Some(Truth {
                class: phantom.class.name(),
                cause: to_grey(&phantom.cause),
            }),
            note: None,
        }
    }

    /// What is odd about the file, although the image can be used.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        self.note.map(|note| note.to_string())
    }

    /// The name of the class that the image is known to show, for phantoms.
    #[must_use]
    pub fn truth(&self) -> Option<&'static str> {
        self.truth.as_ref().map(|truth| truth.class)
    }

    /// The outline of the pixels that decide a phantom's class, as the network sees them, drawn in white with `side`
    /// pixels for the screen on nothing, as RGBA. `None` where nothing is known.
    #[must_use]
    pub fn cause(&self, input: &Input, side: u32) -> Option<Vec<u8>> {
        let mask = preprocess_mask(&self.truth.as_ref()?.cause, &on_screen(input, side));
        let mut drawing = RgbImage::new(side, side);
        outline(&mut drawing, &mask, WHITE, OUTLINE_WIDTH);
        let line = drawing.pixels().flat_map(|pixel| [pixel.0[0]; 4]);
        Some(line.collect())
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.image.dimensions()
    }

    /// The network's input `[3, H, W]` by a card's input section.
    #[must_use]
    pub fn tensor(&self, input: &Input) -> Vec<f32> {
        input.tensor(&self.image).into_iter().collect()
    }

    /// What of the image the network sees: left, top, width and height in its pixels.
    #[must_use]
    pub fn crop(&self, input: &Input) -> [u32; 4] {
        let (width, height) = self.size();
        input.preprocessing.crop.window(width, height)
    }

    /// The whole image, reduced where a side has more pixels than `most`.
    #[must_use]
    pub fn whole(&self, most: u32) -> Raster {
        let (width, height) = self.size();
        let longer = width.max(height);
        if longer <= most {
            return Raster::of(&self.image);
        }
        let reduced = |side: u32| {
            let share = f64::from(most) / f64::from(longer);
            ((f64::from(side) * share).round() as u32).max(1)
        };
        Raster::of(&thumbnail(&self.image, reduced(width), reduced(height)))
    }

    /// A mask's file as the network would see it, `[H, W]` row by row: true inside.
    ///
    /// # Errors
    /// Where the file is no image, or of another form than this one.
    pub fn mask(&self, bytes: &[u8], input: &Input) -> Result<Vec<bool>, ViewerError> {
        let mask = decode_mask(bytes)?;
        if !same_form(mask.dimensions(), self.size()) {
            return Err(ViewerError::MaskShape {
                mask: mask.dimensions(),
                image: self.size(),
            });
        }
        let inside = preprocess_mask(&mask, &input.preprocessing);
        Ok(inside.into_iter().collect())
    }

    /// What the network sees, drawn with `side` pixels for the screen, as RGBA.
    #[must_use]
    pub fn pixels(&self, input: &Input, side: u32) -> Vec<u8> {
        let image = self.reduced.as_ref().unwrap_or(&self.image);
        rgba(&crop_and_resize(image, &on_screen(input, side)))
    }
}

/// Pixels for a canvas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Pixels each way.
    pub width: u32,
    /// Pixels each way.
    pub height: u32,
    /// RGBA, row by row.
    pub pixels: Vec<u8>,
}

impl Raster {
    fn of(image: &RgbImage) -> Self {
        let (width, height) = image.dimensions();
        Self {
            width,
            height,
            pixels: rgba(image),
        }
    }
}

/// Whether one is the other reduced, up to a pixel that rounding may take.
fn same_form((width, height): (u32, u32), (other_width, other_height): (u32, u32)) -> bool {
    let (a, b) = (
        u64::from(width) * u64::from(other_height),
        u64::from(other_width) * u64::from(height),
    );
    a.abs_diff(b) <= u64::from(height.max(other_height))
}

/// The shorter side in pixels that is plenty for the screen.
const PLENTY: u32 = 1024;

/// The image with its shorter side reduced to [`PLENTY`], where it is at least twice that: a photograph of 12 megapixels
/// is otherwise resampled for a second wherever it is shown.
fn reduce(image: &RgbImage) -> Option<RgbImage> {
    let (width, height) = image.dimensions();
    let shorter = width.min(height);
    let reduced = |side: u32| (f64::from(side) * f64::from(PLENTY) / f64::from(shorter)) as u32;
    (shorter >= 2 * PLENTY).then(|| thumbnail(image, reduced(width), reduced(height)))
}

/// The page's own population of phantoms: not the one that training takes where no seed is given.
const SAMPLE_SEED: u64 = 0x005e_ed0f_5a3b_1e50;

/// Width of a cause's outline in pixels of the screen.
const OUTLINE_WIDTH: u32 = 2;

/// The network's view with the screen's resolution.
fn on_screen(input: &Input, side: u32) -> Preprocessing {
    Preprocessing {
        size: side,
        ..input.preprocessing.clone()
    }
}

fn to_grey(mask: &Array2<bool>) -> GrayImage {
    let (height, width) = mask.dim();
    GrayImage::from_fn(width as u32, height as u32, |x, y| {
        Luma([u8::MAX * u8::from(mask[[y as usize, x as usize]])])
    })
}

/// Opaque pixels as a canvas takes them.
pub(crate) fn rgba(image: &RgbImage) -> Vec<u8> {
    let with_alpha = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], u8::MAX];
    image
        .as_raw()
        .chunks_exact(3)
        .flat_map(with_alpha)
        .collect()
}

#[cfg(test)]
mod tests {
    use pellucid_shared::image::encode_png;

    use super::*;

    #[test]
    fn a_phantom_seen_by_a_network_is_the_phantom_saved_and_opened() {
        let drawn = Picture::phantom(3, 96);
        let opened = Picture::decode(&encode_png(&drawn.image).unwrap()).unwrap();
        let input = Input::plain(Preprocessing::square(32));
        assert_eq!(drawn.tensor(&input), opened.tensor(&input));
        assert_eq!(drawn.pixels(&input, 48), opened.pixels(&input, 48));
        assert_eq!(drawn.pixels(&input, 48).len(), 48 * 48 * 4);
        assert!(drawn.truth().is_some() && opened.truth().is_none());
        assert!(opened.cause(&input, 48).is_none());
    }

    #[test]
    fn what_is_odd_about_a_file_is_handed_on() {
        let file = include_bytes!("../../shared/images/src/cases/jpeg-without-end-marker.jpg");
        let note = Picture::decode(file).unwrap().note().unwrap();
        assert!(note.contains("end of the file is missing"), "{note}");
        assert!(Picture::phantom(1, 32).note().is_none());
    }

    /// A photograph's picture on the screen is drawn from a reduced copy: nobody may see a difference.
    #[test]
    fn a_large_image_looks_the_same_on_the_screen() {
        let wave = |at: u32| ((f64::from(at) / 90.0).sin() * 100.0 + 128.0) as u8;
        let image = RgbImage::from_fn(2100, 2600, |x, y| {
            image::Rgb([wave(x), wave(y), wave(x + y)])
        });
        let input = Input::plain(Preprocessing::square(64));
        let expected = rgba(&crop_and_resize(&image, &on_screen(&input, 200)));
        let picture = Picture {
            reduced: reduce(&image),
            image,
            truth: None,
            note: None,
        };
        assert_eq!(
            picture.reduced.as_ref().map(|r| r.dimensions()),
            Some((1024, 1267))
        );
        let shown = picture.pixels(&input, 200);
        let most = shown
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(most <= Some(3), "{most:?}");
    }

    #[test]
    fn the_whole_image_is_reduced_only_where_it_is_large() {
        let picture = Picture {
            image: RgbImage::from_fn(60, 40, |x, y| image::Rgb([x as u8, y as u8, 9])),
            reduced: None,
            truth: None,
            note: None,
        };
        let whole = picture.whole(60);
        assert_eq!((whole.width, whole.height), (60, 40));
        assert_eq!(whole.pixels[..8], [0, 0, 9, 255, 1, 0, 9, 255]);
        let reduced = picture.whole(30);
        assert_eq!((reduced.width, reduced.height), (30, 20));
        assert_eq!(reduced.pixels.len(), 30 * 20 * 4);
        let input = Input::plain(Preprocessing::square(8));
        assert_eq!(picture.crop(&input), [10, 0, 40, 40]);
    }

    #[test]
    fn a_mask_is_cut_as_the_image_is_and_must_have_its_form() {
        let picture = Picture::decode(&encode_png(&RgbImage::new(60, 40)).unwrap()).unwrap();
        let input = Input::plain(Preprocessing::square(4));
        let mask = |width: u32, height: u32| {
            let white = |x| if x < width / 2 { 255 } else { 0 };
            let mask = RgbImage::from_fn(width, height, |x, _| image::Rgb([white(x); 3]));
            picture.mask(&encode_png(&mask).unwrap(), &input)
        };
        let inside = mask(30, 20).unwrap();
        assert_eq!(inside.len(), 16);
        for (place, inside) in inside.iter().enumerate() {
            assert_eq!(*inside, place % 4 < 2, "{place}");
        }
        let refusal = mask(40, 40).unwrap_err().to_string();
        assert!(
            refusal.contains("40×40") && refusal.contains("60×40"),
            "{refusal}"
        );
    }

    #[test]
    fn the_causes_outline_lies_on_the_cause_and_leaves_the_rest_clear() {
        let input = Input::plain(Preprocessing::square(32));
        let phantom = generate(3, &PhantomOptions::new(96, SAMPLE_SEED));
        let outline = Picture::phantom(3, 96).cause(&input, 96).unwrap();
        let opaque = outline.chunks_exact(4).map(|pixel| pixel[3] == 255);
        let (mut on, mut off) = (0, 0);
        for (drawn, &cause) in opaque.zip(&phantom.cause) {
            on += usize::from(drawn);
            off += usize::from(drawn && !cause);
        }
        assert!(on > 50 && off == 0, "{on} pixels, {off} beside the cause");
    }
}
