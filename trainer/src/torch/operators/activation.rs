//! Activations.

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use super::super::clip::clipped;
use super::super::site::{Kernel, Site, one, unary};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Celu", celu),
    ("Clip", clip),
    ("Elu", elu),
    ("Gelu", gelu),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", hard_swish),
    ("LeakyRelu", leaky_relu),
    ("Mish", |_| unary(Tensor::f_mish)),
    ("PRelu", prelu),
    ("Relu", |_| unary(Tensor::f_relu)),
    ("Selu", selu),
    ("Shrink", shrink),
    ("Sigmoid", |_| unary(Tensor::f_sigmoid)),
    ("Softplus", |_| unary(Tensor::f_softplus)),
    ("Softsign", softsign),
    ("Swish", swish),
    ("ThresholdedRelu", thresholded_relu),
];

/// A number among the node's attributes.
fn attribute(site: &Site<'_>, name: &str, default: f32) -> Result<f64> {
    Ok(f64::from(site.attributes().float(name, default)?))
}

/// `x` where it is positive, else `scale (e^(x / width) − 1)`.
fn exponential(x: &Tensor, scale: f64, width: f64) -> Result<Tensor> {
    let below = x.f_clamp_max(0.0)?;
    let below = match width == 1.0 {
        true => below,
        false => below.f_div_scalar(width)?,
    };
    let below = below.f_expm1()?.f_mul_scalar(scale)?;
    Ok(x.f_where_self(&x.f_gt(0.0)?, &below)?)
}

fn celu(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 1.0)?;
    one(move |inputs| exponential(inputs.at(0)?, alpha, alpha))
}

fn elu(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 1.0)?;
    one(move |inputs| exponential(inputs.at(0)?, alpha, 1.0))
}

fn selu(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 1.673_263_2)?;
    let gamma = attribute(site, "gamma", 1.050_701)?;
    one(move |inputs| Ok(exponential(inputs.at(0)?, alpha, 1.0)?.f_mul_scalar(gamma)?))
}

/// The bounds are attributes before operator set 11, inputs from then on. They are numbers of the graph, not of the image: asking the
/// device for them in every run would make it wait.
fn clip(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let bound = |index, name| -> Result<Option<f64>> {
        match site.number(index).context("a bound")? {
            None if attributes.has(name) => Ok(Some(f64::from(attributes.float(name, 0.0)?))),
            bound => Ok(bound),
        }
    };
    let (low, high) = (bound(1, "min")?, bound(2, "max")?);
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match (low, high) {
            (Some(low), Some(high)) if x.requires_grad() && x.kind() == Kind::Float => {
                clipped(x, low, high)?
            }
            (Some(low), Some(high)) => x.f_clamp(low, high)?,
            (Some(low), None) => x.f_clamp_min(low)?,
            (None, Some(high)) => x.f_clamp_max(high)?,
            (None, None) => x.shallow_clone(),
        })
    })
}

fn gelu(site: &Site<'_>) -> Result<Kernel> {
    let approximate = site.attributes().string("approximate", "none")?.to_owned();
    one(move |inputs| Ok(inputs.at(0)?.f_gelu(&approximate)?))
}

fn hard_sigmoid(site: &Site<'_>) -> Result<Kernel> {
    let (alpha, beta) = (
        attribute(site, "alpha", 0.2)?,
        attribute(site, "beta", 0.5)?,
    );
    one(move |inputs| {
        let line = inputs.at(0)?.f_mul_scalar(alpha)?.f_add_scalar(beta)?;
        Ok(line.f_clamp(0.0, 1.0)?)
    })
}

fn hard_swish(_: &Site<'_>) -> Result<Kernel> {
    unary(Tensor::f_hardswish)
}

fn leaky_relu(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 0.01)?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_where_self(&x.f_gt(0.0)?, &x.f_mul_scalar(alpha)?)?)
    })
}

fn prelu(_: &Site<'_>) -> Result<Kernel> {
    one(|inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_where_self(&x.f_gt(0.0)?, &x.f_mul(inputs.at(1)?)?)?)
    })
}

fn shrink(site: &Site<'_>) -> Result<Kernel> {
    let (lambda, bias) = (
        attribute(site, "lambd", 0.5)?,
        attribute(site, "bias", 0.0)?,
    );
    one(move |inputs| {
        let x = inputs.at(0)?;
        let zero = x.f_zeros_like()?;
        let low = x
            .f_add_scalar(bias)?
            .f_where_self(&x.f_lt(-lambda)?, &zero)?;
        Ok(x.f_sub_scalar(bias)?.f_where_self(&x.f_gt(lambda)?, &low)?)
    })
}

fn softsign(_: &Site<'_>) -> Result<Kernel> {
    one(|inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_div(&x.f_abs()?.f_add_scalar(1.0)?)?)
    })
}

fn swish(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 1.0)?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_mul(&x.f_mul_scalar(alpha)?.f_sigmoid()?)?)
    })
}

fn thresholded_relu(site: &Site<'_>) -> Result<Kernel> {
    let alpha = attribute(site, "alpha", 1.0)?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_where_self(&x.f_gt(alpha)?, &x.f_zeros_like()?)?)
    })
}
