//! Operators that sample images anew.

use super::site::{Inferred, Rule, Site, of_rank, one, unknown};
use super::{Dim, Entry, OnnxError};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("AffineGrid", affine_grid),
    ("GridSample", grid_sample),
    ("Resize", resize),
    ("RoiAlign", roi_align),
    ("Upsample", resize),
];

/// Sizes or scales, for all axes or (from operator set 18 on) for those that `axes` names.
fn resize(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let axes = match site.attributes().ints("axes")? {
        Some(axes) => site.axes(axes, input.len())?,
        None => (0..input.len()).collect(),
    };
    if site.opset >= 11 && site.has(3) {
        return sized(site, input, &axes);
    }
    let mode = site
        .attributes()
        .string("coordinate_transformation_mode", "")?;
    let Some(scales) = scales(site)?.filter(|_| mode != "tf_crop_and_resize") else {
        return Ok(vec![of_rank(input.len())]);
    };
    if scales.len() != axes.len() {
        return Err(site.error(format!(
            "it has {} scales for {} axes",
            scales.len(),
            axes.len()
        )));
    }
    let mut shape = input.clone();
    for (&axis, scale) in axes.iter().zip(scales) {
        if !scale.is_finite() || scale <= 0.0 {
            return Err(site.error(format!("its scale {scale} is not a positive number")));
        }
        shape[axis] = scaled(&input[axis], scale);
        if input[axis].known().is_some() && shape[axis] == Dim::Unknown {
            return Err(site.error(format!("its scale {scale} makes an axis beyond all bounds")));
        }
    }
    one(shape)
}

/// `floor(size * scale)` in single precision, as runtimes compute it.
fn scaled(dim: &Dim, scale: f32) -> Dim {
    match dim {
        Dim::Known(size) => {
            let scaled = (*size as f32 * scale).floor();
            // Beyond this, floats skip integers.
            if scaled < 16_777_216.0 {
                Dim::Known(scaled as usize)
            } else {
                Dim::Unknown
            }
        }
        open if scale.fract() == 0.0 && scale < 65_536.0 => open.times(&Dim::Known(scale as usize)),
        _ => Dim::Unknown,
    }
}

fn scales(site: &Site<'_>) -> Result<Option<Vec<f32>>, OnnxError> {
    let index = if site.opset >= 11 && site.node.op_type == "Resize" {
        2
    } else {
        1
    };
    Ok(match site.attributes().floats("scales")? {
        Some(scales) if scales.len() <= super::MOST_AXES => Some(scales.to_vec()),
        _ => site.floats(index),
    })
}

fn sized(site: &Site<'_>, input: &[Dim], axes: &[usize]) -> Inferred {
    let mut shape = input.to_vec();
    let policy = site
        .attributes()
        .string("keep_aspect_ratio_policy", "stretch")?;
    let Some(sizes) = site.entries(3).filter(|_| policy == "stretch") else {
        for &axis in axes {
            shape[axis] = Dim::Unknown;
        }
        return one(shape);
    };
    if sizes.len() != axes.len() {
        return Err(site.error(format!(
            "it has {} sizes for {} axes",
            sizes.len(),
            axes.len()
        )));
    }
    for (&axis, size) in axes.iter().zip(&sizes) {
        shape[axis] = size.dim();
    }
    one(shape)
}

/// Batch and channels of the image, spatial axes of the grid.
fn grid_sample(site: &Site<'_>) -> Inferred {
    let (Some([batch, channels, ..]), Some([_, spatial @ .., _])) =
        (site.shape(0).map(|s| &s[..]), site.shape(1).map(|s| &s[..]))
    else {
        return unknown();
    };
    one([&[batch.clone(), channels.clone()][..], spatial].concat())
}

/// `[N, H, W, 2]` for a size `[N, C, H, W]`; likewise with depth.
fn affine_grid(site: &Site<'_>) -> Inferred {
    let Some(size) = site.entries(1) else {
        return unknown();
    };
    let [batch, _, spatial @ ..] = &size[..] else {
        return site.unfit();
    };
    let mut shape = vec![batch.dim()];
    shape.extend(spatial.iter().map(Entry::dim));
    shape.push(Dim::Known(spatial.len()));
    one(shape)
}

fn roi_align(site: &Site<'_>) -> Inferred {
    let (Some([_, channels, ..]), Some([regions, ..])) =
        (site.shape(0).map(|s| &s[..]), site.shape(1).map(|s| &s[..]))
    else {
        return unknown();
    };
    let size = |name| Ok::<_, OnnxError>(Entry::Known(site.attributes().int(name, 1)?).dim());
    one(vec![
        regions.clone(),
        channels.clone(),
        size("output_height")?,
        size("output_width")?,
    ])
}
