//! Convolutions, over one to three spatial axes.

use anyhow::{Result, bail};
use pellucid_shared::onnx::Window;
use tch::Tensor;

use super::super::site::{Kernel, Site, list, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Col2Im", col2im),
    ("Conv", conv),
    ("ConvTranspose", conv_transpose),
];

/// The padding that libtorch cannot do within an operator, by axis from the last one, and the padding that is left to it: where the
/// sides differ, all of it is done before.
pub(super) fn padding(window: &Window) -> (Option<Vec<i64>>, Vec<i64>) {
    if window.before == window.after {
        return (None, list(&window.before));
    }
    let sides = window.before.iter().zip(&window.after).rev();
    let sides = sides.flat_map(|(&before, &after)| [before as i64, after as i64]);
    (Some(sides.collect()), vec![0; window.before.len()])
}

/// `x` with those sides padded with a value.
pub(super) fn padded(x: &Tensor, sides: Option<&[i64]>, value: f64) -> Result<Tensor> {
    Ok(match sides {
        Some(sides) => x.f_pad(sides, "constant", value)?,
        None => x.shallow_clone(),
    })
}

fn conv(site: &Site<'_>) -> Result<Kernel> {
    let window = site.window(Some(&site.sizes(1)?))?;
    let (sides, padding) = padding(&window);
    let (strides, dilations) = (list(&window.strides), list(&window.dilations));
    let group = site.attributes().int("group", 1)?;
    let none = vec![0; strides.len()];
    one(move |inputs| {
        let x = padded(inputs.at(0)?, sides.as_deref(), 0.0)?;
        let (weight, bias) = (inputs.at(1)?, inputs.get(2));
        Ok(x.f_convolution(
            weight, bias, &strides, &padding, &dilations, false, &none, group,
        )?)
    })
}

/// Computed without padding, whose rows and columns are then cut off: libtorch's padding is the same on both sides.
fn conv_transpose(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    if attributes.has("output_shape") || attributes.string("auto_pad", "NOTSET")? != "NOTSET" {
        bail!("a transposed convolution that chooses its padding itself is not executed");
    }
    let window = site.window(Some(&site.sizes(1)?))?;
    let (strides, dilations) = (list(&window.strides), list(&window.dilations));
    let axes = strides.len();
    let more = attributes.ints("output_padding")?;
    let more = more.map_or(vec![0; axes], <[i64]>::to_vec);
    let group = attributes.int("group", 1)?;
    let cut: Vec<[i64; 2]> = (window.before.iter().zip(&window.after))
        .map(|(&before, &after)| [before as i64, after as i64])
        .collect();
    let none = vec![0; axes];
    one(move |inputs| {
        let (weight, bias) = (inputs.at(1)?, inputs.get(2));
        let x = inputs.at(0)?;
        let mut y = x.f_convolution(
            weight, bias, &strides, &none, &dilations, true, &none, group,
        )?;
        for (axis, [before, after]) in cut.iter().enumerate() {
            let full = y.size()[axis + 2];
            let length = full + more[axis] - before - after;
            // `output_padding` adds places that no window reaches.
            if before + length > full {
                y = widened(&y, axis + 2, before + length - full, bias)?;
            }
            y = y.f_narrow(axis as i64 + 2, *before, length)?;
        }
        Ok(y)
    })
}

/// `y` with so many more places at the end of an axis, which hold the bias.
fn widened(y: &Tensor, axis: usize, more: i64, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut sizes = y.size();
    sizes[axis] = more;
    let mut end = Tensor::f_zeros(&sizes, (y.kind(), y.device()))?;
    if let Some(bias) = bias {
        let mut shape = vec![1; sizes.len()];
        shape[1] = -1;
        end = end.f_add(&bias.f_reshape(&shape)?)?;
    }
    Ok(Tensor::f_cat(&[y, &end], axis as i64)?)
}

fn col2im(site: &Site<'_>) -> Result<Kernel> {
    let (image, block) = (site.ints(1)?, site.ints(2)?);
    let attributes = site.attributes();
    let read = |name: &str, default: i64, count: usize| -> Result<Vec<i64>> {
        Ok(attributes
            .ints(name)?
            .map_or(vec![default; count], <[i64]>::to_vec))
    };
    let axes = image.len();
    let pads = read("pads", 0, 2 * axes)?;
    if axes != 2 || pads.len() != 4 || pads[..2] != pads[2..] {
        bail!("only images with the same padding on both sides are executed");
    }
    let (strides, dilations) = (read("strides", 1, axes)?, read("dilations", 1, axes)?);
    let pads = pads[..2].to_vec();
    one(move |inputs| {
        Ok(inputs
            .at(0)?
            .f_col2im(&image, &block, &dilations, &pads, &strides)?)
    })
}
