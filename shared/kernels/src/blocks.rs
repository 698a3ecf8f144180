//! The product at the heart: rows of weights times columns of the image.
//!
//! Twelve rows at a time: with one vector of the image and one of a repeated weight that is fourteen registers, which is what
//! V8 has to give on x86-64. What twelve does not divide is split into eights and fours, so that little is computed for nothing.

use crate::lanes::Lanes;

/// The most rows of a block.
pub(crate) const TALLEST: usize = 12;

/// Rows of a matrix that are computed at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// The first row.
    pub(crate) first: usize,
    /// How many rows of the matrix.
    pub(crate) rows: usize,
    /// 4, 8 or 12: rows that are missing at the end are zero.
    pub(crate) height: usize,
    /// Where its weights begin, in rows from the start.
    offset: usize,
}

/// A matrix of weights, each block's columns one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    values: Vec<f32>,
    pub(crate) blocks: Vec<Block>,
    depth: usize,
}

impl Weights {
    /// The matrix of `rows` rows and `depth` columns.
    pub(crate) fn new(rows: usize, depth: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let blocks = blocks(rows);
        let padded: usize = blocks.iter().map(|block| block.height).sum();
        let mut values = Vec::with_capacity(padded * depth);
        for block in &blocks {
            for column in 0..depth {
                values.extend((0..block.height).map(|row| match row < block.rows {
                    true => value(block.first + row, column),
                    false => 0.0,
                }));
            }
        }
        Self {
            values,
            blocks,
            depth,
        }
    }

    /// `count` matrices of such a size at once: `values` writes what all of them have at a row and a column.
    pub(crate) fn several(
        count: usize,
        rows: usize,
        depth: usize,
        values: impl Fn(usize, usize, &mut [f32]),
    ) -> Vec<Self> {
        let blocks = blocks(rows);
        let padded: usize = blocks.iter().map(|block| block.height).sum();
        let mut matrices = vec![vec![0.0; padded * depth]; count];
        let mut each = vec![0.0; count];
        // In the order of the blocks, so that all matrices are written from front to back.
        for block in &blocks {
            for column in 0..depth {
                for row in 0..block.rows {
                    let place = block.offset * depth + column * block.height + row;
                    values(block.first + row, column, &mut each);
                    for (matrix, value) in matrices.iter_mut().zip(&each) {
                        matrix[place] = *value;
                    }
                }
            }
        }
        let matrix = |values| Self {
            values,
            blocks: blocks.clone(),
            depth,
        };
        matrices.into_iter().map(matrix).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The block's weights times `count` panels of `W` columns, which lie as [`place`] says; row `r` of the products goes to
    /// `r · stride`.
    #[inline(always)]
    pub(crate) fn multiply<const W: usize, L: Lanes<W>>(
        &self,
        block: &Block,
        panels: &[f32],
        to: &mut [f32],
        stride: usize,
    ) {
        let count = panels.len() / (self.depth * W);
        let weights = &self.values[block.offset * self.depth..][..block.height * self.depth];
        let mut start = 0;
        while start < self.depth {
            let deep = SLAB.min(self.depth - start);
            let weights = &weights[start * block.height..][..deep * block.height];
            let panels = &panels[start * count * W..][..deep * count * W];
            let onto = start > 0;
            match block.height {
                12 => rows::<12, W, L>(weights, panels, onto, to, stride),
                8 => rows::<8, W, L>(weights, panels, onto, to, stride),
                _ => rows::<4, W, L>(weights, panels, onto, to, stride),
            }
            start += deep;
        }
    }
}

/// Rows of the image's columns that are multiplied at a time: with twelve rows of weights they stay in the first-level cache.
const SLAB: usize = 256;

/// Where the first of `count` panels has its numbers for a row, of `depth`, and how many numbers further the next panel has them:
/// slabs of [`SLAB`] rows lie one after the other, in each of them the panels.
#[inline(always)]
pub(crate) fn place<const W: usize>(row: usize, depth: usize, count: usize) -> (usize, usize) {
    let start = row / SLAB * SLAB;
    let deep = SLAB.min(depth - start);
    (start * count * W + (row - start) * W, deep * W)
}

/// Sums of twelves, eights and fours that hold so many rows.
fn blocks(rows: usize) -> Vec<Block> {
    let mut twelves = rows / TALLEST;
    let (mut eights, mut fours) = match rows % TALLEST {
        0 => (0, 0),
        1..=4 => (0, 1),
        5..=8 => (1, 0),
        _ => {
            twelves += 1;
            (0, 0)
        }
    };
    // Four rows alone keep no multiplier busy.
    if fours == 1 && twelves > 0 {
        (twelves, eights, fours) = (twelves - 1, 2, 0);
    }
    let heights = [(12, twelves), (8, eights), (4, fours)];
    let heights = heights
        .into_iter()
        .flat_map(|(height, count)| std::iter::repeat_n(height, count));
    let mut first = 0;
    heights
        .map(|height| {
            let block = Block {
                first,
                rows: height.min(rows - first),
                height,
                offset: first,
            };
            first += height;
            block
        })
        .collect()
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn rows<const R: usize, const W: usize, L: Lanes<W>>(
    weights: &[f32],
    panels: &[f32],
    onto: bool,
    to: &mut [f32],
    stride: usize,
) {
    let depth = weights.len() / R;
    for (index, panel) in panels.chunks_exact(depth * W).enumerate() {
        let sums = tile::<R, W, L>(weights, panel);
        for (row, mut sum) in sums.into_iter().enumerate() {
            let place = row * stride + index * W;
            // Sums of sums round less than one long one.
            if onto {
                sum = sum.add(crate::lanes::at(to, place));
            }
            crate::lanes::put(to, place, sum);
        }
    }
}

/// `R` rows of weights times `W` columns.
#[inline(always)]
fn tile<const R: usize, const W: usize, L: Lanes<W>>(weights: &[f32], panel: &[f32]) -> [L; R] {
    let (weights, _) = weights.as_chunks::<R>();
    let (panel, _) = panel.as_chunks::<W>();
    let mut sums = [L::splat(0.0); R];
    for (weights, values) in weights.iter().zip(panel) {
        let values = L::load(values);
        for (sum, &weight) in sums.iter_mut().zip(weights) {
            *sum = L::splat(weight).mul_add(values, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_hold_every_row_once() {
        for rows in 1..200 {
            let mut next = 0;
            for block in blocks(rows) {
                assert_eq!(block.first, next);
                assert!(block.rows >= 1 && block.rows <= block.height, "{rows}");
                next += block.rows;
            }
            assert_eq!(next, rows);
        }
    }
}
