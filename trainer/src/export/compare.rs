//! Engines against libtorch in float64, with the pieces that they were on accounted for.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, Array4, ArrayBase, ArrayD, Axis, Data, IxDyn};
use pellucid_shared::attribution::Signature;
use pellucid_shared::onnx::{Model, infer_shapes};
use serde::Serialize;
use tch::{Device, Kind};

use super::pieces::{Pieces, watched};
use super::run::{Place, Question, Run, run_graph, run_torch};
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
pub struct Verification {
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

impl Verification {
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
pub fn compare(trained: &Model, file: &Model, images: &Array4<f32>) -> Result<Verification> {
    let signature = Signature::of(trained, None)?;
    let cotangent = directions(images.len_of(Axis(0)), signature.classes);

    let ort = run_graph(EngineKind::Ort, file, &signature, images, &cotangent)?;
    let tract = run_graph(EngineKind::Tract, file, &signature, images, &cotangent)?;
    let question = Question {
        signature: &signature,
        images,
        cotangent: &cotangent,
        shapes: &ort.shapes(),
        parameters: false,
    };
    let single = on_torch(file, Device::Cpu, Kind::Float, &question)?;
    let reference = Reference::of(trained, &question)?;

    let mut engines = vec![];
    for (engine, run) in [("torch", single), ("onnxruntime", ort), ("tract", tract)] {
        let agreement = reference.agreement(engine, &run)?;
        agreement.accept()?;
        engines.push(agreement);
    }
    Ok(Verification {
        images: images.len_of(Axis(0)),
        engines,
    })
}

/// How well libtorch on a device agrees with libtorch in float64 on the CPU; nothing is refused here. `images` are
/// `[N, 3, H, W]` in [0, 1]. The gradients of the parameters are compared on the piece that the device was on, too.
///
/// # Errors
/// Where the network cannot be run.
pub fn compare_device(
    model: &Model,
    images: &Array4<f32>,
    device: Device,
) -> Result<DeviceAgreement> {
    let signature = Signature::of(model, None)?;
    let batch = images.len_of(Axis(0));
    let cotangent = directions(batch, signature.classes);
    let question = Question {
        signature: &signature,
        images,
        cotangent: &cotangent,
        shapes: &inferred(model, batch)?,
        parameters: true,
    };
    let run = on_torch(model, device, Kind::Float, &question)?;
    let reference = Reference::of(model, &question)?;
    let frozen = reference.frozen(&run)?;
    let mut parameters = 0.0_f64;
    for (name, found) in &run.parameters {
        let exact = frozen.parameters.get(name);
        let exact = exact.with_context(|| format!("the frozen network lacks `{name}`"))?;
        let distance = relative(found, exact);
        // `f64::max` would pass over a NaN.
        parameters = if distance.is_nan() {
            f64::NAN
        } else {
            parameters.max(distance)
        };
    }
    Ok(DeviceAgreement {
        engine: reference.agreement_on("torch", &run, &frozen)?,
        parameters,
    })
}

/// How well libtorch on a device agrees with libtorch in float64 on the CPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceAgreement {
    /// As for an engine.
    #[serde(flatten)]
    pub engine: Agreement,
    /// The largest relative L2 difference of a parameter's gradient, on the piece that the device was on.
    pub parameters: f64,
}

impl DeviceAgreement {
    /// Whether all lies within the limits that an exported file has to keep.
    ///
    /// # Errors
    /// Says what lies beyond, and by how much.
    pub fn accept(&self) -> Result<()> {
        self.engine.accept()?;
        within(
            "parameters' gradients",
            self.engine.engine,
            self.parameters,
            GRADIENT,
        )
    }
}

/// What engines are held to: libtorch in float64 on the CPU.
struct Reference<'a> {
    model: &'a Model,
    question: &'a Question<'a>,
    exact: Run,
    pieces: Pieces,
}

impl<'a> Reference<'a> {
    fn of(model: &'a Model, question: &'a Question<'a>) -> Result<Self> {
        let exact = on_torch(model, Device::Cpu, Kind::Double, question)?;
        ensure!(
            exact.logits.iter().all(|x| x.is_finite()),
            "the network's logits on real images are not finite numbers: the training has diverged"
        );
        Ok(Self {
            pieces: Pieces::of(model, &exact.values)?,
            model,
            question,
            exact,
        })
    }

    /// The reference on the linear piece that a run was on.
    fn frozen(&self, run: &Run) -> Result<Run> {
        let frozen = Pieces::of(self.model, &run.values)?.freeze(self.model)?;
        on_torch(&frozen, Device::Cpu, Kind::Double, self.question)
    }

    fn agreement(&self, engine: &'static str, run: &Run) -> Result<Agreement> {
        self.agreement_on(engine, run, &self.frozen(run)?)
    }

    fn agreement_on(&self, engine: &'static str, run: &Run, frozen: &Run) -> Result<Agreement> {
        let pieces = Pieces::of(self.model, &run.values)?;
        Ok(Agreement {
            engine,
            logits: furthest(&run.logits, &self.exact.logits),
            gradient: furthest_image(&run.grad, &frozen.grad),
            piece: furthest(&frozen.logits, &self.exact.logits),
            flips: pieces.differences(&self.pieces),
            decisions: pieces.decisions(),
            gradient_with_flips: furthest_image(&run.grad, &self.exact.grad),
        })
    }
}

fn on_torch(model: &Model, device: Device, kind: Kind, question: &Question<'_>) -> Result<Run> {
    run_torch(model, Place { device, kind }, question).context("libtorch cannot run the network")
}

/// The shapes of the values that show a model's decisions, as inference knows them.
fn inferred(model: &Model, batch: usize) -> Result<Vec<(String, Vec<usize>)>> {
    let shapes = infer_shapes(model)?;
    let names = watched(model).into_iter();
    names
        .map(|name| {
            let dims = shapes.get(&name).map_or(&[][..], |shape| &shape[..]);
            let known = dims.iter().enumerate();
            // Only the batch may be open.
            let sizes = known.map(|(axis, dim)| dim.known().or((axis == 0).then_some(batch)));
            let sizes: Option<Vec<usize>> = sizes.collect();
            let sizes = sizes.filter(|sizes| !sizes.is_empty());
            let sizes = sizes.with_context(|| format!("the shape of `{name}` is not known"))?;
            Ok((name, sizes))
        })
        .collect()
}

impl Agreement {
    fn accept(&self) -> Result<()> {
        within("logits", self.engine, self.logits, LOGITS)?;
        within("gradients", self.engine, self.gradient, GRADIENT)?;
        within("activations", self.engine, self.piece, PIECE)
    }
}

fn within(what: &str, engine: &str, found: f64, limit: f64) -> Result<()> {
    if found.is_nan() || found > limit {
        bail!(
            "the {what} of {engine} differ from libtorch's in float64 by {found:.1e}, and {limit:.0e} is allowed"
        );
    }
    Ok(())
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
    let mut worst = 0.0_f64;
    for (a, b) in a.outer_iter().zip(b.outer_iter()) {
        let distance = relative(&a, &b);
        if distance.is_nan() {
            return f64::NAN;
        }
        worst = worst.max(distance);
    }
    worst
}

/// `‖a − b‖ / ‖b‖`, or the absolute distance where `b` is zero.
fn relative<S: Data<Elem = f64>>(a: &ArrayBase<S, IxDyn>, b: &ArrayBase<S, IxDyn>) -> f64 {
    let norm = |squares: &mut dyn Iterator<Item = f64>| squares.map(|x| x * x).sum::<f64>().sqrt();
    let distance = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    let size = norm(&mut b.iter().copied());
    if size > 0.0 {
        distance / size
    } else {
        distance
    }
}

/// The shapes of a run's values, for cutting libtorch's one output apart.
impl Run {
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |(name, value): (&String, &ArrayD<f64>)| (name.clone(), value.shape().to_vec());
        self.values.iter().map(shape).collect()
    }
}
