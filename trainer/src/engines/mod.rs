//! Engines beside tract: ONNX Runtime, which is loaded when it is first asked for, and libtorch.

mod batch;
mod library;
mod onnxruntime;
mod taped;
#[cfg(feature = "torch")]
mod torch;

use anyhow::{Result, bail};
use clap::ValueEnum;
use pellucid_shared::attribution::Explainer;
use pellucid_shared::autodiff::{Options, differentiate};
use pellucid_shared::contract::Contract;
use pellucid_shared::engine::{Engine, EngineError, TractEngine};
use pellucid_shared::onnx::Model;
use serde::{Deserialize, Serialize};

pub use batch::with_batch;
pub use onnxruntime::OrtEngine;
#[cfg(feature = "torch")]
pub use torch::TorchEngine;

use crate::device::DeviceChoice;
use taped::TapedEngine;

/// Which runtime runs a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// tract: pure Rust, always there, the one that the browser has.
    #[default]
    Tract,
    /// ONNX Runtime: faster on a CPU.
    Ort,
    /// libtorch: the one that trains. Differentiates by its own autograd.
    Torch,
}

/// Makes a graph runnable. For [`EngineKind::Torch`] the graph is a plain classifier, and the engine answers with
/// `grad` too where it is fed a `cotangent`; the others compute what the graph says.
///
/// # Errors
/// Where the runtime is not there or refuses the graph.
pub fn open(kind: EngineKind, model: &Model) -> Result<Box<dyn Engine>> {
    match kind {
        EngineKind::Torch => torch_engine(model, DeviceChoice::Cpu),
        EngineKind::Tract | EngineKind::Ort => Ok(open_graph(kind, model)?),
    }
}

/// An engine that explains a classifier: through the differentiated graph, or through autograd for
/// [`EngineKind::Torch`], which is the only one that `device` matters to. It is fed `[1, C, H, W]` and answers with a score
/// per class, whatever form the model has.
///
/// # Errors
/// Where the model is no classifier, cannot be differentiated, or the runtime is not there or refuses it.
pub fn explainer(
    kind: EngineKind,
    model: Model,
    contract: &Contract,
    device: DeviceChoice,
) -> Result<Explainer> {
    let (model, signature) = contract.adapt(model)?;
    if kind != EngineKind::Torch {
        let open = move |graph: &Model| open_graph(kind, graph);
        return Ok(Explainer::with_signature(model, signature, open));
    }
    if signature.differentiated {
        bail!(
            "this file holds its gradient already, and libtorch differentiates by itself: give it the plain model, or choose --engine ort or tract"
        );
    }
    Ok(Explainer::over(torch_engine(&model, device)?, signature))
}

/// As [`explainer`] on tract, for scores and gradients of images of one size: the gradient at an image is taken from the
/// forward pass that gave its scores.
///
/// # Errors
/// Where the model is no classifier or cannot be differentiated.
pub fn taped_explainer(model: Model, contract: &Contract) -> Result<Explainer> {
    let (mut model, signature) = contract.adapt(model)?;
    if !signature.differentiated {
        let options = Options {
            input: Some(signature.input.clone()),
            output: Some(signature.output.clone()),
            ..Options::default()
        };
        model = differentiate(model, &options)?;
    }
    let engine = TapedEngine::new(model, signature.clone());
    Ok(Explainer::over(Box::new(engine), signature))
}

fn open_graph(kind: EngineKind, model: &Model) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match kind {
        EngineKind::Ort => Box::new(OrtEngine::new(model, None)?),
        _ => Box::new(TractEngine::new(model)?),
    })
}

/// libtorch, without TF32: the exact gradient is asked for.
#[cfg(feature = "torch")]
fn torch_engine(model: &Model, device: DeviceChoice) -> Result<Box<dyn Engine>> {
    use crate::torch::{Tf32, allow_tf32, choose_device};
    let device = choose_device(device)?;
    allow_tf32(Tf32::Never);
    Ok(Box::new(TorchEngine::new(model, device)?))
}

#[cfg(not(feature = "torch"))]
fn torch_engine(_: &Model, _: DeviceChoice) -> Result<Box<dyn Engine>> {
    bail!(
        "this pellucid was built without libtorch: choose --engine ort or tract, or build it with the feature `torch`"
    )
}
