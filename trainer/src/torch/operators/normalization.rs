//! Normalizations and softmax.

use anyhow::{Result, bail};
use tch::{Kind, Tensor};

use super::super::site::{Inputs, Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("BatchNormalization", batch_normalization),
    ("GroupNormalization", group_normalization),
    ("InstanceNormalization", instance_normalization),
    ("LRN", lrn),
    ("LayerNormalization", layer_normalization),
    ("LogSoftmax", |site| softmax(site, true)),
    ("LpNormalization", lp_normalization),
    ("MeanVarianceNormalization", mean_variance_normalization),
    ("RMSNormalization", rms_normalization),
    ("Softmax", |site| softmax(site, false)),
];

fn epsilon(site: &Site<'_>) -> Result<f64> {
    Ok(f64::from(site.attributes().float("epsilon", 1e-5)?))
}

/// Train mode updates the running statistics in place. ONNX's `momentum` is the share that stays, libtorch's the share
/// that is new.
///
/// Of weights, which some networks standardise so, the statistics are always their own.
///
/// libtorch 2.11 reads a cotangent in the wrong order on a CPU where it comes with the strides of tokens, of one image that was
/// flattened and transposed behind the normalization. Through a flat view it comes with its own ([`in_own_order`]).
fn batch_normalization(site: &Site<'_>) -> Result<Kernel> {
    let epsilon = epsilon(site)?;
    let momentum = 1.0 - f64::from(site.attributes().float("momentum", 0.9)?);
    if !site.of_the_image {
        let own = site.attributes().int("training_mode", 0)? != 0;
        return one(move |inputs| standardised(inputs, own, epsilon));
    }
    one(move |inputs| {
        let parameter = |index| inputs.at(index).map(Some);
        let x = inputs.at(0)?;
        let y = x.f_batch_norm(
            parameter(1)?,
            parameter(2)?,
            parameter(3)?,
            parameter(4)?,
            inputs.training,
            momentum,
            epsilon,
            true,
        )?;
        in_own_order(&y)
    })
}

/// `y`, whose cotangent comes in the order in which its own numbers lie.
fn in_own_order(y: &Tensor) -> Result<Tensor> {
    if y.is_contiguous() || y.dim() != 4 {
        return Ok(y.f_flatten(0, -1)?.f_reshape(y.size())?);
    }
    let last = y.f_permute([0, 2, 3, 1])?;
    let view = last.f_flatten(0, -1)?.f_reshape(last.size())?;
    Ok(view.f_permute([0, 3, 1, 2])?)
}

/// A weight by its own statistics, or by those that the graph computes of it and hands in, through which the gradient flows too.
fn standardised(inputs: &Inputs, own: bool, epsilon: f64) -> Result<Tensor> {
    let (x, scale, bias) = (inputs.at(0)?, inputs.at(1)?, inputs.at(2)?);
    if own {
        let none = None::<&Tensor>;
        return Ok(x.f_batch_norm(
            Some(scale),
            Some(bias),
            none,
            none,
            true,
            0.0,
            epsilon,
            true,
        )?);
    }
    let slope = scale.f_div(&inputs.at(4)?.f_add_scalar(epsilon)?.f_sqrt()?)?;
    let shift = bias.f_sub(&inputs.at(3)?.f_mul(&slope)?)?;
    by_channel(x, &slope, Some(&shift))
}

/// `x` times the scale and plus the bias of each channel.
fn by_channel(x: &Tensor, scale: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut shape = vec![1; x.dim()];
    shape[1] = -1;
    let y = x.f_mul(&scale.f_reshape(&shape)?)?;
    Ok(match bias {
        Some(bias) => y.f_add(&bias.f_reshape(&shape)?)?,
        None => y,
    })
}

/// Scale and bias are one number a group before operator set 21, a channel from then on.
fn group_normalization(site: &Site<'_>) -> Result<Kernel> {
    let epsilon = epsilon(site)?;
    let groups = site.attributes().int("num_groups", 1)?;
    let channels = site.sizes(0)?[1];
    let each = match site.opset < 21 && groups > 0 {
        true => channels / groups,
        false => 1,
    };
    one(move |inputs| {
        let y = inputs
            .at(0)?
            .f_group_norm(groups, None::<&Tensor>, None, epsilon, true)?;
        let parameter = |index| -> Result<Tensor> {
            Ok(inputs
                .at(index)?
                .f_repeat_interleave_self_int(each, 0, None)?)
        };
        by_channel(&y, &parameter(1)?, Some(&parameter(2)?))
    })
}

fn instance_normalization(site: &Site<'_>) -> Result<Kernel> {
    let epsilon = epsilon(site)?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        let (scale, bias) = (inputs.at(1)?, inputs.at(2)?);
        let none = None::<&Tensor>;
        Ok(x.f_instance_norm(
            Some(scale),
            Some(bias),
            none,
            none,
            true,
            0.0,
            epsilon,
            true,
        )?)
    })
}

/// With the mean and the inverse deviation where they are asked for.
fn layer_normalization(site: &Site<'_>) -> Result<Kernel> {
    let statistics = site.node.output.iter().skip(1).any(|name| !name.is_empty());
    let epsilon = epsilon(site)?;
    let sizes = site.sizes(0)?;
    let axis = site.axis_of(-1)? as usize;
    let own = sizes[axis..].to_vec();
    let fits = site.sizes(1)? == own && (!site.has(2) || site.sizes(2)? == own);
    Ok(Box::new(move |inputs| {
        let (x, scale, bias) = (inputs.at(0)?, inputs.at(1)?, inputs.get(2));
        if fits && !statistics {
            return Ok(vec![x.f_layer_norm(
                &own,
                Some(scale),
                bias,
                epsilon,
                true,
            )?]);
        }
        let (y, mean, inverse) = x.f_native_layer_norm(&own, None::<&Tensor>, None, epsilon)?;
        let y = y.f_mul(scale)?;
        let y = match bias {
            Some(bias) => y.f_add(bias)?,
            None => y,
        };
        Ok(vec![y, mean, inverse])
    }))
}

fn rms_normalization(site: &Site<'_>) -> Result<Kernel> {
    let epsilon = epsilon(site)?;
    let axes: Vec<i64> = (site.axis_of(-1)?..site.sizes(0)?.len() as i64).collect();
    one(move |inputs| {
        let x = inputs.at(0)?;
        let mean = x.f_square()?.f_mean_dim(&axes[..], true, None::<Kind>)?;
        let y = x.f_mul(&mean.f_add_scalar(epsilon)?.f_rsqrt()?)?;
        Ok(y.f_mul(inputs.at(1)?)?)
    })
}

fn mean_variance_normalization(site: &Site<'_>) -> Result<Kernel> {
    let axes = site.attributes().ints("axes")?;
    let axes = axes.map_or(vec![0, 2, 3], <[i64]>::to_vec);
    one(move |inputs| {
        let x = inputs.at(0)?;
        let mean = |x: &Tensor| x.f_mean_dim(&axes[..], true, None::<Kind>);
        let centred = x.f_sub(&mean(x)?)?;
        let variance = mean(&x.f_square()?)?.f_sub(&mean(x)?.f_square()?)?;
        Ok(centred.f_div(&variance.f_sqrt()?.f_add_scalar(1e-9)?)?)
    })
}

fn lp_normalization(site: &Site<'_>) -> Result<Kernel> {
    let p = site.attributes().int("p", 2)?;
    let axis = site.axis_of(-1)?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(x.f_div(&x.f_norm_scalaropt_dim(p, [axis], true)?)?)
    })
}

/// Sums of squares over neighbouring channels are averages over a window of channels.
fn lrn(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let size = attributes.int("size", 1)?;
    let alpha = f64::from(attributes.float("alpha", 1e-4)?);
    let beta = f64::from(attributes.float("beta", 0.75)?);
    let bias = f64::from(attributes.float("bias", 1.0)?);
    if site.sizes(0)?.len() != 4 || size < 1 {
        bail!("a local response normalization of other than images is not executed");
    }
    one(move |inputs| {
        let x = inputs.at(0)?;
        let sides = [0, 0, 0, 0, (size - 1) / 2, size / 2];
        let square = x
            .f_square()?
            .f_unsqueeze(1)?
            .f_pad(sides, "constant", 0.0)?;
        let mean = square
            .f_avg_pool3d([size, 1, 1], [1, 1, 1], [0, 0, 0], false, true, None)?
            .f_squeeze_dim(1)?;
        let divisor = mean.f_mul_scalar(alpha)?.f_add_scalar(bias)?;
        Ok(x.f_div(&divisor.f_pow_tensor_scalar(beta)?)?)
    })
}

fn softmax(site: &Site<'_>, logarithm: bool) -> Result<Kernel> {
    let rank = site.sizes(0)?.len();
    let axis = site.axis_of(if site.opset < 13 { 1 } else { -1 })?;
    if site.opset < 13 && axis != rank as i64 - 1 {
        bail!("before operator set 13, only a softmax over the last axis is executed");
    }
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match logarithm {
            true => x.f_log_softmax(axis, None::<Kind>)?,
            false => x.f_softmax(axis, None::<Kind>)?,
        })
    })
}
