//! Pooling.

use anyhow::{Result, bail};
use tch::{Kind, Tensor};

use super::super::site::{Kernel, Site, list, one};
use super::Operator;
use super::convolution::{padded, padding};
use pellucid_shared::onnx::Window;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("AveragePool", average_pool),
    ("GlobalAveragePool", global_average_pool),
    ("GlobalMaxPool", global_max_pool),
    ("MaxPool", max_pool),
];

/// As [`padding`], with more than half a window, which libtorch's pooling does not pad by, done before too.
fn own_padding(window: &Window) -> (Option<Vec<i64>>, Vec<i64>) {
    let mut pairs = window.before.iter().zip(&window.kernel);
    let wide = pairs.any(|(&before, &kernel)| 2 * before > kernel);
    if !wide || window.ceil || window.before != window.after {
        return padding(window);
    }
    let sides = window
        .before
        .iter()
        .rev()
        .flat_map(|&side| [side as i64; 2]);
    (Some(sides.collect()), vec![0; window.before.len()])
}

fn max_pool(site: &Site<'_>) -> Result<Kernel> {
    if site.node.output.iter().skip(1).any(|name| !name.is_empty()) {
        bail!("the indices of a maximum are not computed");
    }
    let window = site.window(None)?;
    let (sides, padding) = own_padding(&window);
    let (kernel, strides) = (list(&window.kernel), list(&window.strides));
    let (dilations, ceil) = (list(&window.dilations), window.ceil);
    one(move |inputs| {
        let x = padded(inputs.at(0)?, sides.as_deref(), f64::NEG_INFINITY)?;
        Ok(match kernel.len() {
            1 => x.f_max_pool1d(&kernel, &strides, &padding, &dilations, ceil)?,
            2 => x.f_max_pool2d(&kernel, &strides, &padding, &dilations, ceil)?,
            3 => x.f_max_pool3d(&kernel, &strides, &padding, &dilations, ceil)?,
            axes => bail!("a window over {axes} axes is not executed"),
        })
    })
}

/// Where the padding differs between the sides, sums are divided by how many elements of the image a window holds, which are counted once.
fn average_pool(site: &Site<'_>) -> Result<Kernel> {
    let window = site.window(None)?;
    if window.dilations.iter().any(|&dilation| dilation != 1) {
        bail!("an average over a window with gaps is not executed");
    }
    let with_padding = site.attributes().int("count_include_pad", 0)? != 0;
    let (sides, padding) = own_padding(&window);
    let (kernel, strides, ceil) = (list(&window.kernel), list(&window.strides), window.ceil);
    let pool = move |x: &Tensor, padding: &[i64], counted: bool| -> Result<Tensor> {
        Ok(match kernel.len() {
            1 => x.f_avg_pool1d(&kernel, &strides, padding, ceil, counted)?,
            2 => x.f_avg_pool2d(&kernel, &strides, padding, ceil, counted, None)?,
            3 => x.f_avg_pool3d(&kernel, &strides, padding, ceil, counted, None)?,
            axes => bail!("a window over {axes} axes is not executed"),
        })
    };
    let share = match &sides {
        Some(sides) if !with_padding => {
            let mut shape = site.sizes(0)?;
            shape[..2].fill(1);
            let inside = Tensor::f_ones(&shape, (site.kind, site.device))?;
            Some(pool(&padded(&inside, Some(sides), 0.0)?, &padding, true)?)
        }
        _ => None,
    };
    one(move |inputs| {
        let x = padded(inputs.at(0)?, sides.as_deref(), 0.0)?;
        Ok(match &share {
            Some(share) => pool(&x, &padding, true)?.f_div(share)?,
            None => pool(&x, &padding, with_padding)?,
        })
    })
}

fn spatial(site: &Site<'_>) -> Result<Vec<i64>> {
    Ok((2..site.sizes(0)?.len() as i64).collect())
}

fn global_average_pool(site: &Site<'_>) -> Result<Kernel> {
    let axes = spatial(site)?;
    one(move |inputs| Ok(inputs.at(0)?.f_mean_dim(&axes[..], true, None::<Kind>)?))
}

/// The first of several equal maxima alone has a gradient.
fn global_max_pool(site: &Site<'_>) -> Result<Kernel> {
    let axes = spatial(site)?;
    let planes = axes.len();
    one(move |inputs| {
        let x = inputs.at(0)?;
        let mut shape = x.size();
        shape[2..].fill(1);
        let flat = x.f_flatten(2, 1 + planes as i64)?;
        Ok(flat.f_max_dim(2, true)?.0.f_reshape(&shape)?)
    })
}
