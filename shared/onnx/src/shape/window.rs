//! The geometry that convolutions and pooling share.

use super::super::pb::NodeProto;
use super::super::{Attributes, Model, OnnxError};

/// How a window moves over the spatial axes: one entry per axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the kernel, without dilation.
    pub kernel: Vec<usize>,
    /// Step of the window.
    pub strides: Vec<usize>,
    /// Distance between the kernel's elements.
    pub dilations: Vec<usize>,
    /// Padding before the first element.
    pub before: Vec<usize>,
    /// Padding behind the last element.
    pub after: Vec<usize>,
    /// Whether a last window that is only partly inside counts (pooling only).
    pub ceil: bool,
}

/// Reads a node's window from its attributes; `auto_pad` is resolved for the given spatial input size.
///
/// `kernel` is the weight's spatial shape where the attribute may be left out (convolution).
///
/// # Errors
/// [`OnnxError::Node`] where the attributes do not fit one another.
pub fn window(
    node: &NodeProto,
    spatial: &[Option<usize>],
    kernel: Option<&[usize]>,
) -> Result<Window, OnnxError> {
    let attributes = Attributes(node);
    let rank = spatial.len();
    let read = |name: &str, count: usize, default: usize| match attributes.ints(name)? {
        None => Ok(vec![default; count]),
        Some(values) if values.len() == count => values
            .iter()
            .map(|&v| {
                usize::try_from(v)
                    .map_err(|_| Model::node_error(node, format!("`{name}` holds {v}")))
            })
            .collect(),
        Some(values) => Err(Model::node_error(
            node,
            format!("`{name}` has {} entries, {count} are needed", values.len()),
        )),
    };
    let kernel = match (attributes.has("kernel_shape"), kernel) {
        (false, Some(kernel)) if kernel.len() == rank => kernel.to_vec(),
        (false, _) => return Err(Model::node_error(node, "its kernel's shape is unknown")),
        (true, _) => read("kernel_shape", rank, 1)?,
    };
    let strides = read("strides", rank, 1)?;
    let dilations = read("dilations", rank, 1)?;
    if let Some(zero) = [&kernel, &strides, &dilations]
        .iter()
        .position(|list| list.contains(&0))
    {
        let name = ["kernel_shape", "strides", "dilations"][zero];
        return Err(Model::node_error(node, format!("`{name}` holds a zero")));
    }
    let pads = read("pads", 2 * rank, 0)?;
    let (mut before, mut after) = (pads[..rank].to_vec(), pads[rank..].to_vec());
    match attributes.string("auto_pad", "NOTSET")? {
        "NOTSET" => {}
        "VALID" => {
            before.fill(0);
            after.fill(0);
        }
        same @ ("SAME_UPPER" | "SAME_LOWER") => {
            for axis in 0..rank {
                let size = spatial[axis].ok_or_else(|| {
                    Model::node_error(
                        node,
                        format!("`auto_pad = {same}` needs a fixed input size"),
                    )
                })?;
                let extent = extent(kernel[axis], dilations[axis]);
                let total = ((size.div_ceil(strides[axis]).max(1) - 1) * strides[axis])
                    .saturating_add(extent)
                    .saturating_sub(size);
                let small = total / 2;
                let first = if same == "SAME_UPPER" {
                    small
                } else {
                    total - small
                };
                (before[axis], after[axis]) = (first, total - first);
            }
        }
        other => {
            return Err(Model::node_error(
                node,
                format!("`auto_pad = {other}` is unknown"),
            ));
        }
    }
    let ceil = attributes.int("ceil_mode", 0)? != 0;
    Ok(Window {
        kernel,
        strides,
        dilations,
        before,
        after,
        ceil,
    })
}

impl Window {
    /// The number of window positions along an axis whose input has `size` elements; `None` where none fits.
    #[must_use]
    pub fn positions(&self, axis: usize, size: usize) -> Option<usize> {
        let padded = size
            .checked_add(self.before[axis])?
            .checked_add(self.after[axis])?;
        let extent = extent(self.kernel[axis], self.dilations[axis]);
        let stride = self.strides[axis];
        if !self.ceil {
            return (padded.checked_sub(extent)? / stride).checked_add(1);
        }
        // Rounding up, a window that is larger than the padded input still has a position if less than a stride is missing.
        let positions =
            (padded.checked_add(stride - 1)?.checked_sub(extent)? / stride).checked_add(1)?;
        // A window that would begin in the padding behind the input does not count (ONNX and PyTorch alike).
        let begins_outside = (positions - 1).saturating_mul(stride) >= size + self.before[axis];
        Some(positions - usize::from(begins_outside))
    }

    /// How many elements so many positions reach over along an axis: no position counts as one.
    #[must_use]
    pub fn reach(&self, axis: usize, positions: usize) -> usize {
        positions
            .saturating_sub(1)
            .saturating_mul(self.strides[axis])
            .saturating_add(extent(self.kernel[axis], self.dilations[axis]))
    }

    /// What padding adds to an axis and the kernel's extent takes from it; `None` where that is beyond all bounds.
    pub(super) fn room(&self, axis: usize) -> Option<i64> {
        let padding = self.before[axis].checked_add(self.after[axis])?;
        let extent = extent(self.kernel[axis], self.dilations[axis]);
        i64::try_from(padding)
            .ok()?
            .checked_sub(i64::try_from(extent).ok()?)
    }
}

/// How far a dilated kernel reaches.
fn extent(kernel: usize, dilation: usize) -> usize {
    dilation
        .saturating_mul(kernel.saturating_sub(1))
        .saturating_add(1)
}
