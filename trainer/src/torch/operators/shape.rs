//! Other shapes for the same elements.

use anyhow::{Context, Result};

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("DepthToSpace", depth_to_space),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("SpaceToDepth", space_to_depth),
    ("Squeeze", squeeze),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// A kernel that gives its input a shape which is known.
fn shaped(shape: Vec<i64>) -> Result<Kernel> {
    one(move |inputs| Ok(inputs.at(0)?.f_reshape(&shape)?))
}

fn flatten(site: &Site<'_>) -> Result<Kernel> {
    let sizes = site.sizes(0)?;
    let axis = site.attributes().int("axis", 1)?;
    let axis = if axis < 0 {
        axis + sizes.len() as i64
    } else {
        axis
    };
    let axis = usize::try_from(axis)
        .ok()
        .filter(|&axis| axis <= sizes.len())
        .context("`axis` is outside the rank")?;
    shaped(vec![
        sizes[..axis].iter().product(),
        sizes[axis..].iter().product(),
    ])
}

fn reshape(site: &Site<'_>) -> Result<Kernel> {
    let mut shape = site.ints(1)?;
    if site.attributes().int("allowzero", 0)? == 0 && shape.contains(&0) {
        let sizes = site.sizes(0)?;
        for (axis, size) in shape.iter_mut().enumerate().filter(|(_, size)| **size == 0) {
            *size = *sizes
                .get(axis)
                .context("a 0 in the shape copies an axis that the input lacks")?;
        }
    }
    shaped(shape)
}

fn squeeze(site: &Site<'_>) -> Result<Kernel> {
    let axes = site.axes()?;
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match &axes {
            Some(axes) => x.f_squeeze_dims(&axes[..])?,
            None => x.f_squeeze()?,
        })
    })
}

fn unsqueeze(site: &Site<'_>) -> Result<Kernel> {
    let axes = site.axes()?.context("`axes` is missing")?;
    let mut shape = site.sizes(0)?;
    let rank = shape.len() + axes.len();
    let mut axes = axes
        .iter()
        .map(|&axis| site.axis(axis, rank))
        .collect::<Result<Vec<i64>>>()?;
    axes.sort_unstable();
    for axis in axes {
        shape.insert(axis as usize, 1);
    }
    shaped(shape)
}

fn transpose(site: &Site<'_>) -> Result<Kernel> {
    let order = match site.attributes().ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..site.sizes(0)?.len() as i64).rev().collect(),
    };
    one(move |inputs| Ok(inputs.at(0)?.f_permute(&order)?))
}

/// The sizes of an image, and its side in blocks.
fn image(site: &Site<'_>) -> Result<([i64; 4], i64)> {
    let sizes: [i64; 4] = site
        .sizes(0)?
        .try_into()
        .ok()
        .context("its input is no image")?;
    let block = site.attributes().int("blocksize", 1)?.max(1);
    Ok((sizes, block))
}

fn depth_to_space(site: &Site<'_>) -> Result<Kernel> {
    let ([n, c, h, w], b) = image(site)?;
    let own = c / (b * b);
    let (apart, order) = match site.attributes().string("mode", "DCR")? {
        "DCR" => ([n, b, b, own, h, w], [0, 3, 4, 1, 5, 2]),
        _ => ([n, own, b, b, h, w], [0, 1, 4, 2, 5, 3]),
    };
    one(move |inputs| {
        let apart = inputs.at(0)?.f_reshape(apart)?.f_permute(order)?;
        Ok(apart.f_reshape([n, own, h * b, w * b])?)
    })
}

fn space_to_depth(site: &Site<'_>) -> Result<Kernel> {
    let ([n, c, h, w], b) = image(site)?;
    one(move |inputs| {
        let apart = inputs.at(0)?.f_reshape([n, c, h / b, b, w / b, b])?;
        let blocks = apart.f_permute([0, 3, 5, 1, 2, 4])?;
        Ok(blocks.f_reshape([n, c * b * b, h / b, w / b])?)
    })
}
