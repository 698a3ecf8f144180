//! What stands below the table of a contest.

use std::fmt::Write as _;

use super::Arithmetic;
use super::contest::{Contest, EAGER};

impl Contest {
    /// What stands below the table.
    #[must_use]
    pub fn notes(&self) -> String {
        let mut text = String::new();
        if !self.peaks.is_empty() {
            let name = |arithmetic: &Arithmetic| match arithmetic {
                Arithmetic::Float32 => "float32",
                Arithmetic::Tf32 => "TF32",
                Arithmetic::Bfloat16 => "bfloat16",
            };
            let each = self.peaks.iter();
            let each: Vec<String> = each
                .map(|(a, peak)| format!("{} {:.2}", name(a), peak / 1e12))
                .collect();
            let _ = writeln!(
                text,
                "peak: what a large matrix product reaches here, in TFLOP/s: {}",
                each.join(", ")
            );
        }
        if self.rows.iter().any(|row| row.mode == EAGER) {
            let _ = writeln!(
                text,
                "×eager: against plain PyTorch in float32, round by round; above 1 is faster"
            );
        }
        for failure in &self.failures {
            let _ = writeln!(text, "not measured: {failure}");
        }
        text
    }
}
