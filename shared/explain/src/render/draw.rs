//! Marks on pictures.

use ::image::{Rgb, RgbImage};
use ndarray::Array2;

/// Draws the outline of a mask `[H, W]`, `width` pixels wide and on its inner side, onto a picture. A mask of another size
/// is stretched over the picture. Where the mask meets the picture's edge it is outlined, too.
pub fn outline(picture: &mut RgbImage, mask: &Array2<bool>, colour: Rgb<u8>, width: u32) {
    let (columns, rows) = picture.dimensions();
    if mask.is_empty() || width == 0 {
        return;
    }
    let scale = |to: i64, of: u32, from: usize| (to as usize * from) / of as usize;
    let inside = |x: i64, y: i64| {
        (0..i64::from(columns)).contains(&x)
            && (0..i64::from(rows)).contains(&y)
            && mask[[
                scale(y, rows, mask.nrows()),
                scale(x, columns, mask.ncols()),
            ]]
    };
    let reach = i64::from(width);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (x, y) = (i64::from(x), i64::from(y));
        let near = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
        let on_edge = || {
            near.into_iter()
                .any(|(dx, dy)| dx * dx + dy * dy <= reach * reach && !inside(x + dx, y + dy))
        };
        if inside(x, y) && on_edge() {
            *pixel = colour;
        }
    }
}

/// The picture within a frame, `width` pixels on every side, that hides none of it.
pub fn frame(picture: &RgbImage, colour: Rgb<u8>, width: u32) -> RgbImage {
    let (columns, rows) = picture.dimensions();
    RgbImage::from_fn(columns + 2 * width, rows + 2 * width, |x, y| {
        // Left of or above the picture the difference wraps around, and is no place in it either.
        let (x, y) = (x.wrapping_sub(width), y.wrapping_sub(width));
        picture.get_pixel_checked(x, y).copied().unwrap_or(colour)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{GREEN, RED};
    use super::*;

    fn drawn(picture: &RgbImage) -> Vec<String> {
        picture
            .rows()
            .map(|row| {
                row.map(|pixel| if *pixel == RED { '#' } else { '.' })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn an_outline_is_the_masks_inner_edge() {
        let mask = Array2::from_shape_fn((6, 7), |(y, x)| (1..5).contains(&y) && x >= 2);
        let mut picture = RgbImage::new(7, 6);
        outline(&mut picture, &mask, RED, 1);
        assert_eq!(
            drawn(&picture),
            [
                ".......", "..#####", "..#...#", "..#...#", "..#####", "......."
            ]
        );
        let mut picture = RgbImage::new(7, 6);
        outline(&mut picture, &mask, RED, 2);
        assert_eq!(
            drawn(&picture),
            [
                ".......", "..#####", "..#####", "..#####", "..#####", "......."
            ]
        );
    }

    #[test]
    fn a_coarse_mask_is_stretched_and_an_empty_one_ignored() {
        let mut picture = RgbImage::new(8, 4);
        outline(&mut picture, &ndarray::arr2(&[[false, true]]), RED, 1);
        assert_eq!(
            drawn(&picture),
            ["....####", "....#..#", "....#..#", "....####"]
        );
        let mut picture = RgbImage::new(3, 1);
        outline(&mut picture, &Array2::from_elem((0, 4), true), RED, 1);
        outline(&mut picture, &Array2::from_elem((4, 4), true), RED, 0);
        assert_eq!(picture, RgbImage::new(3, 1));
        outline(
            &mut RgbImage::new(0, 0),
            &Array2::from_elem((4, 4), true),
            RED,
            1,
        );
    }

    #[test]
    fn a_frame_surrounds_and_hides_nothing() {
        let picture = RgbImage::from_pixel(3, 2, Rgb([1, 2, 3]));
        let framed = frame(&picture, GREEN, 2);
        assert_eq!(framed.dimensions(), (7, 6));
        for (x, y, pixel) in framed.enumerate_pixels() {
            let within = (2..5).contains(&x) && (2..4).contains(&y);
            assert_eq!(pixel, if within { &Rgb([1, 2, 3]) } else { &GREEN });
        }
    }
}
