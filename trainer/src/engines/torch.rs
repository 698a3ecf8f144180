use ndarray::{ArrayD, ArrayViewD, IxDyn};
use pellucid_shared::autodiff::{COTANGENT, GRAD};
use pellucid_shared::engine::{Engine, EngineError, Outputs, require_numbers};
use pellucid_shared::onnx::{Footprint, Model, OnnxError, require_finite, single_precision};
use tch::{Device, Kind, Tensor};

use crate::torch::{Mode, Network, gradients};

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
        let mut network = Network::new(model, device).map_err(|e| load_error(format!("{e:#}")))?;
        // Gradients with respect to the weights are nobody's question here.
        network.set_trainable(|_| false);
        Self::over(network, model).map_err(|e| load_error(e.to_string()))
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
    ) -> Result<Outputs, String> {
        let device = self.network.device();
        let x = to_tensor(image, device)?.set_requires_grad(cotangent.is_some());
        let forward = || self.network.forward(&x, Mode::Eval);
        let Some(cotangent) = cotangent else {
            let logits = tch::no_grad(forward).map_err(|e| format!("{e:#}"))?;
            return Ok([(self.output.clone(), to_array(&logits)?)].into());
        };
        // A caller may be inside `no_grad`.
        let logits = tch::with_grad(forward).map_err(|e| format!("{e:#}"))?;
        let direction = to_tensor(cotangent, device)?;
        if direction.size() != logits.size() {
            return Err(format!(
                "the cotangent has the shape {:?}, the output {:?}",
                direction.size(),
                logits.size()
            ));
        }
        let directed = (&logits * direction).sum(Kind::Float);
        let grads = gradients(&directed, &[&x]).map_err(|e| format!("{e:#}"))?;
        let grad = grads.first().ok_or("autograd returned nothing")?;
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
            .map_err(|why| EngineError::Run {
                engine: NAME,
                why: without_stack(&why),
            })
    }
}

fn load_error(why: String) -> EngineError {
    let (engine, why) = (NAME, without_stack(&why));
    EngineError::Load { engine, why }
}

/// What libtorch says, without the C++ stack that it appends.
fn without_stack(why: &str) -> String {
    let said = why.split("\nException raised from").next();
    said.unwrap_or_default().trim_end().to_owned()
}

fn to_tensor(array: &ArrayViewD<'_, f32>, device: Device) -> Result<Tensor, String> {
    let shape: Vec<i64> = array.shape().iter().map(|&d| d as i64).collect();
    let contiguous = array.as_standard_layout();
    let values = contiguous.as_slice().unwrap_or_default();
    Tensor::f_from_slice(values)
        .and_then(|flat| flat.f_reshape(shape))
        .and_then(|tensor| tensor.f_to_device(device))
        .map_err(|e| e.to_string())
}

fn to_array(tensor: &Tensor) -> Result<ArrayD<f32>, String> {
    let shape: Vec<usize> = tensor.size().iter().map(|&d| d as usize).collect();
    let flat = tensor
        .detach()
        .f_to_device(Device::Cpu)
        .and_then(|t| t.f_flatten(0, -1))
        .map_err(|e| e.to_string())?;
    let values = Vec::<f32>::try_from(&flat).map_err(|e| e.to_string())?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| e.to_string())
}
