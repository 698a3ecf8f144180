//! Convolutions and pooling.

use super::site::{Inferred, Rule, Site, one, unknown};
use super::{Dim, Shape, window};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("AveragePool", pool),
    ("Col2Im", col2im),
    ("Conv", |site| conv(site, 1)),
    ("ConvInteger", |site| conv(site, 1)),
    ("ConvTranspose", conv_transpose),
    ("GlobalAveragePool", global_pool),
    ("GlobalLpPool", global_pool),
    ("GlobalMaxPool", global_pool),
    ("LpPool", pool),
    ("MaxPool", pool),
    ("QLinearConv", |site| conv(site, 3)),
];

/// The spatial sizes behind a window that moves over `input`.
fn windowed(
    site: &Site<'_>,
    input: &[Dim],
    channels: Dim,
    kernel: Option<&[usize]>,
) -> Result<Shape, super::OnnxError> {
    let mut shape = vec![input[0].clone(), channels];
    let same = site
        .attributes()
        .string("auto_pad", "NOTSET")?
        .starts_with("SAME");
    let spatial: Vec<Option<usize>> = input[2..].iter().map(Dim::known).collect();
    if same && spatial.contains(&None) {
        let strides = site.attributes().ints("strides")?;
        for (axis, dim) in input[2..].iter().enumerate() {
            let stride = strides.map_or(Some(1), |s| s.get(axis).copied());
            shape.push(match (stride.and_then(|s| usize::try_from(s).ok()), dim) {
                (Some(stride), Dim::Known(size)) if stride > 0 => Dim::Known(size.div_ceil(stride)),
                (Some(stride), dim) if stride > 0 => dim.stepped(-1, stride),
                _ => Dim::Unknown,
            });
        }
        return Ok(shape);
    }
    let window = window(site.node, &spatial, kernel)?;
    for (axis, dim) in input[2..].iter().enumerate() {
        shape.push(match dim {
            Dim::Known(size) => Dim::Known(window.positions(axis, *size).ok_or_else(|| {
                site.error(format!(
                    "its window is larger than the input's {size} with padding"
                ))
            })?),
            open if !window.ceil => window.room(axis).map_or(Dim::Unknown, |room| {
                open.stepped(room, window.strides[axis])
            }),
            _ => Dim::Unknown,
        });
    }
    Ok(shape)
}

fn conv(site: &Site<'_>, weight: usize) -> Inferred {
    let (Some(input), Some(weight)) = (site.shape(0), site.shape(weight)) else {
        return unknown();
    };
    if input.len() < 3 || weight.len() != input.len() {
        return site.unfit();
    }
    let group = group(site)?;
    if let (Some(channels), Some(per_group)) = (input[1].known(), weight[1].known())
        && per_group.checked_mul(group) != Some(channels)
    {
        return site.unfit();
    }
    let kernel: Option<Vec<usize>> = weight[2..].iter().map(Dim::known).collect();
    if kernel.is_none() && !site.attributes().has("kernel_shape") {
        let mut shape = vec![Dim::Unknown; input.len()];
        (shape[0], shape[1]) = (input[0].clone(), weight[0].clone());
        return one(shape);
    }
    one(windowed(site, input, weight[0].clone(), kernel.as_deref())?)
}

fn group(site: &Site<'_>) -> Result<usize, super::OnnxError> {
    let group = site.attributes().int("group", 1)?;
    usize::try_from(group)
        .ok()
        .filter(|&g| g > 0)
        .ok_or_else(|| site.error("`group` must be positive"))
}

/// `stride * (size - 1) + output_padding + extent - pads` along every spatial axis, unless `output_shape` says it.
fn conv_transpose(site: &Site<'_>) -> Inferred {
    let (Some(input), Some(weight)) = (site.shape(0), site.shape(1)) else {
        return unknown();
    };
    if input.len() < 3 || weight.len() != input.len() {
        return site.unfit();
    }
    let attributes = site.attributes();
    let mut shape = vec![input[0].clone(), weight[1].times(&Dim::Known(group(site)?))];
    let rank = input.len() - 2;
    if let Some(sizes) = attributes.ints("output_shape")? {
        // Some files give batch and channels too.
        let sizes = &sizes[sizes.len().saturating_sub(rank)..];
        if sizes.len() != rank {
            return Err(site.error("`output_shape` does not fit the input's rank"));
        }
        shape.extend(
            sizes
                .iter()
                .map(|&s| usize::try_from(s).map_or(Dim::Unknown, Dim::Known)),
        );
        return one(shape);
    }
    let list = |name: &str, count: usize, default: i64| match attributes.ints(name)? {
        None => Ok(vec![default; count]),
        Some(values) if values.len() == count => Ok(values.to_vec()),
        Some(_) => Err(site.error(format!("`{name}` does not fit the input's rank"))),
    };
    let (strides, dilations) = (list("strides", rank, 1)?, list("dilations", rank, 1)?);
    let (pads, extra) = (list("pads", 2 * rank, 0)?, list("output_padding", rank, 0)?);
    let auto_pad = attributes.string("auto_pad", "NOTSET")?;
    let kernel = attributes.ints("kernel_shape")?;
    for axis in 0..rank {
        let kernel = match kernel {
            Some(kernel) => kernel.get(axis).copied(),
            None => weight[2 + axis].known().and_then(|k| i64::try_from(k).ok()),
        };
        let size = input[2 + axis].known().and_then(|s| i64::try_from(s).ok());
        let pads = if auto_pad == "NOTSET" {
            (pads[axis], pads[axis + rank])
        } else {
            (0, 0)
        };
        let total = || {
            if auto_pad.starts_with("SAME") {
                return size?.checked_mul(strides[axis]);
            }
            let extent = kernel?
                .checked_sub(1)?
                .checked_mul(dilations[axis])?
                .checked_add(1)?;
            let reach = size?.checked_sub(1)?.checked_mul(strides[axis])?;
            reach
                .checked_add(extent)?
                .checked_add(extra[axis])?
                .checked_sub(pads.0)?
                .checked_sub(pads.1)
        };
        shape.push(
            total()
                .and_then(|t| usize::try_from(t).ok())
                .map_or(Dim::Unknown, Dim::Known),
        );
    }
    one(shape)
}

fn pool(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    if input.len() < 3 {
        return site.unfit();
    }
    let shape = windowed(site, input, input[1].clone(), None)?;
    Ok(vec![Some(shape); site.node.output.len().min(2)])
}

fn global_pool(site: &Site<'_>) -> Inferred {
    let Some(input) = site.shape(0) else {
        return unknown();
    };
    let pooled = input
        .iter()
        .enumerate()
        .map(|(axis, dim)| if axis < 2 { dim.clone() } else { Dim::Known(1) });
    one(pooled.collect())
}

/// Batch, channels per element of a block, and the image whose size the second input says.
fn col2im(site: &Site<'_>) -> Inferred {
    let (Some(columns), Some(image)) = (site.shape(0), site.constant(1)) else {
        return unknown();
    };
    if columns.len() != 3 {
        return site.unfit();
    }
    let elements = site.constant(2).and_then(|block| {
        let sizes = block.iter().map(|&size| usize::try_from(size).ok());
        sizes
            .into_iter()
            .try_fold(1usize, |all, size| all.checked_mul(size?))
    });
    let channels = match (columns[1].known(), elements) {
        (Some(columns), Some(elements)) if elements > 0 => Dim::Known(columns / elements),
        _ => Dim::Unknown,
    };
    let size = |&size: &i64| usize::try_from(size).map_or(Dim::Unknown, Dim::Known);
    let mut shape = vec![columns[0].clone(), channels];
    shape.extend(image.iter().map(size));
    one(shape)
}
