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
            meshes: own.between(17.0, 22.0),
            contrast: own.between(1.1, 1.6),
            softness: own.between(0.025, 0.045),
        }
    }
}

impl Structure for Nevus {
    fn depth(&self, position: [f32; 2]) -> f32 {
        self.outline.depth(self.noise.warp(position, 14.0, 0.006))
    }

    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment {
        let [x, y] = self.noise.warp(position, 11.0, 0.010);
        let cells = self.noise.cells([x * self.meshes, y * self.meshes], 0.75);
        let line = smoothstep(0.42, 0.05, cells.second - cells.nearest);
        let inside = smoothstep(-self.softness - pixel, self.softness + pixel, depth);
        // Ground and network are one uniform brown, somewhat denser in the middle.
        let centre = smoothstep(0.0, self.outline.radius(), depth);
        let network = smoothstep(-0.02, 0.05, depth);
        let uneven = 1.0 + 0.10 * self.noise.at([x * 8.0, y * 8.0]);
        let density = inside * uneven * (0.45 + 0.25 * centre + self.contrast * line * network);
        Pigment {
            absorbance: scaled(self.hue, density),
            white: 0.0,
            cause: depth > 0.0 && network > 0.5,
        }
    }
}
