//! Smooth random functions of the plane, and the steps that shape them.

/// From 0 at `low` to 1 at `high`, smooth at both ends; `low` may be above `high`.
pub(super) fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// From `a` at 0 to `b` at 1.
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// A seeded random function of the plane.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
}

impl Noise {
    pub(super) fn new(seed: u32) -> Self {
        Self { seed }
    }

    /// Gradient noise (Perlin 2002), about −1 to 1, one feature per unit length.
    pub(super) fn at(self, [x, y]: [f32; 2]) -> f32 {
        let (cell_x, cell_y) = (x.floor(), y.floor());
        let (dx, dy) = (x - cell_x, y - cell_y);
        let (column, row) = (cell_x as i32, cell_y as i32);
        let slope = |right: i32, down: i32| {
            let [gx, gy] = GRADIENTS[(self.hash(column + right, row + down) & 15) as usize];
            gx * (dx - right as f32) + gy * (dy - down as f32)
        };
        let (u, v) = (fade(dx), fade(dy));
        // 1.5 brings the usual range close to −1 to 1.
        1.5 * mix(
            mix(slope(0, 0), slope(1, 0), u),
            mix(slope(0, 1), slope(1, 1), u),
            v,
        )
    }

    /// Two octaves: detail on top of the large shapes.
    pub(super) fn rough([x, y]: [f32; 2], noise: Self) -> f32 {
        0.68 * noise.at([x, y]) + 0.32 * noise.at([2.1 * x + 17.3, 2.1 * y - 9.1])
    }

    /// The point moved by up to about `amount`, smoothly over distances of 1/`frequency`.
    pub(super) fn warp(self, [x, y]: [f32; 2], frequency: f32, amount: f32) -> [f32; 2] {
        let at = [x * frequency, y * frequency];
        [
            x + amount * self.at(at),
            y + amount * self.at([at[0] + 53.7, at[1] + 11.9]),
        ]
    }

    /// Cellular noise (Worley 1996): distances to the nearest and the second nearest of one random point per unit
    /// square, and a number in [0, 1) that belongs to the nearest. `jitter` 0 makes a square lattice, 1 full disorder.
    pub(super) fn cells(self, [x, y]: [f32; 2], jitter: f32) -> Cells {
        let (column, row) = (x.floor() as i32, y.floor() as i32);
        let (mut first, mut second, mut owner) = (f32::MAX, f32::MAX, 0);
        for down in -1..=1 {
            for right in -1..=1 {
                let hash = self.hash(column + right, row + down);
                let point_x = (column + right) as f32 + 0.5 + jitter * (share(hash) - 0.5);
                let point_y = (row + down) as f32 + 0.5 + jitter * (share(hash >> 12) - 0.5);
                let square = (point_x - x) * (point_x - x) + (point_y - y) * (point_y - y);
                if square < first {
                    (second, first, owner) = (first, square, hash);
                } else if square < second {
                    second = square;
                }
            }
        }
        Cells {
            nearest: first.sqrt(),
            second: second.sqrt(),
            owner: share(owner.wrapping_mul(0x9E37_79B1) >> 12),
        }
    }

    /// A number in [0, 1) for each lattice point.
    pub(super) fn grain(self, column: i32, row: i32) -> f32 {
        share(self.hash(column, row))
    }

    /// Mixes well enough that no pattern shows (Wang/Mueller style).
    fn hash(self, column: i32, row: i32) -> u32 {
        let mut hash = self.seed
            ^ (column as u32).wrapping_mul(0x8DA6_B343)
            ^ (row as u32).wrapping_mul(0xD816_3841);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x7FEB_352D);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846C_A68B);
        hash ^ (hash >> 16)
    }
}

/// See [`Noise::cells`].
pub(super) struct Cells {
    pub(super) nearest: f32,
    pub(super) second: f32,
    pub(super) owner: f32,
}

/// The lowest twelve bits as a number in [0, 1).
fn share(bits: u32) -> f32 {
    (bits & 0xFFF) as f32 / 4096.0
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// Sixteen directions, evenly spread (literals: a computed cosine may differ between platforms).
const GRADIENTS: [[f32; 2]; 16] = {
    const A: f32 = 0.382_683_43;
    const B: f32 = 0.707_106_77;
    const C: f32 = 0.923_879_5;
    [
        [1.0, 0.0],
        [C, A],
        [B, B],
        [A, C],
        [0.0, 1.0],
        [-A, C],
        [-B, B],
        [-C, A],
        [-1.0, 0.0],
        [-C, -A],
        [-B, -B],
        [-A, -C],
        [0.0, -1.0],
        [A, -C],
        [B, -B],
        [C, -A],
    ]
};
