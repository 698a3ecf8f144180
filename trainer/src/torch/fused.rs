//! Optimisers' steps that libtorch takes for all parameters at once; tch has them one by one, with a state that cannot be kept.

use anyhow::{Result, ensure};
use tch::Tensor;
use torch_sys::C_tensor;

use super::shim::thrown;

unsafe extern "C" {
    fn pellucid_fused_adam(
        parameters: *const *const C_tensor,
        gradients: *const *const C_tensor,
        means: *const *const C_tensor,
        squares: *const *const C_tensor,
        steps: *const *const C_tensor,
        count: i64,
        rate: f64,
        beta1: f64,
        beta2: f64,
        decay: f64,
        epsilon: f64,
        decoupled: bool,
    ) -> bool;
    fn pellucid_fused_sgd(
        parameters: *const *const C_tensor,
        gradients: *const *const C_tensor,
        buffers: *const *const C_tensor,
        count: i64,
        rate: f64,
        momentum: f64,
        decay: f64,
        nesterov: bool,
        first: bool,
    ) -> bool;
}

/// Adam's numbers (Kingma and Ba, 2015), with PyTorch's names in brackets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adam {
    /// The learning rate (`lr`).
    pub(crate) rate: f64,
    /// `betas`.
    pub(crate) betas: [f64; 2],
    /// `weight_decay`.
    pub(crate) decay: f64,
    /// `eps`.
    pub(crate) epsilon: f64,
    /// Whether the decay shrinks the weights instead of being added to the gradient (AdamW; Loshchilov and Hutter, 2019).
    pub(crate) decoupled: bool,
}

/// What Adam remembers of parameters, one of each per parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments<'a> {
    /// Means of the gradients.
    pub(crate) means: &'a [Tensor],
    /// Means of their squares.
    pub(crate) squares: &'a [Tensor],
    /// How many steps were taken: a float32 number on the parameter's device.
    pub(crate) steps: &'a [Tensor],
}

/// Takes a step; parameters, moments and counts change in place.
pub(crate) fn adam_step(
    parameters: &[Tensor],
    gradients: &[Tensor],
    moments: Moments<'_>,
    adam: &Adam,
) -> Result<()> {
    let Moments {
        means,
        squares,
        steps,
    } = moments;
    let count = parameters.len();
    let lists = [gradients, means, squares, steps];
    ensure!(
        lists.iter().all(|list| list.len() == count),
        "an optimiser's lists differ in length"
    );
    for (parameter, step) in parameters.iter().zip(steps) {
        // The kernel reads the counts where the parameters lie.
        ensure!(
            parameter.device() == step.device(),
            "an optimiser's counts lie on another device"
        );
    }
    let [p, g, m, s, n] = [parameters, gradients, means, squares, steps].map(pointers);
    // SAFETY: five arrays of `count` pointers to live tensors; the function changes the tensors' elements and catches what it throws.
    let done = tch::no_grad(|| unsafe {
        pellucid_fused_adam(
            p.as_ptr(),
            g.as_ptr(),
            m.as_ptr(),
            s.as_ptr(),
            n.as_ptr(),
            count as i64,
            adam.rate,
            adam.betas[0],
            adam.betas[1],
            adam.decay,
            adam.epsilon,
            adam.decoupled,
        )
    });
    or_thrown(done)
}

/// The numbers of stochastic gradient descent, with PyTorch's names in brackets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sgd {
    /// The learning rate (`lr`).
    pub(crate) rate: f64,
    /// `momentum`.
    pub(crate) momentum: f64,
    /// `weight_decay`.
    pub(crate) decay: f64,
    /// `nesterov`.
    pub(crate) nesterov: bool,
}

/// Takes a step; parameters and momenta change in place. There are no momenta where there is no momentum; at the `first` step what they
/// hold does not count.
pub(crate) fn sgd_step(
    parameters: &[Tensor],
    gradients: &[Tensor],
    momenta: &[Tensor],
    sgd: &Sgd,
    first: bool,
) -> Result<()> {
    let count = parameters.len();
    let needed = if sgd.momentum == 0.0 { 0 } else { count };
    ensure!(
        gradients.len() == count && momenta.len() == needed,
        "an optimiser's lists differ in length"
    );
    let [p, g, m] = [parameters, gradients, momenta].map(pointers);
    let buffers = if needed == 0 {
        std::ptr::null()
    } else {
        m.as_ptr()
    };
    // SAFETY: arrays of `count` pointers to live tensors, the last of them null where it is not read; the function changes the tensors'
    // elements and catches what it throws.
    let done = tch::no_grad(|| unsafe {
        pellucid_fused_sgd(
            p.as_ptr(),
            g.as_ptr(),
            buffers,
            count as i64,
            sgd.rate,
            sgd.momentum,
            sgd.decay,
            sgd.nesterov,
            first,
        )
    });
    or_thrown(done)
}

fn pointers(tensors: &[Tensor]) -> Vec<*const C_tensor> {
    tensors.iter().map(Tensor::as_ptr).collect()
}

fn or_thrown(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(thrown()) }
}
