//! Elements by their positions.

use anyhow::{Result, bail, ensure};
use tch::{Kind, Tensor};

use super::super::site::{Kernel, Site, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("OneHot", one_hot),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
];

/// Positions along an axis of that size, those from the end counted from the front.
fn counted(indices: &Tensor, size: i64) -> Result<Tensor> {
    Ok(indices.f_to_kind(Kind::Int64)?.f_remainder(size.max(1))?)
}

fn gather(site: &Site<'_>) -> Result<Kernel> {
    let sizes = site.sizes(0)?;
    let axis = site.axis_of(0)?;
    let at = axis as usize;
    let index_sizes = site.sizes(1)?;
    if let (Ok(known), true) = (site.ints(1), index_sizes.is_empty()) {
        let index = known.first().copied().unwrap_or(0);
        // A view.
        return one(move |inputs| Ok(inputs.at(0)?.f_select(axis, index)?));
    }
    let shape = [&sizes[..at], &index_sizes, &sizes[at + 1..]].concat();
    let size = sizes[at];
    one(move |inputs| {
        let flat = counted(inputs.at(1)?, size)?.f_flatten(0, -1)?;
        Ok(inputs
            .at(0)?
            .f_index_select(axis, &flat)?
            .f_reshape(&shape)?)
    })
}

fn gather_elements(site: &Site<'_>) -> Result<Kernel> {
    let axis = site.axis_of(0)?;
    let size = site.sizes(0)?[axis as usize];
    one(move |inputs| {
        let indices = counted(inputs.at(1)?, size)?;
        Ok(inputs.at(0)?.f_gather(axis, &indices, false)?)
    })
}

/// Where tuples of positions point to: the first `batch` axes are shared with the tuples, the next ones are what they count along.
struct Tuples {
    /// Elements that a tuple points to, in the value whose axes up to the last that is counted along are one.
    rows: i64,
    /// The axes counted along: their sizes.
    sizes: Vec<i64>,
    /// What each of the batch begins at.
    batch: i64,
}

impl Tuples {
    fn of(site: &Site<'_>, batch: usize) -> Result<Self> {
        let (sizes, index_sizes) = (site.sizes(0)?, site.sizes(1)?);
        let depth = index_sizes.last().copied().unwrap_or(0) as usize;
        ensure!(
            batch + depth <= sizes.len() && batch < index_sizes.len(),
            "its positions have more axes than its values"
        );
        let along = sizes[batch..batch + depth].to_vec();
        Ok(Self {
            rows: sizes[..batch + depth].iter().product(),
            sizes: along,
            batch: sizes[..batch].iter().product(),
        })
    }

    /// Each tuple as one position among the rows.
    fn flat(&self, indices: &Tensor) -> Result<Tensor> {
        let depth = self.sizes.len() as i64;
        let tuples = indices.f_to_kind(Kind::Int64)?.f_reshape([-1, depth])?;
        let place = (Kind::Int64, indices.device());
        let mut flat = Tensor::f_zeros([tuples.size()[0]], place)?;
        for (axis, &size) in self.sizes.iter().enumerate() {
            let position = tuples.f_select(1, axis as i64)?.f_remainder(size.max(1))?;
            flat = flat.f_mul_scalar(size)?.f_add(&position)?;
        }
        if self.batch > 1 {
            let each: i64 = self.sizes.iter().product();
            let begin = Tensor::f_arange(self.batch, place)?.f_mul_scalar(each)?;
            let per = flat.size()[0] / self.batch;
            flat = flat.f_add(&begin.f_repeat_interleave_self_int(per, 0, None)?)?;
        }
        Ok(flat)
    }
}

fn gather_nd(site: &Site<'_>) -> Result<Kernel> {
    let batch = usize::try_from(site.attributes().int("batch_dims", 0)?)?;
    let tuples = Tuples::of(site, batch)?;
    let (sizes, index_sizes) = (site.sizes(0)?, site.sizes(1)?);
    let rest = &sizes[batch + tuples.sizes.len()..];
    let shape = [&index_sizes[..index_sizes.len() - 1], rest].concat();
    let rows = [&[tuples.rows], rest].concat();
    one(move |inputs| {
        let flat = tuples.flat(inputs.at(1)?)?;
        let rows = inputs.at(0)?.f_reshape(&rows)?;
        Ok(rows.f_index_select(0, &flat)?.f_reshape(&shape)?)
    })
}

fn scatter_nd(site: &Site<'_>) -> Result<Kernel> {
    let tuples = Tuples::of(site, 0)?;
    let sizes = site.sizes(0)?;
    let rest = sizes[tuples.sizes.len()..].to_vec();
    let adds = adds(site)?;
    let rows = [&[tuples.rows], &rest[..]].concat();
    let updates = [&[-1], &rest[..]].concat();
    one(move |inputs| {
        let flat = tuples.flat(inputs.at(1)?)?;
        let (x, updates) = (
            inputs.at(0)?.f_reshape(&rows)?,
            inputs.at(2)?.f_reshape(&updates)?,
        );
        let y = match adds {
            true => x.f_index_add(0, &flat, &updates)?,
            false => x.f_index_copy(0, &flat, &updates)?,
        };
        Ok(y.f_reshape(&sizes)?)
    })
}

fn scatter_elements(site: &Site<'_>) -> Result<Kernel> {
    let axis = site.axis_of(0)?;
    let size = site.sizes(0)?[axis as usize];
    let adds = adds(site)?;
    one(move |inputs| {
        let indices = counted(inputs.at(1)?, size)?;
        let (x, updates) = (inputs.at(0)?, inputs.at(2)?);
        Ok(match adds {
            true => x.f_scatter_add(axis, &indices, updates)?,
            false => x.f_scatter(axis, &indices, updates)?,
        })
    })
}

/// Whether a scatter adds to what is there.
fn adds(site: &Site<'_>) -> Result<bool> {
    match site.attributes().string("reduction", "none")? {
        "none" => Ok(false),
        "add" => Ok(true),
        other => bail!("a scatter with the reduction `{other}` is not executed"),
    }
}

fn one_hot(site: &Site<'_>) -> Result<Kernel> {
    let rank = site.sizes(0)?.len() + 1;
    let axis = site.axis(site.attributes().int("axis", -1)?, rank)?;
    let Some(depth) = site.number(1)? else {
        bail!("`depth` is missing");
    };
    let depth = depth as i64;
    let mut shape = vec![1; rank];
    shape[axis as usize] = depth;
    let places: Vec<i64> = (0..depth).collect();
    let places = site.indices(&places)?.f_reshape(&shape)?;
    one(move |inputs| {
        let indices = counted(inputs.at(0)?, depth)?.f_unsqueeze(axis)?;
        let values = inputs.at(2)?;
        let (off, on) = (values.f_select(0, 0)?, values.f_select(0, 1)?);
        Ok(on.f_where_self(&indices.f_eq_tensor(&places)?, &off)?)
    })
}
