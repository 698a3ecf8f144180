//! The answers on clean images and under attack, by the engine that is asked for.

use anyhow::Result;
#[cfg(not(feature = "torch"))]
use anyhow::bail;
use pellucid_shared::onnx::Dim;

use super::found::Found;
use super::{Args, MeasuredModel};
use crate::data::Examples;
use crate::engines::{EngineKind, open};
use crate::evaluate::predict;
use crate::progress::Progress;

/// Measures on the engine that is asked for.
///
/// # Errors
/// Where an image cannot be used, the engine is not there or fails, or the attack makes no sense.
pub(super) fn measure(
    args: &Args,
    model: &MeasuredModel,
    examples: &Examples,
    progress: &Progress,
) -> Result<Found> {
    if args.engine == EngineKind::Torch {
        return on_torch(args, model, examples, progress);
    }
    let mut engine = open(args.engine, &model.graph)?;
    let signature = &model.signature;
    let names = (&signature.input[..], &signature.output[..]);
    let batch = match signature.shape[0] {
        Dim::Known(images) => Some(images),
        _ => None,
    };
    let bar = progress.bar("clean", examples.len());
    let clean = predict(&mut *engine, names, batch, examples, &bar)?;
    bar.finish_and_clear();
    Ok(Found {
        clean,
        attacked: vec![],
    })
}

#[cfg(feature = "torch")]
fn on_torch(
    args: &Args,
    model: &MeasuredModel,
    examples: &Examples,
    progress: &Progress,
) -> Result<Found> {
    use super::hold_out::Plan;
    use crate::evaluate::clean;
    use crate::torch::{Network, Tf32, allow_tf32, choose_device, keep_memory};

    let plan = Plan::of(args)?;
    let network = Network::new(&model.graph, choose_device(args.device)?)?;
    // The figures are to be the exported file's, whatever runs it.
    allow_tf32(Tf32::Never);
    keep_memory();
    let bar = progress.bar("clean", examples.len());
    let clean = clean(&network, examples, &bar)?;
    bar.finish_and_clear();
    let attacked = plan.carry_out(&network, examples, &clean, progress)?;
    Ok(Found { clean, attacked })
}

#[cfg(not(feature = "torch"))]
fn on_torch(_: &Args, _: &MeasuredModel, _: &Examples, _: &Progress) -> Result<Found> {
    bail!(
        "this pellucid was built without libtorch, which attacks: choose --engine tract or ort and leave --epsilon out, or build it with the feature torch"
    )
}
