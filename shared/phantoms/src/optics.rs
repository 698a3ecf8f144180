//! What the immersion fluid under the dermoscope's glass does.

use super::canvas::Canvas;
use super::colour::{add, scaled};
use super::noise::smoothstep;
use super::random::Stream;

/// In a quarter of the pictures, a few air bubbles: a thin rim, dark on one side and bright on the other, and a glint.
pub(super) fn paint_bubbles(canvas: &mut Canvas, stream: &mut Stream) {
    if !stream.chance(0.25) {
        return;
    }
    let light = stream.direction();
    for _ in 0..1 + stream.below(6) {
        let centre = [stream.unit(), stream.unit()];
        let radius = 0.008 + 0.03 * stream.unit() * stream.unit();
        paint_bubble(canvas, centre, radius, light);
    }
}

fn paint_bubble(canvas: &mut Canvas, centre: [f32; 2], radius: f32, light: [f32; 2]) {
    let pixel = canvas.pixel();
    let reach = radius + 2.0 * pixel;
    let mut touched = Vec::new();
    let (low, high) = (
        centre.map(|value| value - reach),
        centre.map(|value| value + reach),
    );
    canvas.visit_box(low, high, |position, column, row| {
        touched.push((position, column, row))
    });
    for (position, column, row) in touched {
        let (dx, dy) = (position[0] - centre[0], position[1] - centre[1]);
        let distance = (dx * dx + dy * dy).sqrt();
        let rim_width = (0.25 * radius).max(0.7 * pixel);
        let rim = smoothstep(rim_width, 0.0, (distance - radius).max(radius - distance));
        let facing = (dx * light[0] + dy * light[1]) / radius;
        let (gx, gy) = (dx - 0.45 * radius * light[0], dy - 0.45 * radius * light[1]);
        let glint_size = (0.25 * radius).max(0.5 * pixel);
        let glint = smoothstep(
            glint_size + 0.5 * pixel,
            0.3 * glint_size,
            (gx * gx + gy * gy).sqrt(),
        );
        let colour = canvas.at(column, row);
        let lit = scaled(*colour, 1.0 + rim * (0.10 + 0.35 * facing));
        *colour = add(lit, [1.0; 3], 0.55 * glint);
    }
}
