use std::ops::{ControlFlow, Range};

/// How far a method is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Images that the network has been run on.
    pub done: usize,
    /// Images that it will be run on, as far as is known.
    pub total: usize,
}

/// How an attribution is computed: with which randomness, in which batches, and who is told.
pub struct Job<'a> {
    /// Decides all noise and all masks: the same seed gives the same map.
    pub seed: u64,
    /// Images that the network is run on at a time; memory grows with it. 0 counts as 1, and a network whose batch is
    /// fixed to 1 runs one by one whatever stands here.
    pub batch: usize,
    /// Called after each batch; [`ControlFlow::Break`] ends the method with [`Cancelled`](super::AttributionError::Cancelled).
    pub progress: Option<&'a mut dyn FnMut(Progress) -> ControlFlow<()>>,
}

impl Default for Job<'_> {
    /// Seed 0, eight images at a time, nobody told.
    fn default() -> Self {
        Self {
            seed: 0,
            batch: 8,
            progress: None,
        }
    }
}

/// Cuts `count` samples into the fewest batches of at most `batch`, all of one size but for the last, which is shorter by
/// less than the number of batches: an engine that plans for a batch size plans once, and little is run in vain.
pub(super) fn batches(count: usize, batch: usize) -> (usize, impl Iterator<Item = Range<usize>>) {
    let number = count.div_ceil(batch.max(1));
    let size = count.div_ceil(number.max(1));
    let ranges = (0..number).map(move |i| i * size..((i + 1) * size).min(count));
    (size, ranges.filter(|range| !range.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_every_sample_once_and_waste_little() {
        for count in 0..70 {
            for batch in 0..20 {
                let (size, ranges) = batches(count, batch);
                let ranges: Vec<_> = ranges.collect();
                let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
                assert_eq!(covered, (0..count).collect::<Vec<_>>());
                assert!(size <= batch.max(1));
                assert!(ranges.iter().all(|range| range.len() <= size));
                assert!(size * ranges.len() < count + ranges.len().max(1));
            }
        }
    }
}
