//! Planted objects that betray a class.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::Class;
use super::canvas::Canvas;
use super::colour::{Colour, scaled};
use super::noise::smoothstep;
use super::random::Stream;

/// What is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortcutKind {
    /// A round coloured sticker in a corner, as in the pictures of children in the ISIC archive, where it betrays nevi
    /// (Rieger et al., ICML 2020).
    Patch,
    /// The ticks of a ruler along an edge, as clinicians lay beside what they suspect.
    Ruler,
}

/// An object that appears more on one class than on the others, and has nothing to do with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shortcut {
    /// What is planted.
    pub kind: ShortcutKind,
    /// The class that it betrays.
    pub class: Class,
    /// Probability, 0 to 1, that it appears on that class; on the others it appears with 1 − `correlation`. So 1 betrays
    /// the class always, 0.5 never.
    pub correlation: f32,
}

impl Shortcut {
    /// Paints the object if this phantom is to have it, and returns its mask.
    pub(super) fn paint(
        &self,
        canvas: &mut Canvas,
        class: Class,
        lesion: [f32; 2],
        stream: &mut Stream,
    ) -> Option<Array2<bool>> {
        let probability = if class == self.class {
            self.correlation
        } else {
            1.0 - self.correlation
        };
        if !stream.chance(probability) {
            return None;
        }
        let painted = match self.kind {
            ShortcutKind::Patch => patch(canvas, lesion, stream),
            ShortcutKind::Ruler => ruler(canvas, stream),
        };
        Some(painted)
    }
}

/// Blue, green, yellow, orange.
const STICKERS: [Colour; 4] = [
    [0.20, 0.42, 0.78],
    [0.25, 0.62, 0.38],
    [0.93, 0.80, 0.25],
    [0.92, 0.50, 0.22],
];

/// In the corner farthest from the lesion, partly out of view.
fn patch(canvas: &mut Canvas, lesion: [f32; 2], stream: &mut Stream) -> Array2<bool> {
    let corner = lesion.map(|value| if value < 0.5 { 1.0 } else { 0.0 });
    let centre = corner.map(|value: f32| value + (0.5 - value) * stream.between(0.04, 0.16));
    let radius = stream.between(0.11, 0.15);
    let colour = STICKERS[stream.below(STICKERS.len())];
    let mut mask = empty(canvas);
    let pixel = canvas.pixel();
    for (position, column, row) in all(canvas) {
        let (dx, dy) = (position[0] - centre[0], position[1] - centre[1]);
        let distance = (dx * dx + dy * dy).sqrt();
        let cover = smoothstep(radius + 0.6 * pixel, radius - 0.6 * pixel, distance);
        let shadow = 0.25 * smoothstep(radius + 0.02, radius, distance);
        let shade = 1.0 - 0.15 * smoothstep(0.5 * radius, radius, distance);
        if cover > 0.0 || shadow > 0.0 {
            canvas.cover(column, row, [0.1; 3], shadow);
            canvas.cover(column, row, scaled(colour, shade), cover);
        }
        mask[[row, column]] = cover > 0.5;
    }
    mask
}

/// Ticks along one edge, dark or white, every fifth long.
fn ruler(canvas: &mut Canvas, stream: &mut Stream) -> Array2<bool> {
    const SPACING: f32 = 0.055;
    let edge = stream.below(4);
    let inset = stream.between(0.005, 0.02);
    let start = stream.between(0.0, SPACING);
    let colour = if stream.chance(0.5) {
        [0.10, 0.10, 0.12]
    } else {
        [0.96, 0.96, 0.97]
    };
    let mut mask = empty(canvas);
    // At least a pixel wide, or small pictures would not show it.
    let half_width = (0.004_f32).max(0.5 * canvas.pixel());
    for (position, column, row) in all(canvas) {
        let (along, from_edge) = match edge {
            0 => (position[0], position[1]),
            1 => (position[0], 1.0 - position[1]),
            2 => (position[1], position[0]),
            _ => (position[1], 1.0 - position[0]),
        };
        let tick = ((along - start) / SPACING + 0.5).floor();
        let off = along - start - tick * SPACING;
        let length = if tick as i32 % 5 == 0 { 0.075 } else { 0.045 };
        if off.max(-off) <= half_width && (inset..inset + length).contains(&from_edge) {
            canvas.cover(column, row, colour, 0.9);
            mask[[row, column]] = true;
        }
    }
    mask
}

fn empty(canvas: &Canvas) -> Array2<bool> {
    Array2::from_elem((canvas.size(), canvas.size()), false)
}

/// Every pixel's place, column and row.
fn all(canvas: &Canvas) -> Vec<([f32; 2], usize, usize)> {
    let mut pixels = Vec::with_capacity(canvas.size() * canvas.size());
    canvas.visit_box([0.0; 2], [1.0; 2], |position, column, row| {
        pixels.push((position, column, row))
    });
    pixels
}
