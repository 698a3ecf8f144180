//! Bytes to upright RGB pixels.

use std::fmt;
use std::io::Cursor;

use ::image::{
    DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
};

use super::{ImageError, MAX_MEGAPIXELS, MIN_SIDE, jpeg};
use pellucid_files::kind::FileKind;

/// What a decoder may allocate: 100 megapixels of 16-bit RGBA, and as much again to work in.
const MAX_ALLOCATION: u64 = 2 * 8 * MAX_MEGAPIXELS * 1_000_000;

/// An image, and what there is to say about its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Upright 8-bit RGB.
    pub image: RgbImage,
    /// What the person who gave the file should know, although the image can be used.
    pub note: Option<ImageNote>,
}

/// What is odd about the file of an image that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageNote {
    /// A JPEG file without its end marker, or with zeros in its place; every pixel is there.
    NoEnd,
}

impl fmt::Display for ImageNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEnd => formatter.write_str(
                "the end of the file is missing, as after an interrupted copy, but every row of the image is there",
            ),
        }
    }
}

/// Decodes a PNG, JPEG, TIFF, WebP, BMP or GIF file, known by its content, into 8-bit RGB.
///
/// The EXIF orientation is applied. Grey becomes RGB, 16 bits are rounded to 8, transparency is laid over white, of an
/// animation the first picture is taken. Embedded colour profiles are ignored, as in the data that networks are trained on.
///
/// # Errors
/// See [`ImageError`]; too many pixels are refused before they are allocated.
pub fn decode_noted(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let (image, note) = open(bytes)?;
    Ok(Decoded {
        image: flatten(image),
        note,
    })
}

/// As [`decode_noted`], for those who have nobody to tell.
///
/// # Errors
/// As [`decode_noted`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    decode_noted(bytes).map(|decoded| decoded.image)
}

/// Decodes a mask as one grey channel: segmentations come as 1-bit, grey, palette or RGB pictures.
///
/// # Errors
/// As [`decode_noted`].
pub fn decode_mask(bytes: &[u8]) -> Result<GrayImage, ImageError> {
    decode(bytes).map(|image| DynamicImage::from(image).into_luma8())
}

fn open(bytes: &[u8]) -> Result<(DynamicImage, Option<ImageNote>), ImageError> {
    let format = format(bytes)?;
    if format == ImageFormat::Jpeg && jpeg::ends_early(bytes) {
        return Ok((without_end(bytes)?, Some(ImageNote::NoEnd)));
    }
    Ok((decode_as(format, bytes)?, None))
}

/// The format of what is read; what it is instead where it is not.
fn format(bytes: &[u8]) -> Result<ImageFormat, ImageError> {
    match FileKind::of(bytes) {
        Some(FileKind::Empty) => return Err(ImageError::Empty),
        Some(kind) if kind.is_read_as_image() => {}
        Some(kind) => return Err(ImageError::Foreign(kind)),
        None => {}
    }
    ::image::guess_format(bytes).map_err(|_| ImageError::Unrecognised)
}

fn decode_as(format: ImageFormat, bytes: &[u8]) -> Result<DynamicImage, ImageError> {
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

/// A JPEG file that stops before its end marker, where no pixel hangs on what is missing.
fn without_end(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    for [one, other] in jpeg::continuations(bytes) {
        match decode_as(ImageFormat::Jpeg, &one) {
            Ok(image) if decode_as(ImageFormat::Jpeg, &other).is_ok_and(|i| i == image) => {
                return Ok(image);
            }
            Ok(_) | Err(ImageError::Truncated | ImageError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ImageError::Truncated)
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
mod tests {
    use ::image::codecs::jpeg::JpegEncoder;
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
            decode(b"\x07\x01\x02\x03\x04"),
            Err(ImageError::Unrecognised)
        ));
        for (bytes, said) in [
            (
                &b"lesion_id,image_id,dx\n"[..],
                "This is a text file and not an image: ",
            ),
            (b"<!DOCTYPE html>\n<html>", "a web page and not an image: "),
            (
                b"\x08\x08\x12\x07pytorch\x3a",
                "an ONNX model and not an image: ",
            ),
            (
                b"\x89HDF\r\n\x1a\n",
                "as Keras saves models, neither an image nor an ONNX model: load it",
            ),
            // A format that the `image` crate knows by its magic number, but that is not built in.
            (
                b"qoif\0\0\0\x10\0\0\0\x10\x03\0",
                "a picture in a rare format, which this program does not read: ",
            ),
            (
                b"\0\0\0\x1cftypheic\0\0\0\0mif1heic",
                "a HEIC image, which this program does not read: save it as JPEG or PNG",
            ),
        ] {
            let error = decode(bytes).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(
                error.starts_with("This is ") && error.ends_with('.'),
                "{error}"
            );
        }
    }

    #[test]
    fn a_proper_prefix_is_the_whole_image_or_refused_and_most_are_called_truncated() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp] {
            let bytes = encoded(corner(), format);
            let all = decode(&bytes).unwrap();
            for length in 1..bytes.len() {
                match decode_noted(&bytes[..length]) {
                    Ok(whole) => {
                        // The pixels of a PNG are complete before its closing chunk is, a JPEG's before its end marker and
                        // the bits that fill the last byte.
                        let spare = match format {
                            ImageFormat::Png => 16,
                            ImageFormat::Jpeg => 3,
                            _ => 0,
                        };
                        assert!(length >= bytes.len() - spare, "{format:?} {length}");
                        assert_eq!(whole.image, all);
                        assert_eq!(whole.note.is_some(), format == ImageFormat::Jpeg);
                    }
                    Err(ImageError::Truncated) => {}
                    Err(error) => assert!(length < 30, "{format:?} of {length} bytes: {error}"),
                }
            }
        }
    }

    /// As interrupted copies, full cards and careless editors leave them: made by the encoder of another program.
    #[test]
    fn jpegs_without_their_end_are_shown_with_a_note() {
        for file in [
            &include_bytes!("cases/jpeg-without-end-marker.jpg")[..],
            include_bytes!("cases/jpeg-zeros-for-end-marker.jpg"),
        ] {
            let shown = decode_noted(file).unwrap();
            assert_eq!(shown.note, Some(ImageNote::NoEnd));
            let written = file.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            let whole = [&file[..written], &[0xFF, 0xD9]].concat();
            let whole = decode_noted(&whole).unwrap();
            assert_eq!((shown.image, None), (whole.image, whole.note));
            // A half of the marker, disk space never written, a few bytes of the picture lost.
            let ended = [&file[..written], &[0xFF]].concat();
            assert!(decode_noted(&ended).unwrap().note.is_some());
            let padded = [&file[..written], &[0xFF; 40]].concat();
            assert!(decode_noted(&padded).unwrap().note.is_some());
            for lost in [4, 20, 60] {
                for zeros in [0, 1000] {
                    let cut = [&file[..written - lost], &vec![0; zeros]].concat();
                    assert!(
                        matches!(decode(&cut), Err(ImageError::Truncated)),
                        "{lost} {zeros}"
                    );
                }
            }
        }
    }

    /// `0` where the last byte of the scan is 0xFF, whose second byte then looks like padding.
    #[test]
    fn zeros_at_the_end_may_be_data() {
        let mut seen = 0;
        for number in 0..20_000_u32 {
            // Fine enough that the last coefficient of the block is not 0, which would be a code that ends in 0.
            let noise = |x, y| {
                (number
                    .wrapping_add(8 * x + y + 1)
                    .wrapping_mul(2_654_435_761)
                    >> 24) as u8
            };
            let image = GrayImage::from_fn(8, 8, |x, y| Luma([noise(x, y)]));
            let mut bytes = vec![];
            JpegEncoder::new_with_quality(&mut bytes, 100)
                .encode_image(&image)
                .unwrap();
            let body = &bytes[..bytes.len() - 2];
            if !body.ends_with(&[0xFF, 0x00]) {
                continue;
            }
            for zeros in [0, 500] {
                let cut = [body, &vec![0; zeros]].concat();
                assert_eq!(decode(&cut).unwrap(), decode(&bytes).unwrap());
            }
            seen += 1;
            if seen == 4 {
                break;
            }
        }
        assert!(seen > 0);
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
