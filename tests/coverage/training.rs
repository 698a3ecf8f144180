//! A step of adversarial training of a foreign network, beside PyTorch's.

use anyhow::{Context, Result};
use ndarray::ArrayD;
use pellucid_shared::onnx::Model;
use pellucid_tests::to_torch;
use pellucid_trainer::torch::{Mode, Network, gradients};
use tch::{Device, Kind, Tensor};

/// How far an image is attacked in the L2 norm, and how long a step of training is (`tests/reference/exported.py`).
const RADIUS: f64 = 0.5;
const STRIDE: f64 = 1e-3;
/// What the project promises of a loss and of its parameters' gradients.
const EQUAL: f64 = 1e-4;

/// A step of training in float64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The mean cross-entropy of the attacked images.
    loss: f64,
    /// The length of its gradient with respect to everything that is learnt.
    gradient: f64,
    /// The loss after a step of [`STRIDE`] against that.
    after: f64,
    /// How many numbers are learnt.
    learnt: usize,
}

/// Attacks the images by one step, and trains the network on them by one.
pub(crate) fn step(model: &Model, image: &ArrayD<f32>) -> Result<Step> {
    let network = Network::with_kind(model, Device::Cpu, Kind::Double)?;
    let x = to_torch(image, Kind::Double)?.set_requires_grad(true);
    let labels: Vec<i64> = (0..x.size()[0]).map(|index| (3 * index + 1) % 10).collect();
    let labels = Tensor::f_from_slice(&labels)?;
    let loss = |x: &Tensor| -> Result<Tensor> {
        let logits = network.forward(x, Mode::Eval)?;
        Ok(logits.cross_entropy_for_logits(&labels))
    };
    let slope = gradients(&loss(&x)?, &[&x])?.remove(0);
    let length = slope.flatten(1, -1).norm_scalaropt_dim(2, [1], true);
    let attacked = (&x + RADIUS * &slope / length.view([-1, 1, 1, 1])).detach();

    let before = loss(&attacked)?;
    let parameters: Vec<Tensor> = network.parameters().into_iter().map(|p| p.1).collect();
    let of: Vec<&Tensor> = parameters.iter().collect();
    let slopes = gradients(&before, &of)?;
    let squares = slopes.iter().map(|slope| slope.square().sum(Kind::Double));
    let length = squares.map(|sum| sum.double_value(&[])).sum::<f64>().sqrt();
    let after = tch::no_grad(|| -> Result<Tensor> {
        for (parameter, slope) in parameters.iter().zip(&slopes) {
            parameter
                .shallow_clone()
                .f_copy_(&(parameter - STRIDE / length * slope))?;
        }
        loss(&attacked)
    })?;
    Ok(Step {
        loss: before.double_value(&[]),
        gradient: length,
        after: after.double_value(&[]),
        learnt: parameters.iter().map(Tensor::numel).sum(),
    })
}

/// Whether a step is PyTorch's: of the network as it is, or with its batch normalizations folded into convolutions.
pub(crate) fn agrees(found: Step, exact: &ArrayD<f64>) -> Result<(), String> {
    let close = |found: f64, exact: f64, scale: f64| (found - exact).abs() < EQUAL * scale;
    let rows: Vec<[f64; 4]> = exact
        .outer_iter()
        .filter_map(|row| row.iter().copied().collect::<Vec<_>>().try_into().ok())
        .collect();
    let equal = |row: &&[f64; 4]| {
        let [loss, gradient, after, _] = **row;
        close(found.loss, loss, loss)
            && close(found.gradient, gradient, gradient)
            // What the step changes, not what is left of the loss.
            && close(found.after - found.loss, after - loss, (after - loss).abs())
    };
    if rows.iter().any(|row| equal(&row)) {
        return Ok(());
    }
    Err(rows
        .first()
        .context("there is no step to compare with")
        .map_or_else(|error| error.to_string(), |[loss, gradient, _, learnt]| {
            format!(
                "{} numbers are learnt, of PyTorch's {learnt}; loss {:.1e} off, gradient {:.1e}",
                found.learnt,
                (found.loss - loss).abs() / loss,
                (found.gradient - gradient).abs() / gradient
            )
        }))
}

/// What an exporter has done to a network that is therefore trained otherwise than in PyTorch.
pub(crate) fn otherwise(name: &str, exporter: &str) -> Option<&'static str> {
    match (name, exporter) {
        ("maxvit", _) => Some(
            "the exporter looks its table of positions up once: every pair of places learns a number of its own",
        ),
        ("swin_v2", "torchscript") => Some(
            "the exporter runs the small network of positions once: what it answered is learnt in its place",
        ),
        _ => None,
    }
}
