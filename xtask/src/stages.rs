//! A chore in stages, each timed, with a table at the end.

use crate::sizes;
use anyhow::Result;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

/// The stages that have run.
#[derive(Debug)]
pub(crate) struct Stages {
    start: Instant,
    done: Vec<(String, Outcome, Duration)>,
}

impl Stages {
    /// The clock starts now.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs one stage, saying so, and hands on what it returns.
    pub(crate) fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n== {name} (after {})", sizes::time(self.start.elapsed()));
        let start = Instant::now();
        let result = stage();
        let outcome = match &result {
            Ok(_) => Outcome::Passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed
            }
        };
        self.done.push((name.to_owned(), outcome, start.elapsed()));
        result
    }

    /// How many stages failed.
    pub(crate) fn failures(&self) -> usize {
        let failed = |(_, outcome, _): &&(String, Outcome, Duration)| *outcome == Outcome::Failed;
        self.done.iter().filter(failed).count()
    }

    /// How many stages passed.
    pub(crate) fn successes(&self) -> usize {
        self.done.len() - self.failures()
    }

    /// One line per stage, with its time, and the time of all.
    pub(crate) fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|(name, ..)| name.len())
            .max()
            .unwrap_or(0)
            .max(5);
        let mut table = String::new();
        for (name, outcome, span) in &self.done {
            let mark = match outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
            };
            let _ = writeln!(table, "  {name:width$}  {mark}  {:>12}", sizes::time(*span));
        }
        let _ = writeln!(
            table,
            "  {:width$}  {:6}  {:>12}",
            "total",
            "",
            sizes::time(self.start.elapsed())
        );
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_is_counted_and_named_and_the_next_one_still_runs() {
        let mut stages = Stages::new();
        assert_eq!(stages.run("first", || Ok(1)).unwrap(), 1);
        assert!(
            stages
                .run("second", || -> Result<()> { anyhow::bail!("no") })
                .is_err()
        );
        stages.run("third", || Ok(())).unwrap();
        assert_eq!((stages.successes(), stages.failures()), (2, 1));
        let table = stages.table();
        let lines: Vec<_> = table.lines().collect();
        assert!(
            lines[0].contains("first") && lines[0].contains("passed"),
            "{table}"
        );
        assert!(
            lines[1].contains("second") && lines[1].contains("FAILED"),
            "{table}"
        );
        assert!(lines[3].contains("total"), "{table}");
    }
}
