//! Gradients by libtorch's autograd, of what it does not crash on.

use anyhow::{Result, ensure};
use tch::Tensor;

/// The gradients of a number with respect to tensors that require one; zeros with respect to those that it does not depend on. The
/// graph behind the number is let go.
///
/// # Errors
/// Where the number depends on nothing that requires a gradient (libtorch crashes there), or libtorch refuses.
pub fn gradients(number: &Tensor, of: &[&Tensor]) -> Result<Vec<Tensor>> {
    ensure!(
        number.requires_grad(),
        "the output depends on nothing that it could be differentiated with respect to"
    );
    let found = Tensor::f_run_backward(&[number], of, false, false)?;
    let pairs = found.into_iter().zip(of);
    pairs
        .map(|(gradient, of)| match gradient.defined() {
            true => Ok(gradient),
            false => Ok(of.f_zeros_like()?),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn what_depends_on_nothing_is_refused_and_what_is_not_read_has_no_slope() {
        let x = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let y = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        assert!(gradients(&Tensor::from(1.0_f32), &[&x]).is_err());
        let found = gradients(&(&x * 3.0).sum(Kind::Float), &[&x, &y]).unwrap();
        let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor).unwrap();
        assert_eq!(
            (values(&found[0]), values(&found[1])),
            (vec![3.0; 2], vec![0.0; 2])
        );
    }
}
