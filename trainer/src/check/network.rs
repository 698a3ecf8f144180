//! A ResNet-18 on the device against float64 on the CPU.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ndarray::{Array4, Ix4};
use pellucid_shared::onnx::{Model, floats, set_floats};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use serde_json::json;
use tch::{Device, Kind, Reduction, Tensor};

use super::Told;
use super::cases::uniform;
use crate::export::{DeviceAgreement, GRADIENT, LOGITS, PIECE, compare_device};
use crate::torch::{Mode, Network, Tf32, allow_tf32, to_tensor};

/// The size of the paper's images.
const SIZE: usize = 224;
const IMAGES: usize = 2;
/// Images of the training step, which batch normalization needs some of.
const BATCH: usize = 4;
/// How far a training step in float64 may be off: rounding of 1e-16 through some twenty layers of sums over thousands.
const STEP: f64 = 1e-9;

/// Logits, gradients of the image and of every parameter in float32, on the linear piece that the device was on.
pub(super) fn gradients(device: Device) -> Result<Told> {
    let found = measure(device)?;
    found.accept()?;
    let DeviceAgreement { engine, parameters } = &found;
    Ok((
        format!(
            "ResNet-18 at {SIZE} pixels: logits within {:.1e} (of {LOGITS:.0e}), image gradients within {:.1e} and parameter \
             gradients within {parameters:.1e} (of {GRADIENT:.0e}) of float64, {} of {} decisions flipped",
            engine.logits, engine.gradient, engine.flips, engine.decisions
        ),
        json!({
            "found": found,
            "limits": {"logits": LOGITS, "gradient": GRADIENT, "piece": PIECE, "parameters": GRADIENT},
        }),
    ))
}

/// The same where TF32 is allowed, as it is in training: told, and held to nothing, since it is meant to be coarser.
pub(super) fn with_tf32(device: Device) -> Result<Told> {
    allow_tf32(Tf32::Convolutions);
    let found = measure(device);
    allow_tf32(Tf32::Never);
    let found = found?;
    Ok((
        format!(
            "with TF32, as in training: logits within {:.1e}, image gradients within {:.1e}, parameter gradients within {:.1e}, \
             {} of {} decisions flipped",
            found.engine.logits,
            found.engine.gradient,
            found.parameters,
            found.engine.flips,
            found.engine.decisions
        ),
        json!({"found": found}),
    ))
}

fn measure(device: Device) -> Result<DeviceAgreement> {
    compare_device(&model()?, &images(IMAGES)?, device)
}

fn images(count: usize) -> Result<Array4<f32>> {
    Ok(uniform(&[count, 3, SIZE, SIZE], 0.0, 1.0, 1).into_dimensionality::<Ix4>()?)
}

/// A network whose batch normalizations have something to do: statistics and scales as after a training.
fn model() -> Result<Model> {
    let mut model = build(&Blueprint::new(Architecture::Resnet18, 3, SIZE, 7))?;
    for (seed, tensor) in model.initializers_mut().iter_mut().enumerate() {
        let range = match tensor.name.rsplit('.').next().unwrap_or_default() {
            "running_mean" => (-0.2, 0.2),
            "running_var" => (0.6, 1.5),
            "weight" if tensor.dims.len() == 1 => (0.6, 1.4),
            "bias" => (-0.3, 0.3),
            _ => continue,
        };
        let values = uniform(floats(tensor)?.shape(), range.0, range.1, seed as u64);
        set_floats(tensor, &values.into_raw_vec_and_offset().0)?;
    }
    Ok(model)
}

/// What a training step does, in float64 on both: loss, every parameter's gradient and the running statistics.
pub(super) fn training_step(device: Device) -> Result<Told> {
    let model = model()?;
    let (found, exact) = (step(&model, device)?, step(&model, Device::Cpu)?);
    let mut furthest = (0.0_f64, String::new());
    for (name, b) in &exact {
        let a = found
            .get(name)
            .with_context(|| format!("the device made no `{name}`"))?;
        let distance = f64::try_from(a.f_sub(b)?.f_norm()?)?;
        let relative = distance / f64::try_from(b.f_norm()?)?.max(f64::MIN_POSITIVE);
        ensure!(!relative.is_nan(), "{name} is not a number");
        if relative > furthest.0 {
            furthest = (relative, name.clone());
        }
    }
    let (relative, name) = furthest;
    ensure!(
        relative <= STEP,
        "`{name}` of a training step in float64 is {relative:.1e} off, and {STEP:.0e} is allowed"
    );
    Ok((
        format!(
            "a training step in float64, loss, {} gradients and statistics: within {relative:.1e} (of {STEP:.0e})",
            exact.len() - 1
        ),
        json!({"tensors": exact.len(), "furthest": relative, "limit": STEP}),
    ))
}

/// The loss, gradients and running statistics of one step, by name, on the CPU.
fn step(model: &Model, device: Device) -> Result<BTreeMap<String, Tensor>> {
    let network = Network::with_kind(model, device, Kind::Double)?;
    let images = to_tensor(&images(BATCH)?)?
        .f_to_kind(Kind::Double)?
        .f_to_device(device)?;
    let labels: Vec<i64> = (0..BATCH as i64).map(|image| image % 3).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(device)?;
    let logits = network.forward(&images, Mode::Train)?;
    let loss = logits.f_cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
    loss.f_backward()?;
    let mut made = vec![("the loss".to_owned(), loss.detach())];
    let parameters = network.parameters();
    made.extend(parameters.iter().map(|(name, p)| (name.clone(), p.grad())));
    let statistics = network.state().into_iter();
    made.extend(statistics.filter(|(name, _)| name.contains("running_")));
    made.into_iter()
        .map(|(name, tensor)| Ok((name, tensor.f_to_device(Device::Cpu)?)))
        .collect()
}
