//! Pixels while they are being painted.

use ::image::{Rgb, RgbImage};

use super::colour::{Colour, blend};

/// A square of colours. Positions are in sides of the image: (0, 0) is its top left corner, (1, 1) its bottom right.
pub(super) struct Canvas {
    size: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            pixels: vec![[0.0; 3]; size * size],
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The side of a pixel.
    pub(super) fn pixel(&self) -> f32 {
        1.0 / self.size as f32
    }

    /// The centre of the pixel in this column and row.
    pub(super) fn position(&self, column: usize, row: usize) -> [f32; 2] {
        [
            (column as f32 + 0.5) / self.size as f32,
            (row as f32 + 0.5) / self.size as f32,
        ]
    }

    pub(super) fn at(&mut self, column: usize, row: usize) -> &mut Colour {
        &mut self.pixels[row * self.size + column]
    }

    /// Changes every pixel, given its place and column and row.
    pub(super) fn paint(&mut self, mut brush: impl FnMut([f32; 2], (usize, usize), &mut Colour)) {
        for row in 0..self.size {
            for column in 0..self.size {
                let position = self.position(column, row);
                brush(position, (column, row), self.at(column, row));
            }
        }
    }

    /// Calls `visit` for the pixels of the box from `low` to `high` that lie on the canvas.
    pub(super) fn visit_box(
        &self,
        low: [f32; 2],
        high: [f32; 2],
        mut visit: impl FnMut([f32; 2], usize, usize),
    ) {
        let size = self.size as f32;
        // `as` saturates at 0.
        let from = |value: f32| (value * size - 1.0) as usize;
        let to = |value: f32| ((value * size + 1.0) as usize + 1).min(self.size);
        for row in from(low[1])..to(high[1]) {
            for column in from(low[0])..to(high[0]) {
                visit(self.position(column, row), column, row);
            }
        }
    }

    /// Lays `colour` over a pixel.
    pub(super) fn cover(&mut self, column: usize, row: usize, colour: Colour, opacity: f32) {
        let pixel = self.at(column, row);
        *pixel = blend(*pixel, colour, opacity);
    }

    pub(super) fn into_image(self) -> RgbImage {
        let size = self.size;
        RgbImage::from_fn(size as u32, size as u32, |x, y| {
            // `as` saturates.
            Rgb(self.pixels[y as usize * size + x as usize]
                .map(|value| (value * 255.0 + 0.5) as u8))
        })
    }
}
