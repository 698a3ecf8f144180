//! Whether everything works on this machine and its card: what `pellucid check` runs.
//!
//! Every item is held to something outside itself: an operator on the device to float64 on the CPU, a network's logits
//! and gradients to float64 on the linear piece that the device was on (see [`crate::export`]), a trained file to ONNX
//! Runtime and tract, and the commands to each other.

mod cases;
mod commands;
mod machine;
mod network;
mod operators;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

pub use cases::{Case, WITHOUT_CASE, cases, uniform};

use crate::device::DeviceChoice;
use crate::sentence::sentence;
use crate::torch::{Tf32, allow_tf32, choose_device};

/// What one item found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Its name: `machine`, `operators`, `network`, …
    pub item: &'static str,
    /// Whether it is as it should be.
    pub passed: bool,
    /// One sentence for people.
    pub text: String,
    /// The figures that the sentence tells, by name.
    pub figures: Value,
    /// How long it took.
    pub seconds: f64,
}

/// What an item tells where nothing is wrong: its sentence and its figures.
type Told = (String, Value);

/// Checks everything on a device, and hands every finding to `tell` as soon as it is there. `program` is this program's
/// own file, by which the commands are called. Returns whether all was as it should be; nothing further is tried where
/// the device cannot be used.
///
/// Float32 is computed as float32 meanwhile; that TF32 is allowed in training is measured by an item of its own.
pub fn check(choice: DeviceChoice, program: &Path, mut tell: impl FnMut(&Finding)) -> bool {
    let mut all = true;
    let mut item = |item, run: &mut dyn FnMut() -> Result<Told>| {
        let begun = Instant::now();
        let (passed, (text, figures)) = match run() {
            Ok(told) => (true, told),
            Err(error) => (false, (sentence(&error), Value::Null)),
        };
        all &= passed;
        tell(&Finding {
            item,
            passed,
            text,
            figures,
            seconds: begun.elapsed().as_secs_f64(),
        });
        passed
    };
    let mut device = None;
    item("machine", &mut || {
        let chosen = choose_device(choice)?;
        device = Some(chosen);
        machine::describe(chosen)
    });
    if let Some(device) = device {
        allow_tf32(Tf32::Never);
        item("operators", &mut || operators::check(device));
        item("network", &mut || network::gradients(device));
        if device.is_cuda() {
            item("tf32", &mut || network::with_tf32(device));
        }
        item("training step", &mut || network::training_step(device));
        let mut run = None;
        item("train and export", &mut || {
            let (made, told) = commands::Run::train(device, program)?;
            run = Some(made);
            Ok(told)
        });
        if let Some(run) = &run {
            item("evaluate", &mut || run.evaluate());
            item("explain", &mut || run.explain());
        }
    }
    all
}

/// A temporary folder, which goes when the value does.
fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir()
        .context("no temporary folder can be made: set TMPDIR to one that can be written")
}
