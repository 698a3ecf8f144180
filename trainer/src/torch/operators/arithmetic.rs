//! Arithmetic and logic of several values, which broadcast as in libtorch.

use anyhow::Result;
use tch::{TchError, Tensor};

use super::super::site::{Inputs, Kernel, Site, binary, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Add", |_| binary(Tensor::f_add)),
    ("And", |_| binary(Tensor::f_logical_and)),
    ("Div", |_| one(quotient)),
    ("Equal", |_| binary(Tensor::f_eq_tensor)),
    ("Greater", |_| binary(Tensor::f_gt_tensor)),
    ("GreaterOrEqual", |_| binary(Tensor::f_ge_tensor)),
    ("Less", |_| binary(Tensor::f_lt_tensor)),
    ("LessOrEqual", |_| binary(Tensor::f_le_tensor)),
    ("Max", |_| one(|inputs| folded(inputs, Tensor::f_maximum))),
    ("Mean", |_| {
        one(|inputs| {
            let sum = folded(inputs, Tensor::f_add)?;
            Ok(sum.f_div_scalar(inputs.values.len() as f64)?)
        })
    }),
    ("Min", |_| one(|inputs| folded(inputs, Tensor::f_minimum))),
    ("Mod", modulo),
    ("Mul", |_| binary(Tensor::f_mul)),
    ("Or", |_| binary(Tensor::f_logical_or)),
    ("Pow", |_| {
        one(|inputs| {
            let base = inputs.at(0)?;
            // The type is the base's, whatever the exponent's is.
            Ok(base.f_pow(inputs.at(1)?)?.f_to_kind(base.kind())?)
        })
    }),
    ("Sub", |_| binary(Tensor::f_sub)),
    ("Sum", |_| one(|inputs| folded(inputs, Tensor::f_add))),
    ("Where", |_| {
        one(|inputs| Ok(inputs.at(1)?.f_where_self(inputs.at(0)?, inputs.at(2)?)?))
    }),
    ("Xor", |_| binary(Tensor::f_logical_xor)),
];

/// Integers are divided towards zero.
fn quotient(inputs: &Inputs) -> Result<Tensor> {
    let (a, b) = (inputs.at(0)?, inputs.at(1)?);
    Ok(match is_floating(a) {
        true => a.f_div(b)?,
        false => a.f_div_tensor_mode(b, "trunc")?,
    })
}

fn is_floating(x: &Tensor) -> bool {
    use tch::Kind;
    matches!(
        x.kind(),
        Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16
    )
}

/// Any number of inputs, two at a time.
fn folded(
    inputs: &Inputs,
    of_two: fn(&Tensor, &Tensor) -> Result<Tensor, TchError>,
) -> Result<Tensor> {
    let mut result = inputs.at(0)?.shallow_clone();
    for index in 1..inputs.values.len() {
        result = of_two(&result, inputs.at(index)?)?;
    }
    Ok(result)
}

/// With the divisor's sign or, with `fmod`, the dividend's.
fn modulo(site: &Site<'_>) -> Result<Kernel> {
    match site.attributes().int("fmod", 0)? {
        0 => binary(Tensor::f_remainder_tensor),
        _ => binary(Tensor::f_fmod_tensor),
    }
}
