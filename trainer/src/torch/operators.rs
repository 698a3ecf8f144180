//! One function per operator; each follows the ONNX specification (<https://onnx.ai/onnx/operators/>).

use anyhow::{Context, Result, bail};
use tch::{Kind, Tensor};

use super::call::{Call, list, pad};

type Operator = fn(&Call<'_>) -> Result<Tensor>;

const OPERATORS: &[(&str, Operator)] = &[
    ("Abs", |c| Ok(c.input(0)?.f_abs()?)),
    ("Acos", |c| Ok(c.input(0)?.f_acos()?)),
    ("Acosh", |c| Ok(c.input(0)?.f_acosh()?)),
    ("Add", |c| Ok(c.input(0)?.f_add(c.input(1)?)?)),
    ("Asin", |c| Ok(c.input(0)?.f_asin()?)),
    ("Asinh", |c| Ok(c.input(0)?.f_asinh()?)),
    ("Atan", |c| Ok(c.input(0)?.f_atan()?)),
    ("Atanh", |c| Ok(c.input(0)?.f_atanh()?)),
    ("AveragePool", average_pool),
    ("BatchNormalization", batch_normalization),
    ("Clip", clip),
    ("Concat", concat),
    ("Constant", constant),
    ("Conv", conv),
    ("Cos", |c| Ok(c.input(0)?.f_cos()?)),
    ("Cosh", |c| Ok(c.input(0)?.f_cosh()?)),
    ("CumSum", cum_sum),
    ("Div", |c| Ok(c.input(0)?.f_div(c.input(1)?)?)),
    ("Dropout", dropout),
    ("Einsum", einsum),
    ("Erf", |c| Ok(c.input(0)?.f_erf()?)),
    ("Exp", |c| Ok(c.input(0)?.f_exp()?)),
    ("Flatten", flatten),
    ("Gather", gather),
    ("Gemm", gemm),
    ("GlobalAveragePool", |c| {
        Ok(c.input(0)?.f_adaptive_avg_pool2d([1, 1])?)
    }),
    ("GlobalMaxPool", |c| {
        Ok(c.input(0)?.f_adaptive_max_pool2d([1, 1])?.0)
    }),
    ("Identity", |c| Ok(c.input(0)?.shallow_clone())),
    ("LeakyRelu", leaky_relu),
    ("Log", |c| Ok(c.input(0)?.f_log()?)),
    ("LogSoftmax", |c| {
        Ok(c.input(0)?.f_log_softmax(softmax_axis(c)?, None::<Kind>)?)
    }),
    ("MatMul", |c| Ok(c.input(0)?.f_matmul(c.input(1)?)?)),
    ("Max", |c| extremum(c, Tensor::f_maximum)),
    ("MaxPool", max_pool),
    ("Min", |c| extremum(c, Tensor::f_minimum)),
    ("Mul", |c| Ok(c.input(0)?.f_mul(c.input(1)?)?)),
    ("Neg", |c| Ok(c.input(0)?.f_neg()?)),
    ("Pow", |c| Ok(c.input(0)?.f_pow(c.input(1)?)?)),
    ("Reciprocal", |c| Ok(c.input(0)?.f_reciprocal()?)),
    ("ReduceMax", reduce_max),
    ("ReduceMean", reduce_mean),
    ("ReduceMin", reduce_min),
    ("ReduceSum", reduce_sum),
    ("Relu", |c| Ok(c.input(0)?.f_relu()?)),
    ("Reshape", reshape),
    ("Sigmoid", |c| Ok(c.input(0)?.f_sigmoid()?)),
    ("Sin", |c| Ok(c.input(0)?.f_sin()?)),
    ("Sinh", |c| Ok(c.input(0)?.f_sinh()?)),
    ("Slice", slice),
    ("Softmax", |c| {
        Ok(c.input(0)?.f_softmax(softmax_axis(c)?, None::<Kind>)?)
    }),
    ("Sqrt", |c| Ok(c.input(0)?.f_sqrt()?)),
    ("Squeeze", squeeze),
    ("Sub", |c| Ok(c.input(0)?.f_sub(c.input(1)?)?)),
    ("Tan", |c| Ok(c.input(0)?.f_tan()?)),
    ("Tanh", |c| Ok(c.input(0)?.f_tanh()?)),
    ("Tile", |c| Ok(c.input(0)?.f_tile(c.ints(1)?)?)),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// The implementation of an operator of the standard domain.
pub(super) fn operator(op: &str) -> Option<Operator> {
    OPERATORS
        .iter()
        .find(|(known, _)| *known == op)
        .map(|(_, run)| *run)
}

/// The operators of the standard domain that libtorch executes, in the alphabet's order.
pub fn operator_names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

/// Whether libtorch executes this operator of the standard domain.
#[must_use]
pub fn has_operator(op: &str) -> bool {
    operator(op).is_some()
}

fn conv(call: &Call<'_>) -> Result<Tensor> {
    let (x, weight) = (call.input(0)?, call.input(1)?);
    let w = call.window(x, Some(weight))?;
    let (x, padding) = pad(x, &w, 0.0)?;
    let group = call.attributes().int("group", 1)?;
    Ok(x.f_conv2d(
        weight,
        call.optional(2),
        list(&w.strides),
        padding,
        list(&w.dilations),
        group,
    )?)
}

fn max_pool(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let w = call.window(x, None)?;
    let (x, padding) = pad(x, &w, f64::NEG_INFINITY)?;
    Ok(x.f_max_pool2d(
        list(&w.kernel),
        list(&w.strides),
        padding,
        list(&w.dilations),
        w.ceil,
    )?)
}

fn average_pool(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let w = call.window(x, None)?;
    if w.before != w.after || w.dilations.iter().any(|&d| d != 1) {
        bail!("unequal padding and dilation are not executed");
    }
    let with_padding = call.attributes().int("count_include_pad", 0)? != 0;
    let (kernel, strides, padding) = (list(&w.kernel), list(&w.strides), list(&w.before));
    Ok(x.f_avg_pool2d(kernel, strides, padding, w.ceil, with_padding, None)?)
}

/// Train mode updates the running statistics in place. ONNX's `momentum` is the share that stays, libtorch's the share
/// that is new.
///
/// libtorch 2.11 reads a cotangent in the wrong order on a CPU where it comes with the strides of tokens, of one image that was
/// flattened and transposed behind the normalization. Through a flat view it comes with its own.
fn batch_normalization(call: &Call<'_>) -> Result<Tensor> {
    let attributes = call.attributes();
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let momentum = 1.0 - f64::from(attributes.float("momentum", 0.9)?);
    let parameter = |index| call.input(index).map(Some);
    let x = call.input(0)?;
    let y = x.f_batch_norm(
        parameter(1)?,
        parameter(2)?,
        parameter(3)?,
        parameter(4)?,
        call.training,
        momentum,
        f64::from(epsilon),
        true,
    )?;
    Ok(y.f_flatten(0, -1)?.f_reshape(x.size())?)
}

fn dropout(call: &Call<'_>) -> Result<Tensor> {
    let ratio = match call.optional(1) {
        Some(ratio) => f64::try_from(ratio)?,
        None => f64::from(call.attributes().float("ratio", 0.5)?),
    };
    Ok(call.input(0)?.f_dropout(ratio, call.training)?)
}

fn gemm(call: &Call<'_>) -> Result<Tensor> {
    let attributes = call.attributes();
    let transposed = |x: &Tensor, name| -> Result<Tensor> {
        Ok(if attributes.int(name, 0)? == 0 {
            x.shallow_clone()
        } else {
            x.f_transpose(0, 1)?
        })
    };
    let (a, b) = (
        transposed(call.input(0)?, "transA")?,
        transposed(call.input(1)?, "transB")?,
    );
    let (alpha, beta) = (
        attributes.float("alpha", 1.0)?,
        attributes.float("beta", 1.0)?,
    );
    let mut product = a.f_matmul(&b)?;
    if alpha != 1.0 {
        product = product.f_mul_scalar(f64::from(alpha))?;
    }
    Ok(match call.optional(2) {
        Some(c) if beta == 1.0 => product.f_add(c)?,
        Some(c) => product.f_add(&c.f_mul_scalar(f64::from(beta))?)?,
        None => product,
    })
}

fn leaky_relu(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let small = x.f_mul_scalar(f64::from(call.attributes().float("alpha", 0.01)?))?;
    Ok(x.f_where_self(&x.f_gt(0.0)?, &small)?)
}

fn clip(call: &Call<'_>) -> Result<Tensor> {
    let attributes = call.attributes();
    let bound = |index, name| -> Result<Option<f64>> {
        match call.optional(index) {
            Some(bound) => Ok(Some(f64::try_from(bound)?)),
            None if attributes.has(name) => Ok(Some(f64::from(attributes.float(name, 0.0)?))),
            None => Ok(None),
        }
    };
    let mut x = call.input(0)?.shallow_clone();
    if let Some(low) = bound(1, "min")? {
        x = x.f_clamp_min(low)?;
    }
    match bound(2, "max")? {
        Some(high) => Ok(x.f_clamp_max(high)?),
        None => Ok(x),
    }
}

fn softmax_axis(call: &Call<'_>) -> Result<i64> {
    let rank = call.input(0)?.dim() as i64;
    let axis = call
        .attributes()
        .int("axis", if call.opset < 13 { 1 } else { -1 })?;
    let axis = if axis < 0 { axis + rank } else { axis };
    if call.opset < 13 && axis != rank - 1 {
        bail!("before operator set 13, only a softmax over the last axis is executed");
    }
    Ok(axis)
}

fn flatten(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let sizes = x.size();
    let axis = call.attributes().int("axis", 1)?;
    let axis = if axis < 0 {
        axis + sizes.len() as i64
    } else {
        axis
    };
    let axis = usize::try_from(axis)
        .ok()
        .filter(|&a| a <= sizes.len())
        .context("`axis` is outside the rank")?;
    let rows: i64 = sizes[..axis].iter().product();
    let columns: i64 = sizes[axis..].iter().product();
    Ok(x.f_reshape([rows, columns])?)
}

fn reshape(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let sizes = x.size();
    let mut shape = call.ints(1)?;
    if call.attributes().int("allowzero", 0)? == 0 {
        for (axis, size) in shape.iter_mut().enumerate().filter(|(_, size)| **size == 0) {
            *size = *sizes
                .get(axis)
                .context("a 0 in the shape copies an axis that the input lacks")?;
        }
    }
    Ok(x.f_reshape(shape)?)
}

fn squeeze(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    Ok(match call.axes()? {
        Some(axes) => x.f_squeeze_dims(axes)?,
        None => x.f_squeeze()?,
    })
}

fn unsqueeze(call: &Call<'_>) -> Result<Tensor> {
    let mut x = call.input(0)?.shallow_clone();
    let axes = call.axes()?.context("`axes` is missing")?;
    let rank = x.dim() as i64 + axes.len() as i64;
    let mut axes: Vec<i64> = axes
        .into_iter()
        .map(|a| if a < 0 { a + rank } else { a })
        .collect();
    axes.sort_unstable();
    for axis in axes {
        x = x.f_unsqueeze(axis)?;
    }
    Ok(x)
}

fn transpose(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let order = match call.attributes().ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..x.dim() as i64).rev().collect(),
    };
    Ok(x.f_permute(order)?)
}

fn concat(call: &Call<'_>) -> Result<Tensor> {
    let parts: Vec<&Tensor> = call.inputs.iter().flatten().collect();
    Ok(Tensor::f_cat(&parts, call.attributes().int("axis", 0)?)?)
}

/// The axes that a reduction runs over, `None` where it does nothing.
fn reduction_axes(call: &Call<'_>) -> Result<Option<Vec<i64>>> {
    match call.axes()?.filter(|axes| !axes.is_empty()) {
        Some(axes) => Ok(Some(axes)),
        None if call.attributes().int("noop_with_empty_axes", 0)? != 0 => Ok(None),
        None => Ok(Some((0..call.input(0)?.dim() as i64).collect())),
    }
}

fn reduce_mean(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let keep = call.attributes().int("keepdims", 1)? != 0;
    Ok(match reduction_axes(call)? {
        Some(axes) => x.f_mean_dim(axes, keep, None::<Kind>)?,
        None => x.shallow_clone(),
    })
}

fn reduce_sum(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let keep = call.attributes().int("keepdims", 1)? != 0;
    Ok(match reduction_axes(call)? {
        Some(axes) => x.f_sum_dim_intlist(axes, keep, None::<Kind>)?,
        None => x.shallow_clone(),
    })
}

fn reduce_max(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let keep = call.attributes().int("keepdims", 1)? != 0;
    Ok(match reduction_axes(call)? {
        Some(axes) => x.f_amax(axes, keep)?,
        None => x.shallow_clone(),
    })
}

fn reduce_min(call: &Call<'_>) -> Result<Tensor> {
    let x = call.input(0)?;
    let keep = call.attributes().int("keepdims", 1)? != 0;
    Ok(match reduction_axes(call)? {
        Some(axes) => x.f_amin(axes, keep)?,
        None => x.shallow_clone(),
    })
}

/// The largest or smallest of any number of inputs.
fn extremum(
    call: &Call<'_>,
    of_two: fn(&Tensor, &Tensor) -> Result<Tensor, tch::TchError>,
) -> Result<Tensor> {
    let mut most = call.input(0)?.shallow_clone();
    for index in 1..call.inputs.len() {
        most = of_two(&most, call.input(index)?)?;
    }
    Ok(most)
}

fn cum_sum(call: &Call<'_>) -> Result<Tensor> {
    let attributes = call.attributes();
    if attributes.int("exclusive", 0)? != 0 || attributes.int("reverse", 0)? != 0 {
        bail!("exclusive and reversed sums are not executed");
    }
    let axis = call.ints(1)?.first().copied().context("`axis` is empty")?;
    Ok(call.input(0)?.f_cumsum(axis, None::<Kind>)?)
}

fn einsum(call: &Call<'_>) -> Result<Tensor> {
    let operands: Vec<&Tensor> = call.inputs.iter().flatten().collect();
    let equation = call.attributes().string("equation", "")?;
    Ok(Tensor::f_einsum(equation, &operands, None::<i64>)?)
}

fn gather(call: &Call<'_>) -> Result<Tensor> {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    let axis = call.attributes().int("axis", 0)?;
    let sizes = x.size();
    let at = if axis < 0 {
        axis + sizes.len() as i64
    } else {
        axis
    };
    let at = usize::try_from(at).ok().filter(|&at| at < sizes.len());
    let at = at.context("`axis` is outside the rank")?;
    let flat = indices
        .f_to_kind(Kind::Int64)?
        .f_flatten(0, -1)?
        .f_remainder(sizes[at])?;
    let picked = x.f_index_select(at as i64, &flat)?;
    let shape = [&sizes[..at], &indices.size(), &sizes[at + 1..]].concat();
    Ok(picked.f_reshape(shape)?)
}

fn slice(call: &Call<'_>) -> Result<Tensor> {
    let (starts, ends) = (call.ints(1)?, call.ints(2)?);
    let axes = match call.optional(3) {
        Some(_) => call.ints(3)?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match call.optional(4) {
        Some(_) => call.ints(4)?,
        None => vec![1; starts.len()],
    };
    let mut x = call.input(0)?.shallow_clone();
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        if step < 1 {
            bail!("slices that run backwards are not executed");
        }
        x = x.f_slice(axis, start, end, step)?;
    }
    Ok(x)
}

fn constant(call: &Call<'_>) -> Result<Tensor> {
    let attributes = call.attributes();
    if let Some(tensor) = attributes.tensor("value")? {
        return super::parameters::load_one(tensor, call.kind);
    }
    if let Some(values) = attributes.ints("value_ints")? {
        return Ok(Tensor::f_from_slice(values)?);
    }
    if attributes.has("value_int") {
        return Ok(Tensor::from(attributes.int("value_int", 0)?));
    }
    if attributes.has("value_float") {
        return Ok(Tensor::from(attributes.float("value_float", 0.0)?).f_to_kind(call.kind)?);
    }
    bail!("it holds none of value, value_int, value_ints, value_float")
}
