//! How long the engines take for a network and for its gradient, side by side in one run, and how long the differentiator
//! takes. `cargo xtask bench` builds and runs this; it prints JSON.
//!
//! ```text
//! speed FOLDER ROUNDS    FOLDER gets the measured networks as .onnx files
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use pellucid_shared::autodiff::{COTANGENT, Options, differentiate};
use pellucid_shared::engine::{Engine, TractEngine};
use pellucid_shared::onnx::Model;
use pellucid_shared::zoo::{Architecture, Blueprint, IMAGE, LOGITS, build};
use pellucid_tests::uniform;
use pellucid_trainer::engines::OrtEngine;
use serde_json::{Value, json};

const SIZE: usize = 224;
const CLASSES: usize = 1000;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: speed FOLDER ROUNDS";
    let folder = PathBuf::from(words.next().context(usage)?);
    let rounds: usize = words.next().context(usage)?.parse().context(usage)?;
    ensure!(rounds > 0, usage);
    let answer = json!({
        "engines": engines(&folder, rounds)?,
        "differentiate": differentiation(rounds)?,
    });
    println!("{answer}");
    Ok(())
}

/// ResNet-18 at 224×224, one image: forward, and forward with gradient, in every engine.
fn engines(folder: &Path, rounds: usize) -> Result<Vec<Value>> {
    let plain = network(Architecture::Resnet18)?;
    let gradient = differentiate(plain.clone(), &Options::default())?;
    plain.save(&folder.join("resnet18.onnx"))?;
    gradient.save(&folder.join("resnet18-grad.onnx"))?;
    let mut subjects = vec![];
    for threads in [1, 2] {
        subjects.push(Subject {
            name: "ONNX Runtime",
            threads,
            plain: Box::new(OrtEngine::new(&plain, Some(threads))?),
            gradient: Box::new(OrtEngine::new(&gradient, Some(threads))?),
            times: Times::default(),
        });
    }
    subjects.push(Subject {
        name: "tract",
        threads: 1,
        plain: Box::new(TractEngine::new(&plain)?),
        gradient: Box::new(TractEngine::new(&gradient)?),
        times: Times::default(),
    });
    // The first round finds caches cold and plans unmade, and does not count.
    for round in 0..=rounds {
        for subject in &mut subjects {
            subject.measure(round as u64, round > 0)?;
        }
    }
    Ok(subjects.iter().map(Subject::to_json).collect())
}

fn network(architecture: Architecture) -> Result<Model> {
    Ok(build(&Blueprint::new(architecture, CLASSES, SIZE, 0))?)
}

/// One engine with both graphs.
struct Subject {
    name: &'static str,
    threads: usize,
    plain: Box<dyn Engine>,
    gradient: Box<dyn Engine>,
    times: Times,
}

/// Seconds per round.
#[derive(Default)]
struct Times {
    forward: Vec<f64>,
    gradient: Vec<f64>,
}

impl Subject {
    /// One image through both graphs, one right after the other, so that what disturbs the machine disturbs both.
    fn measure(&mut self, seed: u64, counts: bool) -> Result<()> {
        let image = uniform(&[1, 3, SIZE, SIZE], 0.0, 1.0, seed);
        let mut cotangent = ArrayD::<f32>::zeros(IxDyn(&[1, CLASSES]));
        cotangent[[0, 7]] = 1.0;
        let feeds = [(IMAGE, image.view()), (COTANGENT, cotangent.view())];
        let forward = seconds(&mut *self.plain, &feeds[..1])?;
        let gradient = seconds(&mut *self.gradient, &feeds)?;
        if counts {
            self.times.forward.push(forward);
            self.times.gradient.push(gradient);
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let Times { forward, gradient } = &self.times;
        let ratios = gradient.iter().zip(forward).map(|(g, f)| g / f).collect();
        json!({
            "engine": self.name,
            "threads": self.threads,
            "forward": median(forward.clone()),
            "gradient": median(gradient.clone()),
            "ratio": median(ratios),
        })
    }
}

fn seconds(engine: &mut dyn Engine, feeds: &[(&str, ArrayViewD<'_, f32>)]) -> Result<f64> {
    let begun = Instant::now();
    let outputs = engine.run(feeds)?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        outputs[LOGITS].iter().all(|logit| logit.is_finite()),
        "the logits are no numbers"
    );
    Ok(seconds)
}

/// ResNet-34, the largest of the zoo: its differentiation, with the copy of the weights that reading a file costs and
/// without, and what it adds to the file.
fn differentiation(rounds: usize) -> Result<Value> {
    let model = network(Architecture::Resnet34)?;
    let bytes = model.to_bytes();
    drop(model);
    let (mut alone, mut whole, mut after) = (vec![], vec![], 0);
    for _ in 0..rounds {
        let begun = Instant::now();
        let parsed = Model::parse(&bytes)?;
        let parsed_at = Instant::now();
        let derived = differentiate(parsed, &Options::default())?;
        alone.push(parsed_at.elapsed().as_secs_f64());
        after = derived.to_bytes().len();
        whole.push(begun.elapsed().as_secs_f64());
    }
    Ok(json!({
        "network": "ResNet-34",
        "bytes": bytes.len(),
        "added": after.saturating_sub(bytes.len()),
        "seconds": median(alone),
        "from_file_to_file": median(whole),
    }))
}

/// The middle one; of an even number, the higher of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
