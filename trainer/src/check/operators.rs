//! Every operator that libtorch executes, on the device against float64 on the CPU.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use ndarray::ArrayD;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::Told;
use super::cases::{Case, cases, uniform};
use crate::sentence::sentence;
use crate::torch::{Mode, Network, gradients, operator_names, to_tensor};

/// The largest relative L2 difference of a value or gradient in float32: some ten roundings of 6e-8.
const SINGLE: f64 = 2e-6;
/// The same in float64.
const DOUBLE: f64 = 1e-13;

/// A value and its gradient.
struct Answer {
    output: Tensor,
    grad: Tensor,
}

/// Fails with the names of the operators whose value or gradient is off.
pub(super) fn check(device: Device) -> Result<Told> {
    let mut tried = BTreeSet::new();
    let mut wrong = vec![];
    let mut furthest = [0.0_f64; 2];
    let cases = cases()?;
    for case in &cases {
        let exact = answer(case, Device::Cpu, Kind::Double)
            .with_context(|| format!("{} on the CPU", case.name))?;
        for ((kind, limit), furthest) in [(Kind::Float, SINGLE), (Kind::Double, DOUBLE)]
            .into_iter()
            .zip(&mut furthest)
        {
            match answer(case, device, kind).and_then(|found| distance(&found, &exact)) {
                Ok(distance) if distance <= limit => *furthest = furthest.max(distance),
                Ok(distance) => {
                    wrong.push(format!("{} in {kind:?} is {distance:.1e} off", case.name))
                }
                Err(error) => {
                    wrong.push(format!("{} in {kind:?}: {}", case.name, sentence(&error)));
                }
            }
        }
        tried.extend(
            case.model
                .graph()
                .node
                .iter()
                .map(|node| node.op_type.clone()),
        );
    }
    let operators = operator_names().filter(|op| tried.contains(*op)).count();
    ensure!(
        wrong.is_empty(),
        "{} of {} cases differ from float64 on the CPU: {}",
        wrong.len(),
        cases.len(),
        wrong.join("; ")
    );
    let [single, double] = furthest;
    Ok((
        format!(
            "all {operators} operators in {} cases, value and gradient: float32 within {single:.1e} and float64 within \
             {double:.1e} of float64 on the CPU",
            cases.len()
        ),
        json!({
            "operators": operators,
            "cases": cases.len(),
            "float32": single,
            "float32_limit": SINGLE,
            "float64": double,
            "float64_limit": DOUBLE,
        }),
    ))
}

fn answer(case: &Case, device: Device, kind: Kind) -> Result<Answer> {
    let mut network = Network::with_kind(&case.model, device, kind)?;
    network.set_trainable(|_| false);
    let x = tensor(&case.input, device, kind)?.f_set_requires_grad(true)?;
    let output = network.forward(&x, Mode::Eval)?;
    let shape: Vec<usize> = output.size().iter().map(|&d| d as usize).collect();
    let cotangent = tensor(&uniform(&shape, -1.0, 1.0, 99), device, kind)?;
    let directed = output.f_mul(&cotangent)?.f_sum(kind)?;
    let grads = gradients(&directed, &[&x])?;
    Ok(Answer {
        output: output.detach(),
        grad: grads
            .into_iter()
            .next()
            .context("autograd returned nothing")?,
    })
}

fn tensor(array: &ArrayD<f32>, device: Device, kind: Kind) -> Result<Tensor> {
    Ok(to_tensor(array)?.f_to_kind(kind)?.f_to_device(device)?)
}

/// The larger of the relative L2 differences of value and gradient.
fn distance(found: &Answer, exact: &Answer) -> Result<f64> {
    let relative = |a: &Tensor, b: &Tensor| -> Result<f64> {
        let a = a.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
        ensure!(
            a.size() == b.size(),
            "it has the shape {:?}, not {:?}",
            a.size(),
            b.size()
        );
        let distance = f64::try_from(a.f_sub(b)?.f_norm()?)?;
        let size = f64::try_from(b.f_norm()?)?;
        Ok(if size > 0.0 {
            distance / size
        } else {
            distance
        })
    };
    let (output, grad) = (
        relative(&found.output, &exact.output)?,
        relative(&found.grad, &exact.grad)?,
    );
    ensure!(!output.is_nan() && !grad.is_nan(), "it is not a number");
    Ok(output.max(grad))
}
