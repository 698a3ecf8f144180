//! A lesion's outline: a circle, stretched and bent.

use super::random::Stream;

/// A closed curve around a centre, of a given area.
pub(super) struct Outline {
    centre: [f32; 2],
    /// Radius before bending.
    radius: f32,
    /// Direction of the longer axis.
    axis: [f32; 2],
    /// Square root of the ratio of the axes.
    stretch: f32,
    /// Complex amplitudes of the radius's harmonics 1, 2, ... over the angle.
    bends: Vec<[f32; 2]>,
}

/// Place and area, which know no class.
pub(super) struct Extent {
    pub(super) centre: [f32; 2],
    /// Radius of the disc of equal area.
    pub(super) radius: f32,
    pub(super) axis: [f32; 2],
    /// Ratio of the axes.
    pub(super) aspect: f32,
}

impl Extent {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        Self {
            centre: [
                0.5 + stream.between(-0.05, 0.05),
                0.5 + stream.between(-0.05, 0.05),
            ],
            radius: stream.between(0.17, 0.27),
            axis: stream.direction(),
            aspect: stream.between(1.0, 1.3),
        }
    }
}

/// How far an outline may reach from its centre, so that it stays inside the image.
const REACH: f32 = 0.40;

impl Outline {
    /// An outline of the extent's area, whose radius varies by the given amplitudes, at random angles.
    pub(super) fn draw(extent: &Extent, amplitudes: &[f32], stream: &mut Stream) -> Self {
        let bends = amplitudes
            .iter()
            .map(|amplitude| stream.direction().map(|part| part * amplitude))
            .collect();
        let mut outline = Self {
            centre: extent.centre,
            radius: extent.radius,
            axis: extent.axis,
            stretch: extent.aspect.sqrt(),
            bends,
        };
        outline.keep_area_and_reach(extent.radius);
        outline
    }

    fn keep_area_and_reach(&mut self, radius: f32) {
        loop {
            // The area inside r(φ) = R (1 + Σ aₙ cos n(φ − φₙ)) is πR² (1 + ½ Σ aₙ²).
            let squares: f32 = self.bends.iter().map(|[a, b]| a * a + b * b).sum();
            self.radius = radius / (1.0 + 0.5 * squares).sqrt();
            let reach = (0..64)
                .map(|step| self.bent(turn(step)))
                .fold(0.0, f32::max)
                * self.radius
                * self.stretch;
            if reach <= REACH || squares < 1e-4 {
                return;
            }
            self.bends
                .iter_mut()
                .flatten()
                .for_each(|part| *part *= 0.9);
        }
    }

    pub(super) fn centre(&self) -> [f32; 2] {
        self.centre
    }

    pub(super) fn radius(&self) -> f32 {
        self.radius
    }

    /// About the distance to the outline: positive inside, negative outside, at the centre the radius.
    pub(super) fn depth(&self, [x, y]: [f32; 2]) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let along = (dx * self.axis[0] + dy * self.axis[1]) / self.stretch;
        let across = (dy * self.axis[0] - dx * self.axis[1]) * self.stretch;
        let distance = (along * along + across * across).sqrt();
        if distance < 1e-6 {
            return self.radius;
        }
        self.radius * self.bent([along / distance, across / distance]) - distance
    }

    /// The radius in this direction, relative to the unbent one: cos nφ and sin nφ are the parts of (cos φ + i sin φ)ⁿ.
    fn bent(&self, [cos, sin]: [f32; 2]) -> f32 {
        let (mut re, mut im) = (1.0, 0.0);
        let mut radius = 1.0;
        for [a, b] in &self.bends {
            (re, im) = (re * cos - im * sin, re * sin + im * cos);
            radius += a * re + b * im;
        }
        radius.max(0.3)
    }
}

/// Directions around the circle, by the rational parametrisation ((1 − t²), 2t) / (1 + t²) of its quarters.
fn turn(step: usize) -> [f32; 2] {
    let t = (step % 16) as f32 / 16.0;
    let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
    match step / 16 {
        0 => [cos, sin],
        1 => [-sin, cos],
        2 => [-cos, -sin],
        _ => [sin, -cos],
    }
}
