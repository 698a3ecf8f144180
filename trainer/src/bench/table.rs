//! The figures of a contest for people.

use serde::Serialize;

use super::Plan;

/// What one contestant reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Whose it is.
    pub program: String,
    /// How it computes.
    pub mode: String,
    /// Images per step.
    pub batch: usize,
    /// Rounds that were measured.
    pub rounds: usize,
    /// Images a second through a step of adversarial training, the median of the rounds.
    pub step: f64,
    /// The median of the rounds' ratios to plain PyTorch in float32; above 1 is faster.
    pub step_against_eager: Option<f64>,
    /// Images a second forward alone.
    pub forward: f64,
    /// As for steps.
    pub forward_against_eager: Option<f64>,
    /// The share of what a large matrix product in the same arithmetic reaches on this machine, of the steps.
    pub share_of_peak: Option<f64>,
    /// The most memory that tensors of a step held on a card, in bytes; not told on a CPU.
    pub memory: Option<u64>,
    /// What one more image takes of it, where a smaller batch was measured too.
    pub memory_per_image: Option<f64>,
}

impl Row {
    /// Compares the memory with that of a smaller batch of the same contestant.
    pub(super) fn add_memory_per_image(&mut self, rows: &[Self]) {
        let same = |row: &&Self| row.program == self.program && row.mode == self.mode;
        let smaller = rows.iter().filter(same).find(|row| row.batch < self.batch);
        self.memory_per_image = smaller.and_then(|smaller| {
            let more = self.memory?.checked_sub(smaller.memory?)?;
            Some(more as f64 / (self.batch - smaller.batch) as f64)
        });
    }

    /// The row of the table.
    #[must_use]
    pub fn text(&self) -> String {
        let times = |ratio: Option<f64>| ratio.map_or_else(|| "-".into(), |r| format!("{r:.2}"));
        let megabytes =
            |bytes: Option<f64>| bytes.map_or_else(|| "-".into(), |b| format!("{:.1}", b / 1e6));
        format!(
            "{:38} {:>5} {:>9.1} {:>7} {:>9.1} {:>7} {:>7} {:>9}",
            format!("{} {}", self.program, self.mode),
            self.batch,
            self.step,
            times(self.step_against_eager),
            self.forward,
            times(self.forward_against_eager),
            self.share_of_peak
                .map_or_else(|| "-".into(), |s| format!("{:.1} %", 100.0 * s)),
            megabytes(self.memory_per_image),
        )
    }
}

/// The head of the table.
#[must_use]
pub fn head(plan: &Plan) -> String {
    format!(
        "ResNet-18 at {0}×{0} pixels, PGD-{1} L2; images a second, medians of {2} interleaved rounds\n{3:38} {4:>5} {5:>9} {6:>7} \
         {7:>9} {6:>7} {8:>7} {9:>9}",
        plan.size,
        plan.steps,
        plan.rounds,
        "",
        "batch",
        "step",
        "×eager",
        "forward",
        "of peak",
        "MB/image",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(batch: usize, memory: Option<u64>) -> Row {
        Row {
            program: "pellucid".into(),
            mode: "float32".into(),
            batch,
            rounds: 3,
            step: 123.456,
            step_against_eager: Some(1.25),
            forward: 2000.0,
            forward_against_eager: None,
            share_of_peak: Some(0.123),
            memory,
            memory_per_image: None,
        }
    }

    #[test]
    fn memory_per_image_is_the_difference_of_two_batches() {
        let small = row(16, Some(1_000_000_000));
        let mut large = row(128, Some(4_360_000_000));
        large.add_memory_per_image(std::slice::from_ref(&small));
        assert_eq!(large.memory_per_image, Some(30_000_000.0));
        let text = large.text();
        for part in ["pellucid float32", "123.5", "1.25", "12.3 %", "30.0", " - "] {
            assert!(text.contains(part), "{text}");
        }
        let mut alone = row(16, None);
        alone.add_memory_per_image(&[small]);
        assert_eq!(alone.memory_per_image, None);
    }
}
