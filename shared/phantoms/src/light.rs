//! Lamp, lens and sensor.

use super::canvas::Canvas;
use super::noise::{Noise, smoothstep};
use super::random::Stream;

/// How the field is lit and recorded.
pub(super) struct Light {
    /// Change of brightness across the image.
    gradient: [f32; 2],
    /// How much darker the corners are.
    vignette: f32,
    /// Radius of the dermoscope's black ring, when it is in view.
    ring: Option<f32>,
    /// Standard deviation of the sensor's noise.
    noise: f32,
    grain: Noise,
}

impl Light {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        Self {
            gradient: stream.in_disc().map(|part| 0.10 * part),
            vignette: stream.unit() * stream.unit() * 0.45,
            ring: stream.chance(0.12).then(|| stream.between(0.56, 0.68)),
            noise: stream.between(0.004, 0.014),
            grain: Noise::new(stream.bits()),
        }
    }

    pub(super) fn shine_on(&self, canvas: &mut Canvas) {
        let pixel = canvas.pixel();
        canvas.paint(|[x, y], (column, row), colour| {
            let (dx, dy) = (x - 0.5, y - 0.5);
            let square = dx * dx + dy * dy;
            let ring = match self.ring {
                Some(radius) => smoothstep(radius + 0.03 + pixel, radius, square.sqrt()),
                None => 1.0,
            };
            let light =
                1.0 + self.gradient[0] * dx + self.gradient[1] * dy - 2.0 * self.vignette * square;
            for (channel, value) in colour.iter_mut().enumerate() {
                // The difference of two uniform numbers has a standard deviation of 1/√6.
                let (a, b) = (3 * column as i32 + channel as i32, row as i32);
                let noise = self.grain.grain(a, b) - self.grain.grain(a, b + 1_000_003);
                *value = (*value * light).clamp(0.0, 1.0) * (0.03 + 0.97 * ring)
                    + 2.45 * self.noise * noise;
            }
        });
    }
}
