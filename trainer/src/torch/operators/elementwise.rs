//! Functions of each element alone that know no parameters, and changes of type.

use anyhow::{Context, Result, bail};
use pellucid_shared::onnx::pb::tensor_proto::DataType;
use tch::{Kind, Tensor};

use super::super::site::{Kernel, Site, one, unary};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Abs", |_| unary(Tensor::f_abs)),
    ("Acos", |_| unary(Tensor::f_acos)),
    ("Acosh", |_| unary(Tensor::f_acosh)),
    ("Asin", |_| unary(Tensor::f_asin)),
    ("Asinh", |_| unary(Tensor::f_asinh)),
    ("Atan", |_| unary(Tensor::f_atan)),
    ("Atanh", |_| unary(Tensor::f_atanh)),
    ("Cast", cast),
    ("CastLike", |_| {
        one(|inputs| Ok(inputs.at(0)?.f_to_kind(inputs.at(1)?.kind())?))
    }),
    ("Ceil", |_| unary(Tensor::f_ceil)),
    ("Cos", |_| unary(Tensor::f_cos)),
    ("Cosh", |_| unary(Tensor::f_cosh)),
    ("Dropout", dropout),
    ("Erf", |_| unary(Tensor::f_erf)),
    ("Exp", |_| unary(Tensor::f_exp)),
    ("Floor", |_| unary(Tensor::f_floor)),
    ("Identity", |_| {
        one(|inputs| Ok(inputs.at(0)?.shallow_clone()))
    }),
    ("IsInf", |_| unary(Tensor::f_isinf)),
    ("IsNaN", |_| unary(Tensor::f_isnan)),
    ("Log", |_| unary(Tensor::f_log)),
    ("Neg", |_| unary(Tensor::f_neg)),
    ("Not", |_| unary(Tensor::f_logical_not)),
    ("Reciprocal", |_| unary(Tensor::f_reciprocal)),
    ("Round", |_| unary(Tensor::f_round)),
    ("Sign", |_| unary(Tensor::f_sign)),
    ("Sin", |_| unary(Tensor::f_sin)),
    ("Sinh", |_| unary(Tensor::f_sinh)),
    ("Sqrt", |_| unary(Tensor::f_sqrt)),
    ("Tan", |_| unary(Tensor::f_tan)),
    ("Tanh", |_| unary(Tensor::f_tanh)),
];

/// libtorch's type for one of ONNX's: every floating-point type is computed in `float`.
pub(super) fn kind_of(data_type: i64, float: Kind) -> Result<Kind> {
    let known = i32::try_from(data_type)
        .ok()
        .and_then(|value| DataType::try_from(value).ok())
        .context("its type is unknown")?;
    Ok(match known {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => float,
        DataType::Int64 | DataType::Uint64 | DataType::Uint32 => Kind::Int64,
        DataType::Int32 | DataType::Uint16 => Kind::Int,
        DataType::Int16 => Kind::Int16,
        DataType::Int8 => Kind::Int8,
        DataType::Uint8 => Kind::Uint8,
        DataType::Bool => Kind::Bool,
        other => bail!("the type {} is not computed in", other.as_str_name()),
    })
}

fn cast(site: &Site<'_>) -> Result<Kernel> {
    let to = kind_of(site.attributes().int("to", 0)?, site.kind)?;
    one(move |inputs| Ok(inputs.at(0)?.f_to_kind(to)?))
}

/// Drops in train mode alone, whatever mode the file was exported in.
fn dropout(site: &Site<'_>) -> Result<Kernel> {
    let ratio = match site.number(1)? {
        Some(ratio) => ratio,
        None => f64::from(site.attributes().float("ratio", 0.5)?),
    };
    one(move |inputs| Ok(inputs.at(0)?.f_dropout(ratio, inputs.training)?))
}
