//! Healthy skin under polarised light.

use super::canvas::Canvas;
use super::colour::{BROWN, Colour, RED, add, blend, transmitted};
use super::noise::{Noise, mix, smoothstep};
use super::random::Stream;

/// One patient's skin.
pub(super) struct Skin {
    tone: Colour,
    noise: Noise,
    /// How much the blood varies over the large.
    flush: f32,
    /// How much the pigment varies.
    mottle: f32,
    /// Depth of the fine skin lines.
    lines: f32,
    /// Sides of the polygons between them, per image.
    polygons: f32,
    grain: f32,
    vessels: f32,
    freckles: f32,
}

/// Tones met in HAM10000 and beyond: what camera, light and person make of it together.
const TONES: [Colour; 9] = [
    [0.90, 0.64, 0.71],
    [0.90, 0.52, 0.45],
    [0.88, 0.79, 0.71],
    [0.74, 0.67, 0.74],
    [0.87, 0.80, 0.88],
    [0.82, 0.47, 0.56],
    [0.82, 0.67, 0.56],
    [0.70, 0.54, 0.49],
    [0.90, 0.74, 0.74],
];

impl Skin {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let tone = blend(
            TONES[stream.below(TONES.len())],
            TONES[stream.below(TONES.len())],
            stream.unit() * 0.6,
        );
        let brightness = 1.0 + 0.03 * stream.bell();
        Self {
            tone: tone.map(|value| value * brightness),
            noise: Noise::new(stream.bits()),
            flush: stream.between(0.03, 0.22),
            mottle: stream.between(0.02, 0.16),
            lines: stream.between(0.0, 0.045),
            polygons: stream.between(28.0, 46.0),
            grain: stream.between(0.02, 0.055),
            vessels: if stream.chance(0.3) {
                stream.between(0.1, 0.3)
            } else {
                0.0
            },
            freckles: if stream.chance(0.25) {
                stream.between(0.1, 0.5)
            } else {
                0.0
            },
        }
    }

    pub(super) fn tone(&self) -> Colour {
        self.tone
    }

    pub(super) fn paint(&self, canvas: &mut Canvas) {
        // Texture finer than two pixels is averaged away by a camera, not aliased.
        let shown = |frequency: f32| smoothstep(0.9, 0.3, frequency * canvas.pixel());
        let (lines, grain) = (self.lines * shown(self.polygons), self.grain * shown(90.0));
        canvas.paint(|position, _, pixel| *pixel = self.colour(position, lines, grain));
    }

    fn colour(&self, position: [f32; 2], lines: f32, grain: f32) -> Colour {
        let [x, y] = position;
        let noise = |frequency: f32| {
            self.noise
                .at([x * frequency + 31.0 * frequency, y * frequency])
        };
        let blood =
            self.flush * (noise(2.3) + 0.6 * noise(7.0)) + self.vessels * self.vessel(position);
        let melanin = self.mottle * (0.6 * noise(4.1) + 0.7 * noise(13.0) + 0.6 * noise(29.0))
            + self.freckles * self.freckle(position);
        let absorbed = add(add([0.0; 3], RED, blood), BROWN, melanin);
        // Skin lines cut the surface into polygons; in between, the surface shines a little.
        let polygon = self.noise.cells(
            self.noise
                .warp([x * self.polygons, y * self.polygons], 0.7, 0.6),
            0.9,
        );
        let relief = lines * (smoothstep(0.0, 0.55, polygon.second - polygon.nearest) - 0.6)
            + grain * (noise(90.0) + 0.7 * noise(47.0))
            + 0.5 * lines * (polygon.owner - 0.5);
        std::array::from_fn(|channel| {
            self.tone[channel] * transmitted(absorbed[channel]) * (1.0 + relief)
        })
    }

    /// Fine branching vessels: the zero line of a warped noise.
    fn vessel(&self, position: [f32; 2]) -> f32 {
        let [x, y] = self.noise.warp(position, 9.0, 0.035);
        let ridge = self.noise.at([x * 6.0 + 5.0, y * 6.0 - 40.0]);
        smoothstep(0.10, 0.0, ridge.max(-ridge))
            * smoothstep(-0.2, 0.5, self.noise.at([x * 3.0 - 70.0, y * 3.0]))
    }

    fn freckle(&self, position: [f32; 2]) -> f32 {
        let [x, y] = self
            .noise
            .warp(self.noise.warp(position, 8.0, 0.02), 30.0, 0.008);
        let cell = self.noise.cells([x * 9.0 + 100.0, y * 9.0], 1.0);
        let radius = mix(0.05, 0.22, cell.owner);
        smoothstep(radius + 0.2, radius - 0.15, cell.nearest) * smoothstep(0.5, 0.8, cell.owner)
    }
}
