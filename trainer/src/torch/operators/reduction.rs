//! Reductions, running sums and orders.

use anyhow::{Context, Result, bail};
use pellucid_shared::onnx::reduced_axes;
use tch::{Kind, TchError, Tensor};

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ArgMax", |site| position(site, true)),
    ("ArgMin", |site| position(site, false)),
    ("CumSum", cum_sum),
    ("ReduceL1", |site| {
        reduce(site, |x, axes, keep| sum(&x.f_abs()?, axes, keep))
    }),
    ("ReduceL2", |site| {
        reduce(site, |x, axes, keep| x.f_norm_scalaropt_dim(2, axes, keep))
    }),
    ("ReduceLogSum", |site| {
        reduce(site, |x, axes, keep| sum(x, axes, keep)?.f_log())
    }),
    ("ReduceLogSumExp", |site| {
        reduce(site, |x, axes, keep| x.f_logsumexp(axes, keep))
    }),
    ("ReduceMax", |site| {
        reduce(site, |x, axes, keep| x.f_amax(axes, keep))
    }),
    ("ReduceMean", |site| {
        reduce(site, |x, axes, keep| x.f_mean_dim(axes, keep, None::<Kind>))
    }),
    ("ReduceMin", |site| {
        reduce(site, |x, axes, keep| x.f_amin(axes, keep))
    }),
    ("ReduceProd", |site| reduce(site, product)),
    ("ReduceSum", |site| reduce(site, sum)),
    ("ReduceSumSquare", |site| {
        reduce(site, |x, axes, keep| sum(&x.f_square()?, axes, keep))
    }),
    ("TopK", top_k),
];

/// Reduces over axes, counted from the front and in order; keeps them with size 1 where the last argument says so.
type Reduction = fn(&Tensor, &[i64], bool) -> Result<Tensor, TchError>;

fn sum(x: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    x.f_sum_dim_intlist(axes, keep, None::<Kind>)
}

fn product(x: &Tensor, axes: &[i64], keep: bool) -> Result<Tensor, TchError> {
    let mut y = x.shallow_clone();
    for &axis in axes.iter().rev() {
        y = y.f_prod_dim_int(axis, keep, None::<Kind>)?;
    }
    Ok(y)
}

fn reduce(site: &Site<'_>, run: Reduction) -> Result<Kernel> {
    let rank = site.sizes(0)?.len();
    let keep = site.attributes().int("keepdims", 1)? != 0;
    let axes = reduced_axes(site.node, site.shapes, rank)?;
    let axes = axes.context("its axes are computed from the values of the image")?;
    let mut axes: Vec<i64> = axes.into_iter().map(|axis| axis as i64).collect();
    axes.sort_unstable();
    // Over no axis each element stands for itself.
    let single = axes.is_empty();
    one(move |inputs| {
        let x = inputs.at(0)?;
        if !single {
            return Ok(run(x, &axes, keep)?);
        }
        let last = x.dim() as i64;
        Ok(run(&x.f_unsqueeze(last)?, &[last], false)?)
    })
}

fn position(site: &Site<'_>, largest: bool) -> Result<Kernel> {
    let attributes = site.attributes();
    if attributes.int("select_last_index", 0)? != 0 {
        bail!("the last of several equal extrema is not looked for");
    }
    let axis = site.axis_of(0)?;
    let keep = attributes.int("keepdims", 1)? != 0;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match largest {
            true => x.f_argmax(axis, keep)?,
            false => x.f_argmin(axis, keep)?,
        })
    })
}

fn cum_sum(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let exclusive = attributes.int("exclusive", 0)? != 0;
    let reverse = attributes.int("reverse", 0)? != 0;
    let axis = site.ints(1)?.first().copied().context("`axis` is empty")?;
    let axis = site.axis(axis, site.sizes(0)?.len())?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        let turned = |x: &Tensor| match reverse {
            true => x.f_flip([axis]),
            false => Ok(x.shallow_clone()),
        };
        let mut sums = turned(&turned(x)?.f_cumsum(axis, None::<Kind>)?)?;
        if exclusive {
            sums = sums.f_sub(x)?;
        }
        Ok(sums)
    })
}

fn top_k(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let axis = site.axis_of(-1)?;
    let (largest, sorted) = (
        attributes.int("largest", 1)? != 0,
        attributes.int("sorted", 1)? != 0,
    );
    let k = site.ints(1)?.first().copied().context("`K` is empty")?;
    Ok(Box::new(move |inputs| {
        let (values, indices) = inputs.at(0)?.f_topk(k, axis, largest, sorted)?;
        Ok(vec![values, indices])
    }))
}
