//! Matrix products.

use anyhow::Result;
use tch::Tensor;

use super::super::site::{Kernel, Site, binary, one};
use super::Operator;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Einsum", einsum),
    ("Gemm", gemm),
    ("MatMul", |_| binary(Tensor::f_matmul)),
];

fn einsum(site: &Site<'_>) -> Result<Kernel> {
    let equation = site.attributes().string("equation", "")?.to_owned();
    one(move |inputs| Ok(Tensor::f_einsum(&equation, &inputs.all(), None::<i64>)?))
}

fn gemm(site: &Site<'_>) -> Result<Kernel> {
    let attributes = site.attributes();
    let turned = [
        attributes.int("transA", 0)? != 0,
        attributes.int("transB", 0)? != 0,
    ];
    let alpha = f64::from(attributes.float("alpha", 1.0)?);
    let beta = f64::from(attributes.float("beta", 1.0)?);
    let matrix = |x: &Tensor, turned: bool| match turned {
        true => x.f_transpose(0, 1),
        false => Ok(x.shallow_clone()),
    };
    one(move |inputs| {
        let (a, b) = (
            matrix(inputs.at(0)?, turned[0])?,
            matrix(inputs.at(1)?, turned[1])?,
        );
        let mut product = a.f_matmul(&b)?;
        if alpha != 1.0 {
            product = product.f_mul_scalar(alpha)?;
        }
        Ok(match inputs.get(2) {
            Some(c) if beta == 1.0 => product.f_add(c)?,
            Some(c) => product.f_add(&c.f_mul_scalar(beta)?)?,
            None => product,
        })
    })
}
