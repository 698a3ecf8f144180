//! Elements moved, repeated and cut.

use anyhow::{Context, Result, bail};
use pellucid_shared::onnx::{cuts, pads};
use tch::Tensor;

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Concat", concat),
    ("Expand", expand),
    ("Pad", pad),
    ("Slice", slice),
    ("Split", split),
    ("Tile", tile),
    ("Trilu", trilu),
];

fn concat(site: &Site<'_>) -> Result<Kernel> {
    let axis = site.attributes().int("axis", 0)?;
    one(move |inputs| Ok(Tensor::f_cat(&inputs.all(), axis)?))
}

fn expand(site: &Site<'_>) -> Result<Kernel> {
    let shape = site.made()?;
    one(move |inputs| Ok(inputs.at(0)?.f_expand(&shape, false)?))
}

fn tile(site: &Site<'_>) -> Result<Kernel> {
    let repeats = site.ints(1)?;
    one(move |inputs| Ok(inputs.at(0)?.f_tile(&repeats)?))
}

fn trilu(site: &Site<'_>) -> Result<Kernel> {
    let upper = site.attributes().int("upper", 1)? != 0;
    let diagonal = match site.has(1) {
        true => site.ints(1)?.first().copied().unwrap_or(0),
        false => 0,
    };
    one(move |inputs| {
        let x = inputs.at(0)?;
        Ok(match upper {
            true => x.f_triu(diagonal)?,
            false => x.f_tril(diagonal)?,
        })
    })
}

fn split(site: &Site<'_>) -> Result<Kernel> {
    let axis = site.axis_of(0)?;
    let size = site.sizes(0)?[axis as usize];
    let parts = site.node.output.len() as i64;
    let part = (size + parts - 1) / parts.max(1);
    let even = || (0..parts).map(|i| part.min(size - i * part).max(0));
    let sizes = site.given("split", 1)?;
    let sizes = sizes.unwrap_or_else(|| even().collect());
    Ok(Box::new(move |inputs| {
        Ok(inputs.at(0)?.f_split_with_sizes(&sizes, axis)?)
    }))
}

/// Why an operator that needs numbers is not planned.
const COMPUTED: &str = "what it cuts or pads is computed from the values of the image";

/// One axis of a slice.
enum Cut {
    /// From the front to the back: a view.
    Ahead { start: i64, end: i64, step: i64 },
    /// Whatever else, by position.
    At(Tensor),
}

fn slice(site: &Site<'_>) -> Result<Kernel> {
    let sizes = site.sizes(0)?;
    let cuts = cuts(site.node, site.shapes, sizes.len())?.context(COMPUTED)?;
    let cuts = cuts.into_iter().map(|cut| {
        let size = usize::try_from(sizes[cut.axis])?;
        let positions = cut.on(size).context(COMPUTED)?;
        let start = positions.start as i64;
        let kind = match positions.step {
            step @ 1.. => Cut::Ahead {
                start,
                end: step
                    .saturating_mul(positions.count as i64)
                    .saturating_add(start),
                step,
            },
            _ => {
                let positions: Vec<i64> = positions.all().map(|at| at as i64).collect();
                Cut::At(site.indices(&positions)?)
            }
        };
        Ok((cut.axis as i64, kind))
    });
    let cuts = cuts.collect::<Result<Vec<_>>>()?;
    one(move |inputs| {
        let mut x = inputs.at(0)?.shallow_clone();
        for (axis, cut) in &cuts {
            x = match cut {
                Cut::Ahead { start, end, step } => x.f_slice(*axis, *start, *end, *step)?,
                Cut::At(positions) => x.f_index_select(*axis, positions)?,
            };
        }
        Ok(x)
    })
}

fn pad(site: &Site<'_>) -> Result<Kernel> {
    let rank = site.sizes(0)?.len();
    let attributes = site.attributes();
    let pads = pads(site.node, site.shapes, rank)?.context(COMPUTED)?;
    let value = match site.number(2)? {
        Some(value) => value,
        None => f64::from(attributes.float("value", 0.0)?),
    };
    let mut by_axis = vec![[0, 0]; rank];
    for (axis, sides) in pads {
        by_axis[axis] = sides;
    }
    let mode = match attributes.string("mode", "constant")? {
        "constant" => "constant",
        "reflect" => "reflect",
        "edge" => "replicate",
        other => bail!("padding by `{other}` is not executed"),
    };
    // libtorch takes the last axis first, and the other modes for the last axes only.
    let padded = by_axis.iter().position(|sides| *sides != [0, 0]);
    let first = match (padded, mode) {
        (None, _) => return one(|inputs| Ok(inputs.at(0)?.shallow_clone())),
        (Some(first), "constant") => first,
        (Some(first), _) if first >= 2 => 2,
        _ => {
            bail!("other than zeros are put beside an image, not beside its channels or in a batch")
        }
    };
    let sides: Vec<i64> = by_axis[first..].iter().rev().flatten().copied().collect();
    let value = (mode == "constant").then_some(value);
    one(move |inputs| Ok(inputs.at(0)?.f_pad(&sides, mode, value)?))
}
