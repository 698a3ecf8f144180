//! Whether answers are as they should be.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use pellucid_shared::said::is_hidden;
use serde_json::Value;

use super::answer::{Answer, run};
use super::case::Case;

/// Seconds of processor time that an answer may take.
const MOST_SECONDS: f64 = 10.0;
const MOST_BYTES: u64 = 2_000_000_000;
/// The longest that a sentence may be, in bytes.
const LONGEST: usize = 1_200;
/// By how much of the largest score two engines may differ.
const APART: f64 = 1e-2;

/// How many cases there were, and what came of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) cases: usize,
    pub(crate) faults: usize,
    answers: usize,
    refused: usize,
    caught: usize,
    compared: usize,
    written: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases, {} answers: {} refused in a sentence, of which {} panics of an engine were caught; {} pairs of engines agreed; \
             {} gradients written and loaded; {} cases at fault",
            self.cases,
            self.answers,
            self.refused,
            self.caught,
            self.compared,
            self.written,
            self.faults
        )
    }
}

/// Gives a case to the commands that it is for, and says what is wrong with the answers.
pub(crate) fn judge(
    program: &Path,
    case: &Case,
    folder: &Path,
    tally: &mut Tally,
) -> Result<Vec<String>> {
    let mut trial = Trial {
        program,
        folder,
        tally,
        faults: vec![],
    };
    let explained = |engine: &str, model: &Path| {
        let mut words: Vec<String> = [
            "explain",
            &model.display().to_string(),
            &case.image.display().to_string(),
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(["--json", "--engine", engine].map(str::to_owned));
        // A card says the size; elsewhere it is open.
        words.extend(["--size", "16"].map(str::to_owned));
        words.extend(case.options.iter().cloned());
        words
    };
    let map = folder.join("map.png");
    let mut with_map = explained("tract", &case.model);
    with_map.extend(["-o".to_owned(), map.display().to_string()]);
    let tract = trial.ask(&with_map, Some(&map))?;
    let ort = trial.ask(&explained("ort", &case.model), None)?;
    trial.compare(&tract, &ort);
    if case.hostile_model {
        let model = case.model.display().to_string();
        for words in [&["inspect", &model][..], &["inspect", &model, "--json"]] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            trial.ask(&words, None)?;
        }
        let written = folder.join("grad.onnx");
        let words = [
            "differentiate",
            &model,
            "-o",
            &written.display().to_string(),
        ]
        .map(str::to_owned);
        let answer = trial.ask(&words, Some(&written))?;
        if answer.status.success() && ort.status.success() {
            let again = trial.ask(&explained("ort", &written), None)?;
            match again.status.success() {
                true => trial.tally.written += 1,
                false => trial.fault("the gradient does not load though its source does", &again),
            }
        }
    }
    Ok(trial.faults)
}

struct Trial<'a> {
    program: &'a Path,
    folder: &'a Path,
    tally: &'a mut Tally,
    faults: Vec<String>,
}

impl Trial<'_> {
    /// Runs the program and judges what can be judged of every answer.
    fn ask(&mut self, words: &[String], output: Option<&Path>) -> Result<Answer> {
        let answer = run(self.program, words, self.folder)?;
        self.tally.answers += 1;
        let command = words.first().map_or("", |word| word);
        let said = String::from_utf8_lossy(&answer.err);
        match answer.status.code() {
            Some(0) => {}
            Some(1 | 2) => {
                self.tally.refused += 1;
                self.tally.caught += usize::from(said.contains("it fails inside"));
            }
            _ => self.fault(&format!("{command} ends with {}", answer.status), &answer),
        }
        for crash in [
            "the engine crashed",
            "was not made for",
            "failed inside",
            "panicked at",
            "stack overflow",
        ] {
            if said.contains(crash) {
                self.fault(&format!("{command} crashes"), &answer);
            }
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
        let left: Vec<_> = std::fs::read_dir(self.folder)?
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        let known = |name: &str| {
            [
                "model.onnx",
                "image.png",
                "input.npy",
                "card.json",
                "labels.txt",
                "map.png",
                "grad.onnx",
            ]
            .contains(&name)
        };
        if let Some(odd) = left.iter().find(|name| !known(&name.to_string_lossy())) {
            self.fault(&format!("{command} leaves {}", odd.display()), &answer);
        }
        if output.is_some_and(|path| path.exists() != answer.status.success()) {
            self.fault(
                &format!("{command} fails and leaves a file, or the reverse"),
                &answer,
            );
        }
        Ok(answer)
    }

    fn fault(&mut self, what: &str, answer: &Answer) {
        let said = String::from_utf8_lossy(&answer.err);
        self.faults.push(format!(
            "{what}: {:.300}",
            said.trim().escape_debug().to_string()
        ));
    }

    /// Two engines that both answer must give the same scores.
    fn compare(&mut self, one: &Answer, other: &Answer) {
        let (Some(a), Some(b)) = (scores(one), scores(other)) else {
            return;
        };
        let largest = a
            .iter()
            .chain(&b)
            .fold(1e-3_f64, |most, score| most.max(score.abs()));
        let apart = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        if a.len() != b.len() || apart > APART * largest {
            self.faults
                .push(format!("tract answers {a:?}, ONNX Runtime {b:?}"));
        } else {
            self.tally.compared += 1;
        }
    }
}

/// The scores of an answer in JSON.
fn scores(answer: &Answer) -> Option<Vec<f64>> {
    let value: Value = serde_json::from_slice(&answer.out)
        .ok()
        .filter(|_| answer.status.success())?;
    let classes = value.get("classes")?.as_array()?;
    classes
        .iter()
        .map(|class| class.get("score")?.as_f64())
        .collect()
}
