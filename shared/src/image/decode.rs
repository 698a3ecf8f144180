//! Bytes to upright RGB pixels.

use std::io::Cursor;

use ::image::{
    DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
};

use super::{ImageError, jpeg};

/// Images above this many million pixels are refused before any memory is taken for them.
pub const MAX_MEGAPIXELS: u64 = 100;

/// Images with a side shorter than this many pixels are refused.
pub const MIN_SIDE: u32 = 8;

/// What a decoder may allocate: 100 megapixels of 16-bit RGBA, and as much again to work in.
const MAX_ALLOCATION: u64 = 2 * 8 * MAX_MEGAPIXELS * 1_000_000;

/// Decodes a PNG, JPEG, TIFF, WebP, BMP or GIF file, known by its content, into 8-bit RGB.
///
/// The EXIF orientation is applied. Grey becomes RGB, 16 bits are rounded to 8, transparency is laid over white, of an
/// animation the first picture is taken. Embedded colour profiles are ignored, as in the data that networks are trained on.
///
/// # Errors
/// See [`ImageError`]; too many pixels are refused before they are allocated.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    open(bytes).map(flatten)
}

/// Decodes a mask as one grey channel: segmentations come as 1-bit, grey, palette or RGB pictures.
///
/// # Errors
/// As [`decode`].
pub fn decode_mask(bytes: &[u8]) -> Result<GrayImage, ImageError> {
    open(bytes).map(|image| DynamicImage::from(flatten(image)).into_luma8())
}

fn open(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    let format = ::image::guess_format(bytes).map_err(|_| ImageError::Unrecognised)?;
    if format == ImageFormat::Jpeg && jpeg::ends_early(bytes) {
        return Err(ImageError::Truncated);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        ::image::ImageError::Unsupported(_) if !format.reading_enabled() => {
            ImageError::Unrecognised
        }
        other => other.into(),
    })?;
    check_size(decoder.dimensions())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn check_size((width, height): (u32, u32)) -> Result<(), ImageError> {
    if u64::from(width) * u64::from(height) > MAX_MEGAPIXELS * 1_000_000 {
        return Err(ImageError::TooLarge { width, height });
    }
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(ImageError::TooSmall { width, height });
    }
    Ok(())
}

/// To 8-bit RGB, with what is transparent shown over white, as most viewers do.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let over_white = |colour: u32| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        *to = Rgb([over_white(red), over_white(green), over_white(blue)]);
    }
    flat
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use ::image::{ImageBuffer, Luma, LumaA, Rgba};
    use proptest::prelude::*;

    use super::super::pillow_masks::MASKS;
    use super::*;

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// 32×16, mid-grey, with a red block in the top left corner.
    fn corner() -> RgbImage {
        RgbImage::from_fn(32, 16, |x, y| {
            if x < 8 && y < 8 {
                Rgb([255, 0, 0])
            } else {
                Rgb([128; 3])
            }
        })
    }

    /// A little-endian EXIF segment that holds the orientation alone, put behind the JPEG's start-of-image marker.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xFF, 0xE1]);
        bytes.extend((exif.len() as u16 + 2).to_be_bytes());
        bytes.extend(exif);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    fn is_red(pixel: &Rgb<u8>) -> bool {
        pixel.0[0] > 200 && pixel.0[1] < 60
    }

    /// Where EXIF 2.32, 4.6.4 (tag 0x0112) puts the stored row 0 and column 0: the corner they share.
    #[test]
    fn exif_orientation_is_applied() {
        let jpeg = encoded(corner(), ImageFormat::Jpeg);
        for (orientation, (right, bottom), turned) in [
            (1, (false, false), false),
            (2, (true, false), false),
            (3, (true, true), false),
            (4, (false, true), false),
            (5, (false, false), true),
            (6, (true, false), true),
            (7, (true, true), true),
            (8, (false, true), true),
        ] {
            let image = decode(&with_orientation(&jpeg, orientation)).unwrap();
            let (width, height) = if turned { (16, 32) } else { (32, 16) };
            assert_eq!(
                image.dimensions(),
                (width, height),
                "orientation {orientation}"
            );
            for (x, on_right) in [(2, false), (width - 3, true)] {
                for (y, at_bottom) in [(2, false), (height - 3, true)] {
                    let expected = (on_right, at_bottom) == (right, bottom);
                    assert_eq!(
                        is_red(image.get_pixel(x, y)),
                        expected,
                        "orientation {orientation}"
                    );
                }
            }
        }
    }

    #[test]
    fn depth_grey_and_transparency_become_8_bit_rgb() {
        let grey = ImageBuffer::from_pixel(8, 8, Luma([0x8000_u16]));
        assert_eq!(
            decode(&encoded(grey, ImageFormat::Png))
                .unwrap()
                .get_pixel(3, 3),
            &Rgb([128; 3])
        );
        // Half of black over white, and nothing of red over white.
        let half = ImageBuffer::from_pixel(8, 8, LumaA([0_u8, 128]));
        assert_eq!(
            decode(&encoded(half, ImageFormat::Png))
                .unwrap()
                .get_pixel(3, 3),
            &Rgb([127; 3])
        );
        let clear = ImageBuffer::from_pixel(8, 8, Rgba([255_u8, 0, 0, 0]));
        assert_eq!(
            decode(&encoded(clear, ImageFormat::Png))
                .unwrap()
                .get_pixel(3, 3),
            &Rgb([255; 3])
        );
    }

    #[test]
    fn every_format_it_names_is_read() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Tiff,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Gif,
        ] {
            assert_eq!(
                decode(&encoded(corner(), format)).unwrap(),
                corner(),
                "{format:?}"
            );
        }
        assert_eq!(
            decode(&encoded(corner(), ImageFormat::Jpeg))
                .unwrap()
                .dimensions(),
            (32, 16)
        );
    }

    /// The JPEG's frame header states another size.
    fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
        let mut jpeg = encoded(corner(), ImageFormat::Jpeg);
        let frame = jpeg
            .windows(2)
            .position(|pair| pair == [0xFF, 0xC0])
            .unwrap();
        jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        jpeg
    }

    #[test]
    fn sizes_out_of_bounds_are_refused_with_a_remedy() {
        assert_eq!(
            decode(&jpeg_claiming(20_000, 20_000))
                .unwrap_err()
                .to_string(),
            "The image is 20000×20000 pixels; at most 100 megapixels are decoded: reduce it first."
        );
        let tiny = encoded(RgbImage::new(1, 1), ImageFormat::Png);
        assert_eq!(
            decode(&tiny).unwrap_err().to_string(),
            "The image is 1×1 pixels; each side needs at least 8: give a larger image."
        );
        assert!(decode(&encoded(RgbImage::new(8, 8), ImageFormat::Png)).is_ok());
        assert!(matches!(
            decode(&encoded(RgbImage::new(7, 300), ImageFormat::Png)),
            Err(ImageError::TooSmall {
                width: 7,
                height: 300
            })
        ));
    }

    #[test]
    fn what_is_no_image_is_told_apart() {
        assert!(matches!(decode(b""), Err(ImageError::Empty)));
        assert!(matches!(
            decode(b"lesion_id,image_id,dx\n"),
            Err(ImageError::Unrecognised)
        ));
        // A format that the `image` crate knows by its magic number, but that is not built in.
        assert!(matches!(
            decode(b"qoif\0\0\0\x10\0\0\0\x10\x03\0"),
            Err(ImageError::Unrecognised)
        ));
    }

    #[test]
    fn every_proper_prefix_is_refused_and_most_are_called_truncated() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp] {
            let bytes = encoded(corner(), format);
            assert!(decode(&bytes).is_ok());
            for length in 1..bytes.len() {
                match decode(&bytes[..length]) {
                    Ok(whole) => {
                        // The pixels of a PNG are complete before its closing chunk is.
                        assert!(
                            format == ImageFormat::Png && length >= bytes.len() - 16,
                            "{format:?} {length}"
                        );
                        assert_eq!(whole, corner());
                    }
                    Err(ImageError::Truncated) => {}
                    Err(error) => assert!(length < 30, "{format:?} of {length} bytes: {error}"),
                }
            }
        }
    }

    #[test]
    fn a_thumbnails_end_is_not_the_images_end() {
        let jpeg = encoded(corner(), ImageFormat::Jpeg);
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xFF, 0xE2]);
        bytes.extend((jpeg.len() as u16 + 2).to_be_bytes());
        bytes.extend(&jpeg);
        bytes.extend(&jpeg[2..]);
        assert!(decode(&bytes).is_ok());
        assert!(matches!(
            decode(&bytes[..bytes.len() - 40]),
            Err(ImageError::Truncated)
        ));
    }

    fn from_hexadecimal(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .map(|digit| digit as u8)
            .collect();
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect()
    }

    #[test]
    fn masks_of_every_kind_are_read_as_pillow_reads_them() {
        for (name, file, rows) in MASKS {
            let mask = decode_mask(&from_hexadecimal(file)).unwrap();
            let read: Vec<String> = mask
                .rows()
                .map(|row| row.map(|p| if p.0[0] > 127 { '#' } else { '.' }).collect())
                .collect();
            assert_eq!(read, *rows, "{name}");
            assert!(mask.pixels().all(|p| [0, 255].contains(&p.0[0])), "{name}");
        }
    }

    const MAGIC_NUMBERS: [&[u8]; 7] = [
        b"",
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        b"\xff\xd8\xff",
        b"II*\0\x08\0\0\0",
        b"RIFF\x40\0\0\0WEBPVP8L",
        b"BM",
        b"GIF89a\x10\0\x10\0",
    ];

    proptest! {
        #[test]
        fn random_bytes_never_panic(kind in 0..MAGIC_NUMBERS.len(), tail in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&[MAGIC_NUMBERS[kind], &tail].concat());
        }

        #[test]
        fn damage_never_panics(at in 0.0..1.0_f64, byte in any::<u8>(), kind in 0..5_usize) {
            let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Gif];
            let mut bytes = encoded(corner(), formats[kind]);
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
            let _ = decode(&bytes);
        }
    }
}
