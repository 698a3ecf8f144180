//! Contact sheets.

use ::image::{RgbImage, imageops};

use super::WHITE;

/// Pictures in rows on white, `gap` pixels apart and around. A column is as wide as its widest picture, a row as high as its
/// highest; smaller ones stand in the middle of their place. Rows may differ in length.
pub fn grid(rows: &[Vec<RgbImage>], gap: u32) -> RgbImage {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<u32> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(RgbImage::width)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let heights: Vec<u32> = rows
        .iter()
        .map(|row| row.iter().map(RgbImage::height).max().unwrap_or(0))
        .collect();
    let total = |sides: &[u32]| sides.iter().sum::<u32>() + gap * (sides.len() as u32 + 1);
    let mut sheet = RgbImage::from_pixel(total(&widths), total(&heights), WHITE);
    let mut top = gap;
    for (row, height) in rows.iter().zip(&heights) {
        let mut left = gap;
        for (picture, width) in row.iter().zip(&widths) {
            let (x, y) = (
                left + (width - picture.width()) / 2,
                top + (height - picture.height()) / 2,
            );
            imageops::replace(&mut sheet, picture, i64::from(x), i64::from(y));
            left += width + gap;
        }
        top += height + gap;
    }
    sheet
}

/// The picture with every pixel drawn `factor`×`factor` times, so that small maps can be seen as they are.
pub fn enlarge(picture: &RgbImage, factor: u32) -> RgbImage {
    let factor = factor.max(1);
    RgbImage::from_fn(
        picture.width() * factor,
        picture.height() * factor,
        |x, y| *picture.get_pixel(x / factor, y / factor),
    )
}

#[cfg(test)]
mod tests {
    use ::image::Rgb;

    use super::*;

    fn plain(width: u32, height: u32, value: u8) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([value; 3]))
    }

    #[test]
    fn pictures_stand_in_their_places() {
        let sheet = grid(
            &[vec![plain(2, 2, 1), plain(4, 2, 2)], vec![plain(4, 3, 3)]],
            1,
        );
        let seen: Vec<String> = sheet
            .rows()
            .map(|row| {
                row.map(|pixel| ['.', '1', '2', '3'][usize::from(pixel.0[0]) % 255])
                    .collect()
            })
            .collect();
        assert_eq!(
            seen,
            [
                "...........",
                "..11..2222.",
                "..11..2222.",
                "...........",
                ".3333......",
                ".3333......",
                ".3333......",
                "..........."
            ]
        );
        assert_eq!(grid(&[], 3).dimensions(), (3, 3));
        assert_eq!(grid(&[vec![], vec![]], 0).dimensions(), (0, 0));
    }

    #[test]
    fn enlarging_repeats_pixels() {
        let mut picture = plain(2, 1, 7);
        picture.put_pixel(1, 0, Rgb([9; 3]));
        let large = enlarge(&picture, 3);
        assert_eq!(large.dimensions(), (6, 3));
        assert_eq!(
            (large.get_pixel(2, 2), large.get_pixel(3, 0)),
            (&Rgb([7; 3]), &Rgb([9; 3]))
        );
        assert_eq!(enlarge(&picture, 0), picture);
    }
}
