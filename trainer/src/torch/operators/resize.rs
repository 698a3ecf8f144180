//! Resizing of images, where libtorch has the same way of it.

use anyhow::{Context, Result, bail, ensure};

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Resize", resize)];

/// How libtorch interpolates.
#[derive(Clone, Copy)]
enum Way {
    Nearest,
    Linear { align_corners: bool },
    Cubic { align_corners: bool },
}

fn resize(site: &Site<'_>) -> Result<Kernel> {
    let sizes = site.sizes(0)?;
    ensure!(sizes.len() == 4, "only images are resized");
    let attributes = site.attributes();
    let axes = match attributes.ints("axes")? {
        Some(axes) => axes
            .iter()
            .map(|&axis| site.axis(axis, 4))
            .collect::<Result<Vec<_>>>()?,
        None => vec![0, 1, 2, 3],
    };
    let mut wanted = sizes.clone();
    if site.has(3) {
        ensure!(
            attributes.string("keep_aspect_ratio_policy", "stretch")? == "stretch",
            "a resize that keeps the aspect ratio is not executed"
        );
        for (&axis, size) in axes.iter().zip(site.ints(3)?) {
            wanted[axis as usize] = size;
        }
    } else {
        let scales = site
            .floats(2)
            .context("its scales are not known before the graph runs")?;
        for (&axis, scale) in axes.iter().zip(scales) {
            let size = &mut wanted[axis as usize];
            *size = (*size as f64 * f64::from(scale)).floor() as i64;
        }
    }
    ensure!(
        wanted[..2] == sizes[..2],
        "only height and width are resized"
    );
    let way = way(site, &sizes, &wanted)?;
    let size = [wanted[2], wanted[3]];
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match way {
            Way::Nearest => x.f_upsample_nearest2d(size, None, None)?,
            Way::Linear { align_corners } => {
                x.f_upsample_bilinear2d(size, align_corners, None, None)?
            }
            Way::Cubic { align_corners } => {
                x.f_upsample_bicubic2d(size, align_corners, None, None)?
            }
        })
    })
}

/// Which of libtorch's ways is that of the attributes.
fn way(site: &Site<'_>, from: &[i64], to: &[i64]) -> Result<Way> {
    let attributes = site.attributes();
    let mode = attributes.string("mode", "nearest")?;
    let points = attributes.string("coordinate_transformation_mode", "half_pixel")?;
    ensure!(
        attributes.int("antialias", 0)? == 0,
        "a resize with antialiasing is not executed"
    );
    let nearest = attributes.string("nearest_mode", "round_prefer_floor")?;
    let whole = (2..4).all(|axis| to[axis] % from[axis].max(1) == 0);
    // Where an axis shrinks to a single place, PyTorch's own exporter means another one than PyTorch.
    let half_pixel = points == "half_pixel"
        || points == "pytorch_half_pixel" && to[2..].iter().all(|&size| size > 1);
    let align_corners = points == "align_corners";
    let exact = exact(site, from, to);
    Ok(match mode {
        "nearest" if whole && points == "asymmetric" && nearest == "floor" => Way::Nearest,
        // Whole factors put every point nearer to the middle of one element than of any other.
        "nearest" if whole && points == "half_pixel" && nearest.starts_with("round") => {
            Way::Nearest
        }
        "linear" if exact && (half_pixel || align_corners) => Way::Linear { align_corners },
        "cubic"
            if exact
                && (half_pixel || align_corners)
                && attributes.float("cubic_coeff_a", -0.75)? == -0.75
                && attributes.int("exclude_outside", 0)? == 0 =>
        {
            Way::Cubic { align_corners }
        }
        _ => bail!("a resize of this kind ({mode}, {points}) is not executed"),
    })
}

/// Whether the scale is the ratio of the sizes, which libtorch takes.
fn exact(site: &Site<'_>, from: &[i64], to: &[i64]) -> bool {
    let Some(scales) = site.floats(2).filter(|scales| scales.len() == 4) else {
        return true;
    };
    (2..4).all(|axis| {
        let ratio = to[axis] as f64 / from[axis].max(1) as f64;
        (ratio - f64::from(scales[axis])).abs() < 1e-6 * ratio
    })
}
