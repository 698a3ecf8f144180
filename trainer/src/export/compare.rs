//! Engines against libtorch in float64, with the pieces that they were on accounted for.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, Array4, ArrayD, Axis};
use pellucid_shared::attribution::Signature;
use pellucid_shared::onnx::Model;
use serde::Serialize;
use tch::Kind;

use super::pieces::Pieces;
use super::run::{Run, run_graph, run_torch};
use crate::engines::EngineKind;

/// The largest difference of a logit, relative to the largest logit.
pub const LOGITS: f64 = 1e-4;
/// The largest difference of an image's gradient, relative to its L2 norm, on the same linear piece: float32 rounding
/// through some twenty layers.
pub const GRADIENT: f64 = 1e-4;
/// How much the logits may change in float64 when an engine's decisions at the kinks replace float64's own, relative to
/// the largest logit. Decisions differ only at values near zero, which hardly count.
pub const PIECE: f64 = 1e-5;

/// How well the engines agreed on the written file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Number of images compared.
    pub images: usize,
    /// One per engine: libtorch in float32, ONNX Runtime, tract.
    pub engines: Vec<Agreement>,
}

/// How well one engine agrees with libtorch in float64.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// `torch`, `onnxruntime` or `tract`.
    pub engine: &'static str,
    /// Largest difference of a logit, relative to the largest logit; at most [`LOGITS`].
    pub logits: f64,
    /// Largest relative L2 difference of an image's gradient, on the piece that the engine was on; at most [`GRADIENT`].
    pub gradient: f64,
    /// What float64's logits change on that piece, relative to the largest logit; at most [`PIECE`].
    pub piece: f64,
    /// Decisions at kinks (signs of `Relu`, winners of `MaxPool`) that were not float64's.
    pub flips: usize,
    /// Decisions in all.
    pub decisions: usize,
    /// Largest relative L2 difference of an image's gradient from float64's with those flips left in.
    pub gradient_with_flips: f64,
}

impl Report {
    /// One line per engine.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for a in &self.engines {
            let _ = writeln!(
                text,
                "{:<12} logits within {:.1e}, gradients within {:.1e} ({:.1e} with {} of {} decisions flipped)",
                a.engine, a.logits, a.gradient, a.gradient_with_flips, a.flips, a.decisions
            );
        }
        text
    }
}

/// Runs `file` in every engine and `trained` in float64, and refuses what lies beyond the limits. `images` are `[N, 3, H, W]` in
/// [0, 1].
///
/// # Errors
/// Where an engine cannot run the file, or differs by more than is allowed; the error names it and says by how much.
pub fn compare(trained: &Model, file: &Model, images: &Array4<f32>) -> Result<Report> {
    let signature = Signature::of(trained, None)?;
    let cotangent = directions(images.len_of(Axis(0)), signature.classes);

    let ort = run_graph(EngineKind::Ort, file, &signature, images, &cotangent)?;
    let tract = run_graph(EngineKind::Tract, file, &signature, images, &cotangent)?;
    let shapes = ort.shapes();
    let torch = |model: &Model, kind| {
        run_torch(model, kind, &signature, images, &cotangent, &shapes)
            .context("libtorch cannot run the file")
    };
    let single = torch(file, Kind::Float)?;
    let exact = torch(trained, Kind::Double)?;
    ensure!(
        exact.logits.iter().all(|x| x.is_finite()),
        "the network's logits on real images are not finite numbers: the training has diverged"
    );
    let reference = Pieces::of(trained, &exact.values)?;

    let mut engines = vec![];
    for (engine, run) in [("torch", single), ("onnxruntime", ort), ("tract", tract)] {
        let pieces = Pieces::of(trained, &run.values)?;
        let frozen = torch(&pieces.freeze(trained)?, Kind::Double)?;
        let agreement = Agreement {
            engine,
            logits: furthest(&run.logits, &exact.logits),
            gradient: furthest_image(&run.grad, &frozen.grad),
            piece: furthest(&frozen.logits, &exact.logits),
            flips: pieces.differences(&reference),
            decisions: pieces.decisions(),
            gradient_with_flips: furthest_image(&run.grad, &exact.grad),
        };
        agreement.accept()?;
        engines.push(agreement);
    }
    Ok(Report {
        images: images.len_of(Axis(0)),
        engines,
    })
}

impl Agreement {
    fn accept(&self) -> Result<()> {
        for (what, found, limit) in [
            ("logits", self.logits, LOGITS),
            ("gradients", self.gradient, GRADIENT),
            ("activations", self.piece, PIECE),
        ] {
            if found.is_nan() || found > limit {
                bail!(
                    "the {what} of {} differ from libtorch's in float64 by {found:.1e}, and {limit:.0e} is allowed",
                    self.engine
                );
            }
        }
        Ok(())
    }
}

/// A direction `[N, K]` per image in general position, so that one gradient tests all classes at once.
fn directions(images: usize, classes: usize) -> Array2<f32> {
    Array2::from_shape_fn((images, classes), |(image, class)| {
        (1.0 + (image * classes + class) as f32 * 0.7).cos()
    })
}

/// The largest difference, relative to the largest of `b`.
fn furthest(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    if a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let largest = b.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    // `f64::max` would pass over a NaN.
    let mut differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    let difference = differences.try_fold(0.0, |m: f64, d| (!d.is_nan()).then_some(m.max(d)));
    difference.map_or(f64::NAN, |d| d / largest)
}

/// The largest relative L2 difference of an image `[N, ...]`; absolute where the reference is zero.
fn furthest_image(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    if a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let norm = |squares: &mut dyn Iterator<Item = f64>| squares.map(|x| x * x).sum::<f64>().sqrt();
    let mut worst = 0.0_f64;
    for (a, b) in a.outer_iter().zip(b.outer_iter()) {
        let distance = norm(&mut a.iter().zip(&b).map(|(a, b)| a - b));
        let size = norm(&mut b.iter().copied());
        let relative = if size > 0.0 {
            distance / size
        } else {
            distance
        };
        if relative.is_nan() {
            return f64::NAN;
        }
        worst = worst.max(relative);
    }
    worst
}

/// The shapes of a run's values, for cutting libtorch's one output apart.
impl Run {
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |(name, value): (&String, &ArrayD<f64>)| (name.clone(), value.shape().to_vec());
        self.values.iter().map(shape).collect()
    }
}
