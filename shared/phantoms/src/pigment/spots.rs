//! Small round things, spread over a lesion.

use super::super::random::Stream;

/// A disc.
pub(super) struct Spot {
    pub(super) centre: [f32; 2],
    pub(super) radius: f32,
    /// How clearly it shows, 0 to 1.
    pub(super) strength: f32,
}

impl Spot {
    pub(super) fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        (dx * dx + dy * dy).sqrt()
    }
}

/// Adds up to `count` spots that lie inside the outline, whose depth is given, and keep apart from all before. The first
/// always finds room: at the centre at worst.
pub(super) fn scatter(
    spots: &mut Vec<Spot>,
    count: usize,
    radii: (f32, f32),
    (centre, reach): ([f32; 2], f32),
    depth: impl Fn([f32; 2]) -> f32,
    stream: &mut Stream,
) {
    let before = spots.len();
    for _ in 0..count {
        // Small ones are the more frequent.
        let radius = radii.0 + (radii.1 - radii.0) * stream.unit() * stream.unit();
        for _ in 0..24 {
            let [dx, dy] = stream.in_disc();
            let place = [centre[0] + reach * dx, centre[1] + reach * dy];
            let free = spots
                .iter()
                .all(|spot| spot.distance(place) > 1.6 * (spot.radius + radius));
            if free && depth(place) > 1.5 * radius {
                spots.push(Spot {
                    centre: place,
                    radius,
                    strength: stream.between(0.55, 1.0),
                });
                break;
            }
        }
    }
    if spots.len() == before {
        spots.push(Spot {
            centre,
            radius: radii.0,
            strength: 1.0,
        });
    }
}
