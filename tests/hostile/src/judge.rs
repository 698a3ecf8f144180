//! Whether answers to models, pictures, arrays, cards and labels are as they should be.

use std::path::Path;

use anyhow::Result;
use pellucid_shared::onnx::{Model, floats};
use serde_json::Value;

use super::answer::Answer;
use super::case::{Case, Kind};
use super::judge_tables;
use super::tally::Tally;
use super::trial::Trial;

/// By how much of the largest score two engines may differ.
const APART: f64 = 1e-2;

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
    match &case.tables {
        Some(tables) => judge_tables::judge(&mut trial, case, tables)?,
        None => explained(&mut trial, case)?,
    }
    Ok(trial.faults)
}

fn explained(trial: &mut Trial<'_>, case: &Case) -> Result<()> {
    let model = case.model.display().to_string();
    let image = case.image.display().to_string();
    let explain = |engine, model| {
        // A card says the size; elsewhere it is open.
        let mut words = vec![
            "explain", model, &image, "--json", "--engine", engine, "--size", "16",
        ];
        words.extend(case.options.iter().map(String::as_str));
        words
    };
    let map = trial.folder.join("map.png");
    let mut with_map = explain("tract", &model);
    let place = map.display().to_string();
    with_map.extend(["-o", &place]);
    let tract = trial.ask(&with_map, Some(&map))?;
    let ort = trial.ask(&explain("ort", &model), None)?;
    compare(trial, [&tract, &ort], rounding(&case.model));
    if case.kind != Kind::Model {
        return Ok(());
    }
    trial.ask(&["inspect", &model], None)?;
    trial.ask(&["inspect", &model, "--json"], None)?;
    let written = trial.folder.join("grad.onnx");
    let place = written.display().to_string();
    let answer = trial.ask(&["differentiate", &model, "-o", &place], Some(&written))?;
    if answer.status.success() && ort.status.success() {
        let again = trial.ask(&explain("ort", &place), None)?;
        match again.status.success() {
            true => trial.tally.written += 1,
            false => trial.fault("the gradient does not load though its source does", &again),
        }
    }
    Ok(())
}

/// What is left of the model's largest weights where they cancel: rounding, which no two engines do alike.
fn rounding(model: &Path) -> f64 {
    /// Roundings that may come together.
    const ROUNDINGS: f64 = 16.0;
    let Ok(model) = Model::load(model) else {
        return 0.0;
    };
    let weights = model
        .graph()
        .initializer
        .iter()
        .filter_map(|tensor| floats(tensor).ok());
    let largest = weights
        .flatten()
        .filter(|weight| weight.is_finite())
        .fold(0.0_f32, |most, weight| most.max(weight.abs()));
    ROUNDINGS * f64::from(f32::EPSILON) * f64::from(largest)
}

/// Two engines that both answer must give the same scores.
fn compare(trial: &mut Trial<'_>, [one, other]: [&Answer; 2], rounding: f64) {
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
    if a.len() != b.len() || apart > (APART * largest).max(rounding) {
        trial
            .faults
            .push(format!("tract answers {a:?}, ONNX Runtime {b:?}"));
    } else {
        trial.tally.compared += 1;
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
