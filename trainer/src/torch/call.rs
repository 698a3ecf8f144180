//! What an operator's implementation sees of the node that it executes.

use anyhow::{Context, Result, bail};
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Attributes, Window, window};
use tch::{Kind, Tensor};

/// A node with its input values.
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeProto,
    /// Per input; `None` where it is left out.
    pub(super) inputs: Vec<Option<Tensor>>,
    /// Whether this node's normalization or dropout is in train mode.
    pub(super) training: bool,
    pub(super) opset: i64,
    pub(super) kind: Kind,
}

impl Call<'_> {
    pub(super) fn attributes(&self) -> Attributes<'_> {
        Attributes(self.node)
    }

    /// An input that the operator needs.
    pub(super) fn input(&self, index: usize) -> Result<&Tensor> {
        self.optional(index)
            .with_context(|| format!("input {index} is missing"))
    }

    pub(super) fn optional(&self, index: usize) -> Option<&Tensor> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// The integers in an input, such as the shape of a reshape.
    pub(super) fn ints(&self, index: usize) -> Result<Vec<i64>> {
        let flat = self
            .input(index)?
            .f_to_kind(Kind::Int64)?
            .f_flatten(0, -1)?;
        Ok(Vec::<i64>::try_from(&flat)?)
    }

    /// The axes of a reduction or (un)squeeze: an attribute in old operator sets, an input in new ones.
    pub(super) fn axes(&self) -> Result<Option<Vec<i64>>> {
        match (self.attributes().ints("axes")?, self.optional(1)) {
            (Some(axes), _) => Ok(Some(axes.to_vec())),
            (None, Some(_)) => self.ints(1).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The window of a convolution or pooling over the input `x`, two spatial axes.
    pub(super) fn window(&self, x: &Tensor, kernel: Option<&Tensor>) -> Result<Window> {
        let sizes = x.size();
        if sizes.len() != 4 {
            bail!(
                "only images (four axes) are executed, not {} axes",
                sizes.len()
            );
        }
        let spatial: Vec<Option<usize>> = sizes[2..]
            .iter()
            .map(|&s| usize::try_from(s).ok())
            .collect();
        let kernel: Option<Vec<usize>> =
            kernel.map(|k| k.size()[2..].iter().map(|&s| s as usize).collect());
        Ok(window(self.node, &spatial, kernel.as_deref())?)
    }
}

/// A window's list as libtorch takes it.
pub(super) fn list(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| v as i64).collect()
}

/// `x` with a window's padding where the padding differs between the sides, and the padding that is left to the
/// operator itself.
pub(super) fn pad(x: &Tensor, w: &Window, value: f64) -> Result<(Tensor, Vec<i64>)> {
    if w.before == w.after {
        return Ok((x.shallow_clone(), list(&w.before)));
    }
    // libtorch pads the last axis first.
    let sides: Vec<i64> = w
        .before
        .iter()
        .zip(&w.after)
        .rev()
        .flat_map(|(&before, &after)| [before as i64, after as i64])
        .collect();
    Ok((x.f_pad(sides, "constant", value)?, vec![0; w.before.len()]))
}
