//! What an operator is given: its node and what is known of it when the plan is made, its inputs when the plan is run.

use anyhow::{Context, Result, bail};
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Attributes, Given, Shapes, Window, axis, window};
use tch::{Device, Kind, TchError, Tensor};

/// A node that is being planned, for one shape of the image.
pub(super) struct Site<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) shapes: &'a Shapes,
    pub(super) opset: i64,
    /// What floating-point numbers are computed in.
    pub(super) kind: Kind,
    pub(super) device: Device,
    /// Whether the first input depends on the image; otherwise it is a weight, or made of weights.
    pub(super) of_the_image: bool,
}

/// The values of a node's inputs in one run.
pub(super) struct Inputs {
    /// Per input; `None` where it is left out.
    pub(super) values: Vec<Option<Tensor>>,
    /// Whether this node's normalization or dropout is in train mode.
    pub(super) training: bool,
}

/// A node with everything decided that does not depend on the values of its inputs.
pub(super) type Kernel = Box<dyn Fn(&Inputs) -> Result<Vec<Tensor>> + Send>;

/// A kernel with one output.
pub(super) fn one(run: impl Fn(&Inputs) -> Result<Tensor> + Send + 'static) -> Result<Kernel> {
    Ok(Box::new(move |inputs| Ok(vec![run(inputs)?])))
}

/// A kernel of one input.
pub(super) fn unary(run: fn(&Tensor) -> Result<Tensor, TchError>) -> Result<Kernel> {
    one(move |inputs| Ok(run(inputs.at(0)?)?))
}

/// A kernel of two inputs.
pub(super) fn binary(run: fn(&Tensor, &Tensor) -> Result<Tensor, TchError>) -> Result<Kernel> {
    one(move |inputs| Ok(run(inputs.at(0)?, inputs.at(1)?)?))
}

impl Inputs {
    /// An input that the operator needs.
    pub(super) fn at(&self, index: usize) -> Result<&Tensor> {
        self.get(index)
            .with_context(|| format!("input {index} is missing"))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Tensor> {
        self.values.get(index).and_then(Option::as_ref)
    }

    /// All that are given.
    pub(super) fn all(&self) -> Vec<&Tensor> {
        self.values.iter().flatten().collect()
    }
}

impl<'a> Site<'a> {
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.node)
    }

    fn name(&self, index: usize) -> &'a str {
        self.node.input.get(index).map_or("", |name| &name[..])
    }

    /// Whether the node has an `index`-th input.
    pub(super) fn has(&self, index: usize) -> bool {
        !self.name(index).is_empty()
    }

    /// The shape of an input.
    ///
    /// # Errors
    /// Where it is not known before the graph runs.
    pub(super) fn sizes(&self, index: usize) -> Result<Vec<i64>> {
        self.sizes_of(self.name(index), || format!("input {index}"))
    }

    /// The shape of the first output.
    ///
    /// # Errors
    /// As [`Site::sizes`].
    pub(super) fn made(&self) -> Result<Vec<i64>> {
        let output = self.node.output.first().map_or("", |name| &name[..]);
        self.sizes_of(output, || "output".to_owned())
    }

    fn sizes_of(&self, value: &str, what: impl Fn() -> String) -> Result<Vec<i64>> {
        let sizes = self.shapes.numbers(value);
        let sizes = sizes.with_context(|| {
            format!(
                "the shape of its {} is not known before the graph runs",
                what()
            )
        })?;
        Ok(sizes.iter().map(|&size| size as i64).collect())
    }

    /// An axis counted from the front.
    pub(super) fn axis(&self, given: i64, rank: usize) -> Result<i64> {
        let counted = axis(given, rank);
        let counted =
            counted.with_context(|| format!("axis {given} is outside its rank {rank}"))?;
        Ok(counted as i64)
    }

    /// The attribute `axis`, counted from the front of the first input.
    pub(super) fn axis_of(&self, default: i64) -> Result<i64> {
        self.axis(
            self.attributes().int("axis", default)?,
            self.sizes(0)?.len(),
        )
    }

    /// The integers in an input, such as the shape of a reshape.
    ///
    /// # Errors
    /// Where they are computed from the values of the image.
    pub(super) fn ints(&self, index: usize) -> Result<Vec<i64>> {
        let constant = self.shapes.constant(self.name(index));
        constant
            .map(<[i64]>::to_vec)
            .with_context(|| format!("its input {index} is computed from the values of the image"))
    }

    /// The number in an input, an integer or a floating-point one; `None` where it is left out.
    ///
    /// # Errors
    /// As [`Site::ints`].
    pub(super) fn number(&self, index: usize) -> Result<Option<f64>> {
        if !self.has(index) {
            return Ok(None);
        }
        if let Some(&[value]) = self.shapes.constant(self.name(index)) {
            return Ok(Some(value as f64));
        }
        match self.floats(index).as_deref() {
            Some(&[value]) => Ok(Some(f64::from(value))),
            _ => bail!("its input {index} is computed from the values of the image"),
        }
    }

    /// The few floating-point numbers in an input, where they are known before the graph runs.
    pub(super) fn floats(&self, index: usize) -> Option<Vec<f32>> {
        self.shapes.floats(self.name(index))
    }

    /// Integers in an attribute of old operator sets or an input of new ones; `None` where both are left out.
    ///
    /// # Errors
    /// As [`Site::ints`].
    pub(super) fn given(&self, attribute: &str, input: usize) -> Result<Option<Vec<i64>>> {
        match self.shapes.given(self.node, attribute, input)? {
            Given::Known(values) => Ok(Some(values.to_vec())),
            Given::Nothing => Ok(None),
            Given::Open => bail!("its input {input} is computed from the values of the image"),
        }
    }

    /// The window of a convolution or pooling over the first input.
    pub(super) fn window(&self, kernel: Option<&[i64]>) -> Result<Window> {
        let sizes = self.sizes(0)?;
        let spatial: Vec<Option<usize>> = sizes
            .iter()
            .skip(2)
            .map(|&size| usize::try_from(size).ok())
            .collect();
        let kernel: Option<Vec<usize>> =
            kernel.map(|kernel| kernel.iter().skip(2).map(|&size| size as usize).collect());
        Ok(window(self.node, &spatial, kernel.as_deref())?)
    }

    /// Integers as a tensor on the device.
    pub(super) fn indices(&self, values: &[i64]) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(values)?.f_to_device(self.device)?)
    }
}

/// A window's list as libtorch takes it.
pub(super) fn list(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| v as i64).collect()
}
