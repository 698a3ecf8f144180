//! Melanoma: an asymmetric outline, an irregular border, many colours.

use super::super::colour::{BLACK, BLUE, Colour, RED, blend, scaled};
use super::super::noise::{Noise, mix, smoothstep};
use super::super::outline::Outline;
use super::super::random::Stream;
use super::{Pigment, Structure, on_border};

pub(super) struct Melanoma {
    outline: Outline,
    hue: Colour,
    noise: Noise,
    /// How much the border is frayed.
    fray: f32,
    patches: Vec<Patch>,
}

/// A region of foreign colour.
struct Patch {
    centre: [f32; 2],
    radius: f32,
    tint: Tint,
    /// Direction of its longer axis.
    axis: [f32; 2],
}

#[derive(Clone, Copy)]
enum Tint {
    Tan,
    DarkBrown,
    Black,
    BlueGrey,
    Red,
    White,
}

impl Melanoma {
    pub(super) fn draw(
        hue: Colour,
        outline: impl Fn(&[f32], &mut Stream) -> Outline,
        own: &mut Stream,
    ) -> Self {
        let mut amplitude = |most: f32| own.between(0.55 * most, most);
        let amplitudes = [
            amplitude(0.22),
            amplitude(0.16),
            amplitude(0.16),
            amplitude(0.12),
            amplitude(0.10),
            amplitude(0.08),
            amplitude(0.07),
        ];
        let outline = outline(&amplitudes, own);
        let noise = Noise::new(own.bits());
        let fray = own.between(0.018, 0.030);
        // Always black and blue-grey; of the others, most.
        let mut tints = vec![Tint::Tan, Tint::DarkBrown, Tint::BlueGrey, Tint::Black];
        if own.chance(0.6) {
            tints.push(Tint::Red);
        }
        if own.chance(0.6) {
            tints.push(Tint::White);
        }
        if own.chance(0.4) {
            tints.push(Tint::Black);
        }
        let patches = tints
            .into_iter()
            .map(|tint| Patch::draw(tint, &outline, own))
            .collect();
        Self {
            outline,
            hue,
            noise,
            fray,
            patches,
        }
    }
}

impl Patch {
    /// Off the centre, so that no axis divides the lesion into like halves.
    fn draw(tint: Tint, outline: &Outline, own: &mut Stream) -> Self {
        let size = outline.radius();
        let radius = size
            * match tint {
                Tint::Tan => own.between(0.55, 0.80),
                Tint::DarkBrown => own.between(0.40, 0.65),
                Tint::BlueGrey => own.between(0.32, 0.50),
                Tint::Black => own.between(0.20, 0.36),
                Tint::Red | Tint::White => own.between(0.24, 0.42),
            };
        let mut centre = outline.centre();
        for _ in 0..24 {
            let [dx, dy] = own.in_disc();
            let far = dx * dx + dy * dy > 0.12;
            let place = [
                outline.centre()[0] + 1.1 * size * dx,
                outline.centre()[1] + 1.1 * size * dy,
            ];
            if far && outline.depth(place) > 0.25 * radius {
                centre = place;
                break;
            }
        }
        Self {
            centre,
            radius,
            tint,
            axis: own.direction(),
        }
    }

    /// 1 in the patch's middle, 0 outside, ragged in between. `warped` is the position, bent by the lesion's own noise.
    fn weight(&self, warped: [f32; 2], ragged: f32) -> f32 {
        let (dx, dy) = (warped[0] - self.centre[0], warped[1] - self.centre[1]);
        let along = dx * self.axis[0] + dy * self.axis[1];
        let across = 1.4 * (dy * self.axis[0] - dx * self.axis[1]);
        let distance = (along * along + across * across).sqrt() / self.radius + ragged;
        match self.tint {
            Tint::Black => smoothstep(1.2, 0.6, distance),
            Tint::Tan | Tint::DarkBrown | Tint::BlueGrey | Tint::Red | Tint::White => {
                smoothstep(1.25, 0.55, distance)
            }
        }
    }
}

impl Structure for Melanoma {
    fn depth(&self, position: [f32; 2]) -> f32 {
        let coarse = self.noise.warp(position, 8.0, self.fray);
        let fine = self.noise.warp(coarse, 24.0, 0.35 * self.fray);
        self.outline.depth(fine)
    }

    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment {
        let [x, y] = position;
        let patchy = Noise::rough([x * 9.0, y * 9.0], self.noise);
        let fine = Noise::rough([x * 32.0, y * 32.0 + 60.0], self.noise);
        // Abrupt here, fading there.
        let abrupt = smoothstep(-0.4, 0.4, self.noise.at([x * 4.0 + 200.0, y * 4.0]));
        let softness = mix(0.050, 0.008, abrupt) + pixel;
        let inside = smoothstep(-softness, softness, depth + 0.4 * softness * fine);
        // Remains of a network, and globules of many sizes.
        let cells = self
            .noise
            .cells(self.noise.warp([x * 23.0, y * 23.0], 0.5, 0.6), 1.0);
        let line =
            smoothstep(0.40, 0.0, cells.second - cells.nearest) * smoothstep(-0.1, 0.4, patchy);
        let globule = smoothstep(0.45, 0.15, cells.nearest) * smoothstep(0.6, 0.9, cells.owner);
        let texture = 0.22 * fine + 0.45 * line + 0.5 * globule;
        let mut density = 0.85 + 0.55 * patchy + texture;
        let mut absorbance = self.hue;
        let (mut white, mut foreign) = (0.0, 0.0_f32);
        let warped = self
            .noise
            .warp(self.noise.warp(position, 7.0, 0.05), 19.0, 0.016);
        for patch in &self.patches {
            let weight = patch.weight(warped, 0.22 * fine);
            if weight == 0.0 {
                continue;
            }
            let mut turn = |colour: Colour, strength: f32| {
                absorbance = blend(absorbance, colour, weight);
                density = mix(density, strength + 0.5 * texture, weight);
            };
            match patch.tint {
                Tint::Tan => density *= mix(1.0, 0.45, weight),
                Tint::DarkBrown => density *= mix(1.0, 1.6, weight),
                Tint::Black => turn(BLACK, 1.2),
                Tint::BlueGrey => turn(BLUE, 1.0),
                Tint::Red => turn(RED, 0.95),
                Tint::White => density *= mix(1.0, 0.45, weight),
            }
            // A scar is white, and the veil over deep pigment whitish; what lies above hides it again.
            white = match patch.tint {
                Tint::White => mix(white, 0.30, weight),
                Tint::BlueGrey => mix(white, 0.13, weight),
                _ => mix(white, 0.0, weight),
            };
            if !matches!(patch.tint, Tint::Tan | Tint::DarkBrown) {
                foreign = foreign.max(weight);
            }
        }
        let border = on_border(depth, (0.022_f32).max(1.2 * pixel));
        Pigment {
            absorbance: scaled(absorbance, inside * density.max(0.1)),
            white: white * inside,
            cause: border || (depth > 0.0 && foreign > 0.5),
        }
    }
}
