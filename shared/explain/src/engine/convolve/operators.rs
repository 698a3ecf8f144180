//! The operators that the pass puts into the plan.

use std::cell::RefCell;

use pellucid_kernels::{Activation, Convolution, Finish, Scratch, Transposed};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;

use super::super::fault::NotANumber;

thread_local! {
    /// What runs on a thread share.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[derive(Debug)]
pub(super) enum Kernel {
    Convolution(Convolution),
    Transposed(Transposed),
}

/// What happens to the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// The second input, if there is one, is added, and what is below zero becomes zero. Named is the node that did so.
    Relu(String),
}

/// A convolution or its transpose by our kernels: planes in, planes out.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) kernel: Arc<Kernel>,
    pub(super) then: Then,
    /// The result's.
    pub(super) shape: TVec<usize>,
}

impl Own {
    pub(super) fn plain(kernel: Kernel, shape: TVec<usize>) -> Self {
        Self {
            kernel: Arc::new(kernel),
            then: Then::Nothing,
            shape,
        }
    }

    fn compute(&self, inputs: &[TValue], to: &mut [f32]) -> TractResult<()> {
        let image = inputs[0].try_as_plain_ram()?;
        let image = image.as_slice::<f32>()?;
        let plus = inputs
            .get(1)
            .map(|plus| plus.try_as_plain_ram())
            .transpose()?;
        let plus = plus
            .as_ref()
            .map(|plus| plus.as_slice::<f32>())
            .transpose()?;
        SCRATCH.with_borrow_mut(|scratch| match (&*self.kernel, &self.then) {
            (Kernel::Transposed(kernel), _) => Ok(kernel.run(image, to, scratch)?),
            (Kernel::Convolution(kernel), Then::Nothing) => {
                kernel.run(image, Finish::NOTHING, to, scratch)?;
                Ok(())
            }
            (Kernel::Convolution(kernel), Then::Relu(node)) => {
                let activation = Activation::Relu;
                match kernel.run(image, Finish { plus, activation }, to, scratch)? {
                    true => Ok(()),
                    false => Err(NotANumber { node: node.clone() }.into()),
                }
            }
        })
    }
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel) && self.then == other.then
    }
}

impl Eq for Own {}

/// What the watch knows convolutions of ours by, whose results may be no numbers.
pub(in super::super) const NAME: &str = "OwnConv";
/// And those that have looked at them, and made them zero or more.
pub(in super::super) const RECTIFIED: &str = "OwnConvRelu";

impl Op for Own {
    fn name(&self) -> StaticName {
        match self.then {
            Then::Nothing => NAME.into(),
            Then::Relu(_) => RECTIFIED.into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for Own {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut result = Tensor::zero::<f32>(&self.shape)?;
        self.compute(
            &inputs,
            result.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
        )?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for Own {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(&self.shape)))
    }

    as_op!();
}

/// Hands a gradient on where an activation is above zero; zero elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Gate;

/// What the watch knows it by: it swallows what is no number in its first input, and hands on what the second has.
pub(in super::super) const GATE: &str = "Gate";

impl Op for Gate {
    fn name(&self) -> StaticName {
        GATE.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Gate {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut gradient = inputs.remove(1).into_tensor();
        let activation = inputs[0].try_as_plain_ram()?;
        let activation = activation.as_slice::<f32>()?;
        let mut view = gradient.try_as_plain_ram_mut()?;
        for (value, activation) in view.as_slice_mut::<f32>()?.iter_mut().zip(activation) {
            *value = if *activation > 0.0 { *value } else { 0.0 };
        }
        Ok(tvec!(gradient.into_tvalue()))
    }
}

impl TypedOp for Gate {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[1].without_value()))
    }

    as_op!();
}
