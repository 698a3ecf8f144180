//! What a network's arithmetic comes to.

use anyhow::{Context, Result};
use pellucid_shared::onnx::{Model, infer_shapes};
use pellucid_shared::zoo::{Architecture, Blueprint, build};

/// Floating-point operations of one image's forward pass through a ResNet-18 of this size: two for each
/// multiplication of its convolutions and its head, all else left out, as is the custom.
pub(super) fn forward(size: u32) -> Result<f64> {
    multiplications(&build(&Blueprint::new(
        Architecture::Resnet18,
        3,
        size as usize,
        0,
    ))?)
    .map(|count| 2.0 * count)
}

/// Those of one image's step of adversarial training, in forward passes: the attack's forward and input-gradient passes,
/// which cost as much, its last forward pass, and the step's own forward pass and gradient of inputs and weights.
pub(super) fn passes_of_step(attack_steps: usize) -> f64 {
    2.0 * attack_steps as f64 + 1.0 + 3.0
}

/// Multiplications per image in `Conv` and `Gemm`.
fn multiplications(model: &Model) -> Result<f64> {
    let shapes = infer_shapes(model)?;
    let size = |name: &str| -> Result<f64> {
        let shape = shapes
            .get(name)
            .with_context(|| format!("the shape of `{name}` is not known"))?;
        // The batch is open, and one image is counted.
        Ok(shape
            .iter()
            .map(|dim| dim.known().unwrap_or(1) as f64)
            .product())
    };
    let mut total = 0.0;
    for node in &model.graph().node {
        let (Some(weight), Some(output)) = (node.input.get(1), node.output.first()) else {
            continue;
        };
        if matches!(&node.op_type[..], "Conv" | "Gemm") {
            let weight = model.initializer(weight).context("a weight is computed")?;
            // A weight's first axis counts the outputs: `[M, C, kH, kW]` and, as the head has it, `[M, K]`.
            let per_output: i64 = weight.dims.iter().skip(1).product();
            total += size(output)? * per_output as f64;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torchvision's table of weights gives 1.81 GFLOPS, multiplications and additions counted as one, with 1,000 classes.
    #[test]
    fn a_resnet18_costs_what_torchvision_says() {
        let classes = 1000.0 * 512.0 - 3.0 * 512.0;
        let giga = (forward(224).unwrap() / 2.0 + classes) / 1e9;
        assert!((giga - 1.814).abs() < 0.001, "{giga}");
        assert_eq!(passes_of_step(7), 18.0);
    }
}
