//! Melanoma: an asymmetric outline, an irregular border, many colours.

use super::super::colour::{BLACK, BLUE, Colour, RED, blend, scaled};
use super::super::noise::{Noise, mix, smoothstep};
use super::super::outline::Outline;
use super::super::random::Stream;
use super::{Pigment, Structure};

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
    offset: f32,
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
            offset: own.between(0.0, 900.0),
        }
    }

    /// 1 in the patch's middle, 0 outside, ragged in between.
    fn weight(&self, [x, y]: [f32; 2], noise: Noise) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let distance = (dx * dx + dy * dy).sqrt() / self.radius;
        if distance > 1.8 {
            return 0.0;
        }
        let ragged = distance + 0.35 * Noise::rough([x * 9.0 + self.offset, y * 9.0], noise);
        match self.tint {
            Tint::Black | Tint::Red => smoothstep(1.05, 0.75, ragged),
            Tint::White => 0.9 * smoothstep(1.1, 0.6, ragged),
            Tint::Tan | Tint::DarkBrown | Tint::BlueGrey => smoothstep(1.15, 0.6, ragged),
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
        let patchy = Noise::rough([x * 10.0, y * 10.0], self.noise);
        // Abrupt here, fading there.
        let abrupt = smoothstep(-0.4, 0.4, self.noise.at([x * 4.0 + 200.0, y * 4.0]));
        let softness = mix(0.045, 0.008, abrupt) + pixel;
        let inside = smoothstep(-softness, softness, depth);
        // Remains of a network, and globules of many sizes.
        let cells = self
            .noise
            .cells(self.noise.warp([x * 21.0, y * 21.0], 0.5, 0.5), 1.0);
        let line =
            smoothstep(0.35, 0.05, cells.second - cells.nearest) * smoothstep(-0.1, 0.4, patchy);
        let globule = smoothstep(0.40, 0.25, cells.nearest) * smoothstep(0.55, 0.75, cells.owner);
        let mut density = 0.75 + 0.35 * patchy + 0.5 * line + 0.7 * globule;
        let mut absorbance = self.hue;
        let (mut white, mut foreign) = (0.0, 0.0_f32);
        for patch in &self.patches {
            let weight = patch.weight(position, self.noise);
            if weight == 0.0 {
                continue;
            }
            match patch.tint {
                Tint::Tan => density *= mix(1.0, 0.45, weight),
                Tint::DarkBrown => density *= mix(1.0, 1.7, weight),
                Tint::Black => {
                    (absorbance, density) =
                        (blend(absorbance, BLACK, weight), mix(density, 1.3, weight))
                }
                Tint::BlueGrey => {
                    (absorbance, density) =
                        (blend(absorbance, BLUE, weight), mix(density, 1.1, weight))
                }
                Tint::Red => {
                    (absorbance, density) =
                        (blend(absorbance, RED, weight), mix(density, 0.9, weight))
                }
                Tint::White => (white, density) = (0.45 * weight, density * mix(1.0, 0.4, weight)),
            }
            if !matches!(patch.tint, Tint::Tan | Tint::DarkBrown) {
                foreign = foreign.max(weight);
            }
        }
        let border = depth.max(-depth) < (0.018_f32).max(pixel);
        Pigment {
            absorbance: scaled(absorbance, inside * density.max(0.1)),
            white: white * inside,
            cause: border || (depth > 0.0 && foreign > 0.5),
        }
    }
}
