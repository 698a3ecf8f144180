//! What is judged of every answer, whatever was asked.

use std::path::Path;

use anyhow::Result;
use pellucid_shared::said::is_hidden;

use super::answer::{Answer, run};
use super::tally::Tally;

/// Seconds of processor time that an answer may take.
const MOST_SECONDS: f64 = 10.0;
const MOST_BYTES: u64 = 2_000_000_000;
/// The longest that a sentence may be, in bytes.
const LONGEST: usize = 1_200;
/// Words that only a crash brings.
const CRASHES: [&str; 5] = [
    "the engine crashed",
    "was not made for",
    "failed inside",
    "panicked at",
    "stack overflow",
];
/// The files and folders of a case, and what commands are told to write.
const KNOWN: [&str; 11] = [
    "model.onnx",
    "image.png",
    "input.npy",
    "card.json",
    "labels.txt",
    "data",
    "split.csv",
    "map.png",
    "grad.onnx",
    "packed",
    "run",
];

/// The program, the folder of a case, and what has been found.
pub(crate) struct Trial<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) tally: &'a mut Tally,
    pub(crate) faults: Vec<String>,
}

impl Trial<'_> {
    /// Runs the program and judges what can be judged of every answer; `output` is there exactly where it succeeds.
    pub(crate) fn ask(&mut self, words: &[&str], output: Option<&Path>) -> Result<Answer> {
        let answer = run(self.program, words, self.folder)?;
        self.tally.count(&answer);
        let command = words.first().copied().unwrap_or_default();
        let said = String::from_utf8_lossy(&answer.err);
        if !matches!(answer.status.code(), Some(0..=2)) {
            self.fault(&format!("{command} ends with {}", answer.status), &answer);
        }
        if CRASHES.iter().any(|crash| said.contains(crash)) {
            self.fault(&format!("{command} crashes"), &answer);
        }
        if answer.seconds > MOST_SECONDS {
            self.fault(&format!("{command} takes {:.1} s", answer.seconds), &answer);
        }
        if answer.peak_bytes > MOST_BYTES {
            self.fault(
                &format!("{command} takes {:.1} GB", answer.peak_bytes as f64 / 1e9),
                &answer,
            );
        }
        if answer.err.len() > LONGEST {
            self.fault(
                &format!("{command} says {} bytes", answer.err.len()),
                &answer,
            );
        }
        let printed = [&answer.out, &answer.err].map(|bytes| String::from_utf8_lossy(bytes));
        if printed
            .iter()
            .any(|text| text.contains(|c| is_hidden(c) && c != '\n'))
        {
            self.fault(&format!("{command} prints control characters"), &answer);
        }
        for entry in std::fs::read_dir(self.folder)?.flatten() {
            let name = entry.file_name();
            if !KNOWN.contains(&&*name.to_string_lossy()) {
                self.fault(&format!("{command} leaves {}", name.display()), &answer);
            }
        }
        if output.is_some_and(|path| path.exists() != answer.status.success()) {
            self.fault(
                &format!("{command} fails and leaves a file, or the reverse"),
                &answer,
            );
        }
        Ok(answer)
    }

    pub(crate) fn fault(&mut self, what: &str, answer: &Answer) {
        let said = String::from_utf8_lossy(&answer.err);
        self.faults.push(format!(
            "{what}: {:.300}",
            said.trim().escape_debug().to_string()
        ));
    }
}
