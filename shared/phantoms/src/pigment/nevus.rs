//! Nevus: one brown, a regular outline, a uniform network that thins out towards the border.

use super::super::colour::{Colour, scaled};
use super::super::noise::{Noise, smoothstep};
use super::super::outline::Outline;
use super::super::random::Stream;
use super::{Pigment, Structure};

pub(super) struct Nevus {
    outline: Outline,
    hue: Colour,
    noise: Noise,
    /// Meshes per side of the image.
    meshes: f32,
    /// Contrast of the lines over the ground.
    contrast: f32,
    /// Half the width over which the border fades.
    softness: f32,
}

impl Nevus {
    pub(super) fn draw(
        hue: Colour,
        outline: impl Fn(&[f32], &mut Stream) -> Outline,
        own: &mut Stream,
    ) -> Self {
        Self {
            outline: outline(&[0.0, 0.03, 0.025, 0.02, 0.01], own),
            hue,
            noise: Noise::new(own.bits()),
            meshes: own.between(20.0, 26.0),
            contrast: own.between(0.65, 0.95),
            softness: own.between(0.030, 0.055),
        }
    }
}

impl Structure for Nevus {
    fn depth(&self, position: [f32; 2]) -> f32 {
        self.outline.depth(self.noise.warp(position, 14.0, 0.006))
    }

    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment {
        let [x, y] = self
            .noise
            .warp(self.noise.warp(position, 9.0, 0.012), 30.0, 0.005);
        let cells = self.noise.cells([x * self.meshes, y * self.meshes], 0.85);
        // Lines of varying width between lighter holes, thickened to dots where they cross.
        let width = 0.42 + 0.16 * self.noise.at([x * 13.0 + 90.0, y * 13.0]);
        let mesh = smoothstep(width, 0.0, cells.second - cells.nearest);
        let crossing = smoothstep(0.5, 0.85, cells.nearest);
        let ridge = self
            .noise
            .at([x * self.meshes * 0.8 + 7.0, y * self.meshes * 0.8]);
        let line = 0.62 * mesh + 0.45 * crossing + 0.38 * smoothstep(0.4, 0.0, ridge.max(-ridge));
        let inside = smoothstep(-self.softness - pixel, self.softness + pixel, depth);
        // Ground and network are one uniform brown, denser in the middle.
        let centre = smoothstep(0.0, 0.9 * self.outline.radius(), depth);
        let network = smoothstep(-0.03, 0.05, depth);
        let uneven = 1.0
            + 0.12 * self.noise.at([x * 7.0, y * 7.0])
            + 0.10 * self.noise.at([x * 55.0, y * 55.0]);
        let density = inside * uneven * (0.50 + 0.30 * centre + self.contrast * line * network);
        Pigment {
            absorbance: scaled(self.hue, density),
            white: 0.0,
            cause: depth > 0.0 && network > 0.5,
        }
    }
}
