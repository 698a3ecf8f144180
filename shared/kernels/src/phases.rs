//! Rows of an image with the zeros around them, every `n`-th element side by side: what lies `n` apart is then a vector.

/// Rows that are split into `phases` parts of `width` numbers each: element `x` of the padded row is number `x / phases` of part
/// `x % phases`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) phases: usize,
    pub(crate) width: usize,
    /// Zeros left of the row.
    pub(crate) before: usize,
}

impl Split {
    pub(crate) fn row(&self) -> usize {
        self.phases * self.width
    }

    /// Splits a row. What lies beyond the parts is left out; what the row does not reach stays as it is.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn split(&self, row: &[f32], to: &mut [f32]) {
        match self.phases {
            1 => {
                let to = &mut to[self.before.min(self.width)..self.width];
                let length = to.len().min(row.len());
                to[..length].copy_from_slice(&row[..length]);
            }
            2 => self.apart::<2>(row, to),
            4 => self.apart::<4>(row, to),
            phases => {
                for (x, &value) in (self.before..self.row()).zip(row) {
                    to[x % phases * self.width + x / phases] = value;
                }
            }
        }
    }

    #[inline(always)]
    fn apart<const N: usize>(&self, row: &[f32], to: &mut [f32]) {
        for phase in 0..N {
            // The first element of the row in this part.
            let skipped = (phase + N - self.before % N) % N;
            let place = (self.before + skipped) / N;
            if skipped >= row.len() || place >= self.width {
                continue;
            }
            let part = &mut to[phase * self.width + place..(phase + 1) * self.width];
            let (chunks, rest) = row[skipped..].as_chunks::<N>();
            for (to, from) in part.iter_mut().zip(chunks) {
                *to = from[0];
            }
            if let (Some(to), Some(from)) = (part.get_mut(chunks.len()), rest.first()) {
                *to = *from;
            }
        }
    }
}
