//! Benign keratosis: stuck on, with a sharp border, cysts and openings.

use super::super::colour::{BLACK, BROWN, Colour, add, scaled};
use super::super::noise::{Noise, smoothstep};
use super::super::outline::Outline;
use super::super::random::Stream;
use super::spots::{Spot, scatter};
use super::{Pigment, Structure, on_border};

pub(super) struct Keratosis {
    outline: Outline,
    hue: Colour,
    noise: Noise,
    /// Milia-like cysts: keratin in the depth, bright.
    cysts: Vec<Spot>,
    /// Comedo-like openings: keratin in craters, dark.
    openings: Vec<Spot>,
    /// Contrast of the furrows.
    furrows: f32,
}

impl Keratosis {
    pub(super) fn draw(
        hue: Colour,
        outline: impl Fn(&[f32], &mut Stream) -> Outline,
        own: &mut Stream,
    ) -> Self {
        let outline = outline(&[0.03, 0.05, 0.045, 0.04, 0.035, 0.03, 0.02], own);
        let noise = Noise::new(own.bits());
        let area = (outline.centre(), 1.2 * outline.radius());
        // About as many per area in small and in large lesions.
        let many = (outline.radius() / 0.22) * (outline.radius() / 0.22);
        let mut count = |low: f32, high: f32| (many * own.between(low, high) + 0.5) as usize;
        let (cysts_wanted, openings_wanted) = (count(8.0, 15.0).max(4), count(4.0, 9.0).max(2));
        let mut spots = Vec::new();
        let depth = |place| outline.depth(place);
        scatter(
            &mut spots,
            openings_wanted,
            (0.013, 0.030),
            area,
            depth,
            own,
        );
        let first_cyst = spots.len();
        scatter(&mut spots, cysts_wanted, (0.010, 0.024), area, depth, own);
        let cysts = spots.split_off(first_cyst);
        Self {
            outline,
            hue,
            noise,
            cysts,
            openings: spots,
            furrows: own.between(0.15, 0.4),
        }
    }
}

/// The strongest of the spots here: full within `inner` radii, nothing beyond `outer`.
fn strongest(spots: &[Spot], position: [f32; 2], outer: f32, inner: f32, pixel: f32) -> f32 {
    spots
        .iter()
        .map(|spot| {
            let (from, to) = (
                outer * spot.radius + 0.3 * pixel,
                inner * spot.radius - 0.3 * pixel,
            );
            spot.strength * smoothstep(from, to, spot.distance(position))
        })
        .fold(0.0, f32::max)
}

impl Structure for Keratosis {
    fn depth(&self, position: [f32; 2]) -> f32 {
        self.outline.depth(self.noise.warp(position, 15.0, 0.011))
    }

    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment {
        let [x, y] = self
            .noise
            .warp(self.noise.warp(position, 6.0, 0.05), 17.0, 0.014);
        let inside = smoothstep(-0.004 - 0.6 * pixel, 0.004 + 0.6 * pixel, depth);
        // Brain-like ridges and furrows of low contrast, a waxy and greasy surface.
        let ridge = self.noise.at([x * 15.0, y * 15.0]);
        let furrow = smoothstep(0.35, 0.0, ridge.max(-ridge));
        let waxy = 1.0 + 0.32 * Noise::rough([x * 8.0 - 60.0, y * 8.0], self.noise);
        let grain = 0.16 * Noise::rough([x * 36.0, y * 36.0 + 80.0], self.noise);
        let density = waxy * (0.80 + self.furrows * furrow + grain);
        let ragged = self.noise.warp(position, 40.0, 0.007);
        let cyst = strongest(&self.cysts, position, 1.3, 0.3, pixel);
        let glow = strongest(&self.cysts, position, 2.6, 0.8, pixel);
        let opening = strongest(&self.openings, ragged, 1.3, 0.4, pixel);
        let mut absorbance = scaled(self.hue, density * (1.0 - 0.3 * glow));
        absorbance = add(absorbance, add(BROWN, BLACK, 0.3), 0.8 * opening);
        let border = on_border(depth, (0.015_f32).max(1.2 * pixel));
        Pigment {
            absorbance: scaled(absorbance, inside),
            white: inside * (0.72 * cyst + 0.05 * glow * (1.0 - cyst)),
            cause: border || (depth > 0.0 && cyst.max(opening) > 0.3),
        }
    }
}
