//! Whether answers to tables are as they should be: what means the same is read as the same, and what says nothing or two things
//! is refused by every command.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::answer::Answer;
use super::case::Case;
use super::tables::{CLASSES, Right, Tables};
use super::trial::Trial;

/// Gives the tables to the commands that read them.
pub(crate) fn judge(trial: &mut Trial<'_>, case: &Case, tables: &Tables) -> Result<()> {
    let folder = trial.folder;
    let labels = folder.join("labels.txt");
    std::fs::write(&labels, CLASSES.join("\n"))?;
    let [model, labels] = [&case.model, &labels].map(|path| path.display().to_string());
    let mut asked = Asked { trial, tables };

    let words = ["evaluate", &model, "--json", "--size", "16"];
    let evaluated = asked.ask(&words, None)?;
    let images = evaluated.status.success().then(|| images(&evaluated));
    if tables.right == Right::Same && images != Some(Some(tables.measured())) {
        let what = format!("evaluate counts {images:?} images");
        asked.trial.fault(&what, &evaluated);
    }
    if tables.split.is_none() {
        let out = folder.join("packed");
        let place = out.display().to_string();
        let packed = asked.ask(&["pack", "--size", "32", "--out", &place], Some(&out))?;
        let found = packed.status.success().then(|| rows(&out)).transpose()?;
        match &found {
            Some(found) if tables.right == Right::Same && *found != tables.truth => {
                asked.trial.fault("pack reads another table", &packed);
            }
            Some(_) if tables.right == Right::Same => asked.trial.tally.read += 1,
            _ => {}
        }
        if images != found.map(|found| Some(found.len())) {
            asked
                .trial
                .fault("evaluate and pack read two tables", &packed);
        }
    }
    if tables.report {
        let words = [
            "report", "--model", &model, "--labels", &labels, "--json", "--size", "16",
        ];
        let reported = asked.ask(&words, None)?;
        if reported.status.success() != images.is_some() {
            let what = "evaluate and report read two tables";
            asked.trial.fault(what, &reported);
        }
    }
    if tables.train {
        let run = folder.join("run").display().to_string();
        let words = "train --arch resnet-small --size 32 --epochs 1 --batch 2 --validation-images 3 --device cpu --threads 1 --out";
        let words: Vec<&str> = words.split(' ').chain([&run[..]]).collect();
        asked.ask(&words, Some(&folder.join("run/best.onnx")))?;
    }
    Ok(())
}

/// Commands that are given the same data.
struct Asked<'a, 'b> {
    trial: &'a mut Trial<'b>,
    tables: &'a Tables,
}

impl Asked<'_, '_> {
    fn ask(&mut self, command: &[&str], output: Option<&Path>) -> Result<Answer> {
        let data = format!("ham10000:{}", self.tables.folder.display());
        let mut words = [command, &["--data", &data]].concat();
        let split = self
            .tables
            .split
            .as_ref()
            .map(|path| path.display().to_string());
        if let Some(split) = &split {
            words.extend(["--split", split]);
        }
        let answer = self.trial.ask(&words, output)?;
        let name = command[0];
        match (self.tables.right, answer.status.success()) {
            (Right::Same, false) => {
                let what = format!("{name} refuses a sound table");
                self.trial.fault(&what, &answer);
            }
            (Right::Refused, true) => {
                let what = format!("{name} takes a wrong table");
                self.trial.fault(&what, &answer);
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// How many images an evaluation counts.
fn images(answer: &Answer) -> Option<usize> {
    let value: Value = serde_json::from_slice(&answer.out).ok()?;
    usize::try_from(value.get("images")?.as_u64()?).ok()
}

/// Class and lesion by image, in a folder that was packed.
fn rows(folder: &Path) -> Result<BTreeMap<String, (String, String)>> {
    let text = std::fs::read_to_string(folder.join("HAM10000_metadata.csv"))?;
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.split(',').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (lesion, image, class) = (next(), next(), next());
        (image, (class, lesion))
    });
    Ok(rows.collect())
}
