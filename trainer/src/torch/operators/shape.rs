//! Other shapes for the same elements.

use anyhow::{Context, Result};

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("DepthToSpace", depth_to_space),
    ("Flatten", shaped),
    ("Reshape", shaped),
    ("SpaceToDepth", space_to_depth),
    ("Squeeze", shaped),
    ("Transpose", transpose),
    ("Unsqueeze", shaped),
];

/// The same elements in the shape that inference has found for the output.
fn shaped(site: &Site<'_>) -> Result<Kernel> {
    let shape = site.made()?;
    one(move |inputs| Ok(inputs.at(0)?.f_reshape(&shape)?))
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
