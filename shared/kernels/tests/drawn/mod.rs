//! Convolutions out of chance, and their definition. Shared with what runs in WebAssembly.

use pellucid_kernels::Geometry;

/// xorshift64*: the same shapes and numbers everywhere.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn among(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last + 1 - first)
    }

    /// Numbers in [−1, 1].
    pub(crate) fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| (self.next() & 0xff_ffff) as f32 / 8_388_608.0 - 1.0)
            .collect()
    }
}

/// Sizes for every kernel in turn: 3×3 with many channels, depthwise, one pixel, anything.
pub(crate) fn geometry(chance: &mut Chance, case: usize) -> Geometry {
    let groups = match chance.below(3) {
        0 => chance.among(2, 3),
        _ => 1,
    };
    let (groups, depth, filters, window) = match case % 4 {
        // More channels than are multiplied at a time, now and then.
        0 if case.is_multiple_of(40) => (1, chance.among(250, 600), chance.among(8, 16), [3, 3]),
        0 => (groups, chance.among(8, 30), chance.among(8, 40), [3, 3]),
        1 => {
            let side = [2, 3, 5, 7][chance.below(4)];
            (chance.among(1, 9), 1, chance.among(1, 2), [side, side])
        }
        2 if case % 40 == 2 => (1, chance.among(250, 600), chance.among(1, 16), [1, 1]),
        2 => (groups, chance.among(1, 40), chance.among(1, 40), [1, 1]),
        // Transposed, as many products.
        _ if case % 40 == 3 => (1, chance.among(1, 4), chance.among(250, 600), [3, 3]),
        _ => {
            let window = [chance.among(1, 7), chance.among(1, 7)];
            (groups, chance.among(1, 6), chance.among(1, 20), window)
        }
    };
    let winograd = case.is_multiple_of(4);
    let mut axis = |window: usize| {
        let (stride, dilation) = match winograd && chance.below(4) > 0 {
            true => (1, 1),
            false => (chance.among(1, 4), chance.among(1, 2)),
        };
        let reach = (window - 1) * dilation;
        let padding = chance.among(0, reach.min(3));
        // Zeros below and right that have nothing to do with those above and left.
        let after = chance.among(0, reach.min(3));
        let least = (reach + 1).saturating_sub(padding + after).max(1);
        let image = chance.among(least, least + 20);
        // The last pixels may be read by no window.
        let result = (image + padding + after - reach - 1) / stride + 1;
        (image, stride, dilation, padding, result)
    };
    let (y, x) = (axis(window[0]), axis(window[1]));
    Geometry {
        images: chance.among(1, 2),
        channels: groups * depth,
        filters: groups * filters,
        groups,
        image: [y.0, x.0],
        window,
        strides: [y.1, x.1],
        dilations: [y.2, x.2],
        padding: [y.3, x.3],
        result: [y.4, x.4],
    }
}

/// Every product of a convolution: where it goes, the pixel, the weight.
pub(crate) fn each_product(geometry: &Geometry, mut product: impl FnMut(usize, usize, usize)) {
    let depth = geometry.channels / geometry.groups;
    let each = geometry.filters / geometry.groups;
    let [high, wide] = geometry.result;
    let [height, width] = geometry.image;
    for image in 0..geometry.images {
        for filter in 0..geometry.filters {
            for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                let to = ((image * geometry.filters + filter) * high + y) * wide + x;
                for channel in 0..depth {
                    for (i, j) in (0..geometry.window[0])
                        .flat_map(|i| (0..geometry.window[1]).map(move |j| (i, j)))
                    {
                        let row = (y * geometry.strides[0] + i * geometry.dilations[0])
                            .wrapping_sub(geometry.padding[0]);
                        let column = (x * geometry.strides[1] + j * geometry.dilations[1])
                            .wrapping_sub(geometry.padding[1]);
                        if row >= height || column >= width {
                            continue;
                        }
                        let plane = image * geometry.channels + filter / each * depth + channel;
                        let from = (plane * height + row) * width + column;
                        let weight = ((filter * depth + channel) * geometry.window[0] + i)
                            * geometry.window[1]
                            + j;
                        product(to, from, weight);
                    }
                }
            }
        }
    }
}

/// The larger of two relative errors: of all numbers together, and a tenth of the worst one's against the largest.
pub(crate) fn error(found: &[f32], expected: &[f64]) -> f64 {
    let norm = |of: &mut dyn Iterator<Item = f64>| of.map(|v| v * v).sum::<f64>().sqrt();
    let largest = expected.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let mut worst: f64 = 0.0;
    for (found, expected) in found.iter().zip(expected) {
        let off = (f64::from(*found) - expected).abs();
        // NaN is larger than anything.
        if off.is_nan() {
            return f64::INFINITY;
        }
        worst = worst.max(off);
    }
    let off = norm(&mut found.iter().zip(expected).map(|(a, b)| f64::from(*a) - b));
    let scale = norm(&mut expected.iter().copied()).max(f64::MIN_POSITIVE);
    (off / scale).max(0.1 * worst / largest.max(f64::MIN_POSITIVE))
}
