//! One run of an engine: logits, gradient, and the values around every kink, all out of the same computation.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use ndarray::{Array2, Array4, ArrayD, IxDyn};
use pellucid_shared::attribution::Signature;
use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, differentiate};
use pellucid_shared::engine::take;
use pellucid_shared::onnx::{GraphBuilder, Model};
use tch::{Device, Kind, Tensor};

use super::pieces::watched;
use crate::engines::{EngineKind, open};
use crate::torch::{Mode, Network, gradients, to_array, to_tensor};

/// What an engine computed for a batch.
pub(super) struct Run {
    /// `[N, K]`
    pub(super) logits: ArrayD<f64>,
    /// `[N, 3, H, W]`, in the direction of the cotangent.
    pub(super) grad: ArrayD<f64>,
    /// The gradients of the parameters by name, where they were asked for.
    pub(super) parameters: BTreeMap<String, ArrayD<f64>>,
    /// The values around the kinks by name, `[N, ...]`.
    pub(super) values: BTreeMap<String, ArrayD<f64>>,
}

/// Runs the derived gradient graph with the kinks' values as further outputs.
pub(super) fn run_graph(
    kind: EngineKind,
    model: &Model,
    signature: &Signature,
    images: &Array4<f32>,
    cotangent: &Array2<f32>,
) -> Result<Run> {
    let options = Options {
        input: Some(signature.input.clone()),
        output: Some(signature.output.clone()),
        ..Options::default()
    };
    let names = watched(model);
    let mut builder = GraphBuilder::edit(differentiate(model.clone(), &options)?);
    for name in &names {
        if builder.graph().output.iter().all(|o| o.name != *name) {
            builder.output(name, None);
        }
    }
    let mut engine = open(kind, &builder.finish()?)?;
    let feeds = [
        (&signature.input[..], images.view().into_dyn()),
        (COTANGENT, cotangent.view().into_dyn()),
    ];
    let mut outputs = engine.run(&feeds)?;
    // Copied, because a network may end in a kink, whose value is then both.
    let values = names.iter().filter_map(|name| {
        let value = outputs.get(name)?.mapv(f64::from);
        Some((name.clone(), value))
    });
    let values = values.collect();
    let mut double =
        |name: &str| -> Result<ArrayD<f64>> { Ok(take(&mut outputs, name)?.mapv(f64::from)) };
    Ok(Run {
        logits: double(&signature.output)?,
        grad: double(GRAD)?,
        parameters: BTreeMap::new(),
        values,
    })
}

/// Where and how exactly libtorch computes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) device: Device,
    pub(super) kind: Kind,
}

/// What is asked of libtorch.
pub(super) struct Question<'a> {
    pub(super) signature: &'a Signature,
    /// `[N, 3, H, W]`
    pub(super) images: &'a Array4<f32>,
    /// `[N, K]`
    pub(super) cotangent: &'a Array2<f32>,
    /// The values around the kinks that are wanted, with their shapes.
    pub(super) shapes: &'a [(String, Vec<usize>)],
    /// Whether the gradients of the parameters are wanted too.
    pub(super) parameters: bool,
}

/// Runs a plain model on libtorch and lets autograd differentiate it.
pub(super) fn run_torch(model: &Model, place: Place, question: &Question<'_>) -> Result<Run> {
    let Question {
        signature,
        images,
        cotangent,
        shapes,
        parameters,
    } = question;
    let made: Vec<&(String, Vec<usize>)> = {
        let names = watched(model);
        shapes
            .iter()
            .filter(|(name, _)| names.contains(name))
            .collect()
    };
    let joined = joined(model, &signature.output, &made)?;
    let mut network = Network::with_kind(&joined, place.device, place.kind)?;
    network.set_trainable(|_| *parameters);

    let to_place =
        |tensor: Tensor| anyhow::Ok(tensor.f_to_kind(place.kind)?.f_to_device(place.device)?);
    let x = to_place(to_tensor(*images)?)?.set_requires_grad(true);
    let direction = to_place(to_tensor(*cotangent)?)?;
    let all = tch::with_grad(|| network.forward(&x, Mode::Eval))?;
    let logits = all.f_narrow(1, 0, signature.classes as i64)?;
    let directed = (&logits * direction).sum(place.kind);
    let learnt = if *parameters {
        network.parameters()
    } else {
        vec![]
    };
    let asked: Vec<&Tensor> = std::iter::once(&x)
        .chain(learnt.iter().map(|(_, p)| p))
        .collect();
    let mut grads = gradients(&directed, &asked)?.into_iter();
    let grad = to_array(&grads.next().context("autograd returned nothing")?)?;
    let named = learnt.iter().zip(grads);
    let parameters = named.map(|((name, _), grad)| Ok((name.clone(), to_array(&grad)?)));

    let mut values = BTreeMap::new();
    let mut start = signature.classes;
    for (name, shape) in made {
        let width: usize = shape.iter().skip(1).product();
        let flat = all.f_narrow(1, start as i64, width as i64)?;
        let value = to_array(&flat)?.into_shape_with_order(IxDyn(shape));
        values.insert(
            name.clone(),
            value.with_context(|| format!("`{name}` has another shape"))?,
        );
        start += width;
    }
    Ok(Run {
        logits: to_array(&logits)?,
        grad,
        parameters: parameters.collect::<Result<_>>()?,
        values,
    })
}

/// The model with one output: the logits and, behind them, the values, all flattened. libtorch's `Network` has one output.
fn joined(model: &Model, output: &str, values: &[&(String, Vec<usize>)]) -> Result<Model> {
    let mut builder = GraphBuilder::edit(model.clone());
    builder.graph_mut().output.clear();
    let names = std::iter::once(output).chain(values.iter().map(|(name, _)| &name[..]));
    let parts: Vec<String> = names
        .map(|name| builder.node("Flatten", "flat", &[name], [("axis", 1.into())]))
        .collect();
    let parts: Vec<&str> = parts.iter().map(|part| &part[..]).collect();
    let all = builder.node("Concat", "all", &parts, [("axis", 1.into())]);
    builder.output(&all, None);
    Ok(builder.finish()?)
}
