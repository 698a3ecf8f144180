//! Benign keratosis: stuck on, with a sharp border, cysts and openings.

use super::super::colour::{BLACK, BROWN, Colour, add, scaled};
use super::super::noise::{Noise, smoothstep};
use super::super::outline::Outline;
use super::super::random::Stream;
use super::spots::{Spot, scatter};
use super::{Pigment, Structure};

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
            (0.016, 0.030),
            area,
            depth,
            own,
        );
        let first_cyst = spots.len();
        scatter(&mut spots, cysts_wanted, (0.013, 0.024), area, depth, own);
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

/// The strongest of the spots here: 1 within `inner` radii, 0 beyond `outer`.
fn nearest(spots: &[Spot], position: [f32; 2], outer: f32, inner: f32, pixel: f32) -> f32 {
    spots
        .iter()
        .map(|spot| {
            let distance = spot.distance(position);
            smoothstep(
                outer * spot.radius + 0.3 * pixel,
                inner * spot.radius - 0.3 * pixel,
                distance,
            )
        })
        .fold(0.0, f32::max)
}

impl Structure for Keratosis {
    fn depth(&self, position: [f32; 2]) -> f32 {
        self.outline.depth(self.noise.warp(position, 18.0, 0.006))
    }

    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment {
        let [x, y] = self.noise.warp(position, 6.0, 0.05);
        let inside = smoothstep(-0.004 - 0.6 * pixel, 0.004 + 0.6 * pixel, depth);
        // Brain-like ridges and furrows of low contrast.
        let ridge = self.noise.at([x * 13.0, y * 13.0]);
        let furrow = smoothstep(0.25, 0.0, ridge.max(-ridge));
        let waxy = 1.0 + 0.18 * self.noise.at([x * 5.0 - 60.0, y * 5.0]);
        let rim = 0.25 * smoothstep(0.05, 0.0, depth);
        let density = waxy * (0.85 + self.furrows * furrow + rim);
        let cyst = nearest(&self.cysts, position, 1.15, 0.6, pixel);
        let glow = nearest(&self.cysts, position, 2.4, 0.8, pixel);
        let opening = nearest(&self.openings, position, 1.15, 0.55, pixel);
        let mut absorbance = scaled(self.hue, density * (1.0 - 0.25 * glow));
        absorbance = add(absorbance, add(BROWN, BLACK, 0.4), 0.9 * opening);
        let border = depth.max(-depth) < (0.012_f32).max(pixel);
        Pigment {
            absorbance: scaled(absorbance, inside),
            white: inside * (0.75 * cyst + 0.06 * glow * (1.0 - cyst)),
            cause: border || (depth > 0.0 && cyst.max(opening) > 0.3),
        }
    }
}
