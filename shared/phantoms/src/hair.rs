//! Hairs that cross the field of view.

use super::canvas::Canvas;
use super::colour::{Colour, blend, scaled};
use super::noise::smoothstep;
use super::random::Stream;

/// Dark brown, black, blond, grey.
const COLOURS: [Colour; 4] = [
    [0.20, 0.13, 0.10],
    [0.10, 0.08, 0.09],
    [0.62, 0.47, 0.30],
    [0.75, 0.72, 0.70],
];

/// Straight pieces that a hair is drawn with.
const PIECES: usize = 20;

/// Paints none, few or many hairs, of one colour and about one direction.
pub(super) fn paint(canvas: &mut Canvas, stream: &mut Stream) {
    let count = match stream.unit() {
        share if share < 0.40 => 0,
        share if share < 0.80 => 1 + stream.below(5),
        _ => 6 + stream.below(12),
    };
    let colour = COLOURS[stream.below(COLOURS.len())];
    let growth = stream.direction();
    for _ in 0..count {
        Hair::draw(growth, colour, stream).paint(canvas);
    }
}

/// A quadratic Bézier curve with a width that tapers.
struct Hair {
    points: [[f32; 2]; 3],
    width: f32,
    colour: Colour,
}

impl Hair {
    fn draw(growth: [f32; 2], colour: Colour, stream: &mut Stream) -> Self {
        let stray = stream.direction();
        let along = [growth[0] + 0.45 * stray[0], growth[1] + 0.45 * stray[1]];
        let middle = [stream.unit(), stream.unit()];
        let half = stream.between(0.15, 0.65);
        let bow = stream.between(-0.25, 0.25) * half;
        let point = |end: f32, bow: f32| {
            [
                middle[0] + end * half * along[0] - bow * along[1],
                middle[1] + end * half * along[1] + bow * along[0],
            ]
        };
        Self {
            points: [point(-1.0, 0.0), point(0.0, 2.0 * bow), point(1.0, 0.0)],
            width: stream.between(0.0030, 0.0075),
            colour: scaled(colour, stream.between(0.8, 1.2)),
        }
    }

    fn paint(&self, canvas: &mut Canvas) {
        let pixel = canvas.pixel();
        let mut covered = Cover::new(canvas.size());
        for piece in 0..PIECES {
            let from = self.at(piece as f32 / PIECES as f32);
            let to = self.at((piece + 1) as f32 / PIECES as f32);
            let taper = 1.0 - 0.6 * (piece as f32 / PIECES as f32);
            let half = 0.5 * self.width * taper;
            // Hairs thinner than a pixel cover part of it.
            let (edge, strength) = (half.max(0.5 * pixel), (half / (0.5 * pixel)).min(1.0));
            let reach = edge + 2.0 * pixel + self.width;
            let low = [from[0].min(to[0]) - reach, from[1].min(to[1]) - reach];
            let high = [from[0].max(to[0]) + reach, from[1].max(to[1]) + reach];
            canvas.visit_box(low, high, |position, column, row| {
                let distance = distance_to_piece(position, from, to);
                let body = strength * smoothstep(edge + 0.5 * pixel, edge - 0.5 * pixel, distance);
                // Light glances off the middle of a hair, and it throws a faint shadow.
                let shine = smoothstep(0.5 * edge, 0.0, distance);
                let shadow =
                    0.12 * strength * smoothstep(edge + self.width + pixel, edge, distance);
                covered.raise(column, row, [body, shine, shadow]);
            });
        }
        for (column, row, [body, shine, shadow]) in covered.into_pixels() {
            let pixel = canvas.at(column, row);
            let shaded = scaled(*pixel, 1.0 - shadow);
            let hair = blend(self.colour, [0.85, 0.80, 0.76], 0.28 * shine);
            *pixel = blend(shaded, hair, 0.92 * body);
        }
    }

    fn at(&self, t: f32) -> [f32; 2] {
        let [a, b, c] = self.points;
        let s = 1.0 - t;
        std::array::from_fn(|axis| s * s * a[axis] + 2.0 * s * t * b[axis] + t * t * c[axis])
    }
}

fn distance_to_piece([x, y]: [f32; 2], from: [f32; 2], to: [f32; 2]) -> f32 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = (dx * dx + dy * dy).max(1e-12);
    let along = (((x - from[0]) * dx + (y - from[1]) * dy) / length).clamp(0.0, 1.0);
    let (ex, ey) = (x - from[0] - along * dx, y - from[1] - along * dy);
    (ex * ex + ey * ey).sqrt()
}

/// The most that any piece covers of each pixel: neighbouring pieces overlap and must not add up.
struct Cover {
    size: usize,
    values: Vec<[f32; 3]>,
    touched: Vec<usize>,
}

impl Cover {
    fn new(size: usize) -> Self {
        Self {
            size,
            values: vec![[0.0; 3]; size * size],
            touched: Vec::new(),
        }
    }

    fn raise(&mut self, column: usize, row: usize, values: [f32; 3]) {
        if values[2] <= 0.0 && values[0] <= 0.0 {
            return;
        }
        let at = row * self.size + column;
        if self.values[at] == [0.0; 3] {
            self.touched.push(at);
        }
        for (old, new) in self.values[at].iter_mut().zip(values) {
            *old = old.max(new);
        }
    }

    fn into_pixels(self) -> impl Iterator<Item = (usize, usize, [f32; 3])> {
        let Self {
            size,
            values,
            touched,
        } = self;
        touched
            .into_iter()
            .map(move |at| (at % size, at / size, values[at]))
    }
}
