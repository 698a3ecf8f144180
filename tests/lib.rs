//! What the tests across engines share: single-operator graphs, random values, and gradients from every engine.
//!
//! The page on differentiation is part of this crate's documentation, so that its Rust is run as a test:
#![doc = include_str!("../docs/differentiate.md")]

pub mod corpus;
pub mod document;
pub mod forms;

use anyhow::{Context, Result};
use ndarray::{ArrayD, IxDyn};
use pellucid_shared::attribution::Explainer;
use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, differentiate};
use pellucid_shared::contract::{Contract, Wishes};
use pellucid_shared::engine::{Engine, take};
use pellucid_shared::onnx::Model;
use pellucid_shared::zoo::{Architecture, Blueprint, build};
pub use pellucid_trainer::check::{Case, cases, uniform};
use pellucid_trainer::device::DeviceChoice;
use pellucid_trainer::engines::{EngineKind, explainer};
use pellucid_trainer::torch::{Mode, Network, gradients};
use tch::{Device, Kind, Tensor};

/// A new folder with the network that docs/differentiate.md speaks of: `model.onnx`, three classes of 64×64 images. Whoever
/// asks for it removes it. With this seed, class 1 has evidence in favour somewhere, so that its Grad-CAM is not empty.
///
/// # Errors
/// Where it cannot be written.
pub fn documented_model() -> Result<std::path::PathBuf> {
    let folder = tempfile::tempdir()?.keep();
    let blueprint = Blueprint::new(Architecture::ResnetSmall, 3, 64, 8);
    build(&blueprint)?.save(&folder.join("model.onnx"))?;
    Ok(folder)
}

/// An array as a libtorch tensor.
///
/// # Errors
/// What libtorch says.
pub fn to_torch(array: &ArrayD<f32>, kind: Kind) -> Result<Tensor> {
    let shape: Vec<i64> = array.shape().iter().map(|&d| d as i64).collect();
    let values: Vec<f32> = array.iter().copied().collect();
    Ok(Tensor::f_from_slice(&values)?
        .f_reshape(shape)?
        .f_to_kind(kind)?)
}

/// A libtorch tensor as an array of float64.
///
/// # Errors
/// What libtorch says.
pub fn from_torch(tensor: &Tensor) -> Result<ArrayD<f64>> {
    let shape: Vec<usize> = tensor.size().iter().map(|&d| d as usize).collect();
    let values = Vec::<f64>::try_from(&tensor.detach().f_to_kind(Kind::Double)?.f_flatten(0, -1)?)?;
    Ok(ArrayD::from_shape_vec(IxDyn(&shape), values)?)
}

/// An explainer of a classifier that nobody tells anything about, on the CPU.
///
/// # Errors
/// Where the model is no classifier, or the engine refuses it.
pub fn explaining(kind: EngineKind, model: Model) -> Result<Explainer> {
    let contract = Contract::resolve(&model, &Wishes::default())?;
    explainer(kind, model, &contract, DeviceChoice::Cpu)
}

/// `‖a − b‖ / ‖b‖`, or the absolute distance where `b` is zero.
#[must_use]
pub fn relative_distance(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape(), "shapes differ");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let distance = norm(&mut a.iter().zip(b).map(|(x, y)| x - y));
    let size = norm(&mut b.iter().copied());
    if size == 0.0 {
        distance
    } else {
        distance / size
    }
}

/// An output and its gradient for one input and cotangent.
pub struct Answer {
    /// The model's output.
    pub output: ArrayD<f64>,
    /// cotangentᵀ · ∂output/∂input
    pub grad: ArrayD<f64>,
}

/// What libtorch and its autograd answer, computed in `kind`.
///
/// # Errors
/// Where the network cannot be executed.
pub fn autograd(
    model: &Model,
    input: &ArrayD<f32>,
    cotangent: &ArrayD<f32>,
    kind: Kind,
) -> Result<Answer> {
    let network = Network::with_kind(model, Device::Cpu, kind)?;
    let x = to_torch(input, kind)?.set_requires_grad(true);
    let output = network.forward(&x, Mode::Eval)?;
    let directed = (&output * to_torch(cotangent, kind)?).sum(kind);
    let grad = match directed.requires_grad() {
        true => from_torch(
            gradients(&directed, &[&x])?
                .first()
                .context("no gradient")?,
        )?,
        // Of what the output does not depend on.
        false => ArrayD::zeros(input.shape()),
    };
    Ok(Answer {
        output: from_torch(&output)?,
        grad,
    })
}

/// The same from the differentiated graph, run by an engine that `open` makes.
///
/// # Errors
/// Where the model cannot be differentiated or run.
pub fn differentiated(
    model: &Model,
    input: &ArrayD<f32>,
    cotangent: &ArrayD<f32>,
    open: impl Fn(&Model) -> Result<Box<dyn Engine>>,
) -> Result<Answer> {
    let name = model.input(None)?.name.clone();
    let output = model.output(None)?.name.clone();
    let graph = differentiate(model.clone(), &Options::default())?;
    let mut outputs = open(&graph)?.run(&[(&name, input.view()), (COTANGENT, cotangent.view())])?;
    let mut read =
        |name: &str| -> Result<ArrayD<f64>> { Ok(take(&mut outputs, name)?.mapv(f64::from)) };
    Ok(Answer {
        output: read(&output)?,
        grad: read(GRAD)?,
    })
}

/// cotangentᵀ · (output(x + h e) − output(x − h e)) / 2h for every element e, in float64.
///
/// # Errors
/// Where the network cannot be executed.
pub fn finite_differences(
    model: &Model,
    input: &ArrayD<f32>,
    cotangent: &ArrayD<f32>,
) -> Result<ArrayD<f64>> {
    const STEP: f64 = 1e-5;
    let network = Network::with_kind(model, Device::Cpu, Kind::Double)?;
    let x = to_torch(input, Kind::Double)?;
    let cotangent = to_torch(cotangent, Kind::Double)?;
    let flat = x.flatten(0, -1);
    let mut slopes = vec![];
    for element in 0..flat.size()[0] {
        let mut sides = [0.0; 2];
        for (side, sign) in sides.iter_mut().zip([1.0, -1.0]) {
            let moved = flat.copy();
            let _ = moved.narrow(0, element, 1).f_add_scalar_(sign * STEP)?;
            let output = network.forward(&moved.reshape(x.size()), Mode::Eval)?;
            *side = f64::try_from((output * &cotangent).sum(Kind::Double))?;
        }
        slopes.push((sides[0] - sides[1]) / (2.0 * STEP));
    }
    Ok(ArrayD::from_shape_vec(IxDyn(input.shape()), slopes)?)
}
