//! Values out of numbers and shapes.

use anyhow::{Context, Result, bail};
use tch::{Kind, Tensor};

use super::super::parameters::load_one;
use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("EyeLike", eye_like),
    ("Range", range),
    ("Shape", shape),
    ("Size", size),
];

/// A kernel that answers with a value which is there already.
fn made(value: Tensor) -> Result<Kernel> {
    one(move |_| Ok(value.shallow_clone()))
}

fn constant(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let value = if let Some(tensor) = attributes.tensor("value")? {
        load_one(tensor, site.kind)?
    } else if let Some(values) = attributes.ints("value_ints")? {
        Tensor::f_from_slice(values)?
    } else if attributes.has("value_int") {
        Tensor::from(attributes.int("value_int", 0)?)
    } else if let Some(values) = attributes.floats("value_floats")? {
        Tensor::f_from_slice(values)?.f_to_kind(site.kind)?
    } else if attributes.has("value_float") {
        Tensor::from(attributes.float("value_float", 0.0)?).f_to_kind(site.kind)?
    } else {
        bail!("it holds neither a tensor nor numbers");
    };
    made(value.f_to_device(site.device)?)
}

fn constant_of_shape(site: &Site<'_>) -> Result<Kernel> {
    let shape = site.ints(0)?;
    let value = match site.attributes().tensor("value")? {
        Some(tensor) => load_one(tensor, site.kind)?.f_to_device(site.device)?,
        None => Tensor::f_zeros([1], (site.kind, site.device))?,
    };
    made(
        value
            .f_flatten(0, -1)?
            .f_select(0, 0)?
            .f_expand(&shape, false)?,
    )
}

fn eye_like(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    if attributes.int("k", 0)? != 0 {
        bail!("a diagonal beside the main one is not executed");
    }
    let kind = match attributes.has("dtype") {
        true => super::elementwise::kind_of(attributes.int("dtype", 0)?, site.kind)?,
        false => site.kind,
    };
    let sizes = site.sizes(0)?;
    let [rows, columns] = sizes[..] else {
        bail!("its input is no matrix");
    };
    made(Tensor::f_eye_m(rows, columns, (kind, site.device))?)
}

fn range(site: &Site<'_>) -> Result<Kernel> {
    let floating = (0..3).all(|index| site.floats(index).is_some());
    let number = |index| site.number(index)?.context("a bound is missing");
    let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
    let count = ((limit - start) / step).ceil().max(0.0);
    if count.is_nan() || count > 1e9 {
        bail!("it counts without end");
    }
    let kind = if floating { site.kind } else { Kind::Int64 };
    let steps = Tensor::f_arange(count as i64, (Kind::Double, site.device))?;
    let values = steps.f_mul_scalar(step)?.f_add_scalar(start)?;
    made(values.f_to_kind(kind)?)
}

fn shape(site: &Site<'_>) -> Result<Kernel> {
    let sizes = site.sizes(0)?;
    let rank = sizes.len() as i64;
    let attributes = site.attributes();
    let bound = |name, default| -> Result<usize> {
        let at: i64 = attributes.int(name, default)?;
        let at = if at < 0 { at + rank } else { at };
        Ok(at.clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    made(site.indices(&sizes[start..end.max(start)])?)
}

fn size(site: &Site<'_>) -> Result<Kernel> {
    let count: i64 = site.sizes(0)?.iter().product();
    made(Tensor::from(count).f_to_device(site.device)?)
}
