use anyhow::{Context, Result, ensure};
use ndarray::ArrayViewD;
use pellucid_shared::autodiff::{COTANGENT, GRAD};
use pellucid_shared::engine::{Engine, EngineError, Outputs, require_numbers};
use pellucid_shared::onnx::{Footprint, Model, OnnxError, require_finite, single_precision};
use tch::{Device, Kind};

use crate::torch::{Mode, Network, gradients, to_array, to_tensor};

const NAME: &str = "libtorch";

/// libtorch in eval mode. Takes a plain classifier; fed a `cotangent` beside the image, it answers with the gradient
/// `grad` that its own autograd computes, as a differentiated graph would.
pub struct TorchEngine {
    network: Network,
    input: String,
    output: String,
    footprint: Footprint,
}

impl TorchEngine {
    /// Loads a model with one input and one output.
    ///
    /// # Errors
    /// Where the model has several inputs or outputs, or an operator that is not executed on libtorch.
    pub fn new(model: &Model, device: Device) -> Result<Self, EngineError> {
        require_finite(model)?;
        let model = &single_precision(model.clone())?;
        let mut network = Network::new(model, device).map_err(|error| EngineError::Load {
            engine: NAME,
            why: said(&error),
        })?;
        // Gradients with respect to the weights are nobody's question here.
        network.set_trainable(|_| false);
        Ok(Self::over(network, model)?)
    }

    /// Takes a network that is there already; `model` is the one that it was made from.
    ///
    /// # Errors
    /// Where the model has several inputs or outputs.
    pub fn over(network: Network, model: &Model) -> Result<Self, OnnxError> {
        Ok(Self {
            network,
            input: model.input(None)?.name.clone(),
            output: model.output(None)?.name.clone(),
            footprint: Footprint::of(model)?,
        })
    }

    fn answer(
        &self,
        image: &ArrayViewD<'_, f32>,
        cotangent: Option<&ArrayViewD<'_, f32>>,
    ) -> Result<Outputs> {
        let device = self.network.device();
        let x = to_tensor(image)?.f_to_device(device)?;
        let x = x.set_requires_grad(cotangent.is_some());
        let forward = || self.network.forward(&x, Mode::Eval);
        let Some(cotangent) = cotangent else {
            let logits = tch::no_grad(forward)?;
            return Ok([(self.output.clone(), to_array(&logits)?)].into());
        };
        // A caller may be inside `no_grad`.
        let logits = tch::with_grad(forward)?;
        let direction = to_tensor(cotangent)?.f_to_device(device)?;
        ensure!(
            direction.size() == logits.size(),
            "the cotangent has the shape {:?}, the output {:?}",
            direction.size(),
            logits.size()
        );
        let directed = (&logits * direction).sum(Kind::Float);
        let grads = gradients(&directed, &[&x])?;
        let grad = grads.first().context("autograd returned nothing")?;
        Ok([
            (self.output.clone(), to_array(&logits)?),
            (GRAD.to_owned(), to_array(grad)?),
        ]
        .into())
    }
}

impl Engine for TorchEngine {
    fn name(&self) -> &'static str {
        "torch"
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
        let given = |name: &str| {
            inputs
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, v)| v)
        };
        let image =
            given(&self.input).ok_or_else(|| EngineError::MissingInput(self.input.clone()))?;
        require_numbers(&self.input, image)?;
        self.footprint.admit(&[(&self.input, image.shape())])?;
        self.answer(image, given(COTANGENT))
            .map_err(|error| EngineError::Run {
                engine: NAME,
                why: said(&error),
            })
    }
}

/// The error and its causes, without the C++ stack that libtorch appends.
fn said(error: &anyhow::Error) -> String {
    let chain = format!("{error:#}");
    let said = chain.split("\nException raised from").next();
    said.unwrap_or_default().trim_end().to_owned()
}
