//! How many cases there were, and what came of them.

use std::fmt;

use super::answer::Answer;

/// Counts of a campaign; those of several threads add up.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    pub(crate) faults: usize,
    pub(crate) compared: usize,
    pub(crate) written: usize,
    pub(crate) read: usize,
    answers: usize,
    refused: usize,
    caught: usize,
    /// Processor time of all answers.
    seconds: f64,
}

impl Tally {
    pub(crate) fn count(&mut self, answer: &Answer) {
        let said = String::from_utf8_lossy(&answer.err);
        let refused = matches!(answer.status.code(), Some(1 | 2));
        self.answers += 1;
        self.refused += usize::from(refused);
        self.caught += usize::from(refused && said.contains("it fails inside"));
        self.seconds += answer.seconds;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.faults += other.faults;
        self.compared += other.compared;
        self.written += other.written;
        self.read += other.read;
        self.answers += other.answers;
        self.refused += other.refused;
        self.caught += other.caught;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases, {} answers in {:.2} s of processor time each: {} refused in a sentence, of which {} panics of an engine were \
             caught; {} pairs of engines agreed; {} gradients written and loaded; {} tables read as they are meant; {} cases at fault",
            self.cases,
            self.answers,
            self.seconds / self.answers.max(1) as f64,
            self.refused,
            self.caught,
            self.compared,
            self.written,
            self.read,
            self.faults
        )
    }
}
