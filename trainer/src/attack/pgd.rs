//! Projected gradient descent: the attack of training and of evaluation.
//!
//! Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018), with the conventions of the
//! `robustness` library: pixels are in [0, 1], the L2 norm runs over all pixels and channels of an image, the start is
//! random in the ball, and of every image the iterate with the highest loss is kept.

use anyhow::{Result, ensure};
use pellucid_shared::card::Norm;
use serde::Serialize;
use tch::{Kind, Reduction, Tensor};

use crate::torch::{Mode, Network, gradients, random};

/// A projected gradient descent on pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attack {
    /// In which ball around the image the attack stays.
    pub norm: Norm,
    /// The ball's radius, at least 0.
    pub epsilon: f64,
    /// Steps from the random start, at least 1.
    pub steps: usize,
    /// Length of a step in the ball's norm.
    pub step_size: f64,
}

impl Attack {
    /// For training: steps of 1.4 ε / `steps` where no size is given, which is ε / 5 at seven steps
    /// (Margeloiu et al., 2020).
    ///
    /// # Errors
    /// As [`Attack::check`].
    pub fn for_training(
        norm: Norm,
        epsilon: f64,
        steps: usize,
        step_size: Option<f64>,
    ) -> Result<Self> {
        Self::with_default_step(norm, epsilon, steps, step_size, 1.4)
    }

    /// For evaluation: steps of 2.5 ε / `steps` where no size is given, so that every point of the ball can be reached
    /// from every start (Madry et al., 2018).
    ///
    /// # Errors
    /// As [`Attack::check`].
    pub fn for_evaluation(
        norm: Norm,
        epsilon: f64,
        steps: usize,
        step_size: Option<f64>,
    ) -> Result<Self> {
        Self::with_default_step(norm, epsilon, steps, step_size, 2.5)
    }

    fn with_default_step(
        norm: Norm,
        epsilon: f64,
        steps: usize,
        step_size: Option<f64>,
        factor: f64,
    ) -> Result<Self> {
        let attack = Self {
            norm,
            epsilon,
            steps,
            step_size: step_size.unwrap_or(factor * epsilon / steps.max(1) as f64),
        };
        attack.check()?;
        Ok(attack)
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Where ε or the step size is negative or not finite, or there is no step.
    pub fn check(&self) -> Result<()> {
        let sane = |value: f64| value.is_finite() && value >= 0.0;
        ensure!(
            sane(self.epsilon),
            "ε is {}: it must be 0 or more, such as 1.5 in the L2 ball or 0.03 in the L∞ ball",
            self.epsilon
        );
        ensure!(self.steps > 0, "an attack needs at least 1 step");
        ensure!(
            sane(self.step_size),
            "the step size is {}: it must be 0 or more, such as ε / 5",
            self.step_size
        );
        Ok(())
    }

    /// The same attack in a smaller ball.
    #[must_use]
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            epsilon: factor * self.epsilon,
            step_size: factor * self.step_size,
            ..self
        }
    }

    /// How to name it in a table: `PGD-7, L2, ε = 1.5`.
    #[must_use]
    pub fn describe(&self) -> String {
        let norm = match self.norm {
            Norm::L2 => "L2",
            Norm::Linf => "L∞",
        };
        format!("PGD-{}, {norm}, ε = {}", self.steps, self.epsilon)
    }

    /// A point of the ball around each image, uniform in it but for the clamping to [0, 1].
    fn start(&self, clean: &Tensor, seed: u64) -> Result<Tensor> {
        let shape = clean.size();
        let device = clean.device();
        let offset = match self.norm {
            Norm::Linf => random::uniform(seed, &shape, device)? * 2.0 - 1.0,
            Norm::L2 => {
                let direction = unit(&random::normal(seed, &shape, device)?)?;
                // The radius u^(1/d) makes the density uniform in a ball of d dimensions.
                let dimensions: i64 = shape.iter().skip(1).product();
                let images = per_image(&[shape[0]]);
                let radius = random::uniform(seed.wrapping_add(1), &images, device)?;
                direction * radius.f_pow_tensor_scalar(1.0 / dimensions.max(1) as f64)?
            }
        };
        let offset = offset.to_kind(clean.kind());
        Ok((clean + offset * self.epsilon).f_clamp(0.0, 1.0)?)
    }

    /// The way that raises the loss most for a step of length 1. A zero gradient has none and stays zero.
    fn direction(&self, gradient: &Tensor) -> Result<Tensor> {
        match self.norm {
            Norm::Linf => Ok(gradient.f_sign()?),
            Norm::L2 => unit(gradient),
        }
    }

    /// The nearest image in the ball, then in [0, 1]; the second step does not leave the ball, since the clean image
    /// lies in [0, 1] too and each pixel only moves towards it.
    fn project(&self, image: &Tensor, clean: &Tensor) -> Result<Tensor> {
        let offset = image - clean;
        let offset = match self.norm {
            Norm::Linf => offset.f_clamp(-self.epsilon, self.epsilon)?,
            Norm::L2 => {
                let length = norm(&offset)?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?;
                let factor = (length.f_reciprocal()? * self.epsilon).f_clamp_max(1.0)?;
                offset * factor
            }
        };
        Ok((clean + offset).f_clamp(0.0, 1.0)?)
    }
}

/// Attacks images `[N, 3, H, W]` in [0, 1] with true classes `labels` `[N]`: the images of the ball on which the
/// network's cross-entropy was highest along the way, of the start, every step and the end. The network computes in
/// [`Mode::Eval`]; its weights and their gradients stay untouched. The same seed gives the same attack.
///
/// The clean image is not among the candidates: on an image that the ball's points all classify better, the result's
/// loss is lower than the clean one's.
///
/// # Errors
/// As [`Attack::check`], and where the network fails.
pub fn pgd(
    network: &Network,
    images: &Tensor,
    labels: &Tensor,
    attack: &Attack,
    seed: u64,
) -> Result<Tensor> {
    watched_pgd(network, images, labels, attack, seed, |_, _| {})
}

/// As [`pgd`]; shows every iterate with its losses `[N]`.
fn watched_pgd(
    network: &Network,
    images: &Tensor,
    labels: &Tensor,
    attack: &Attack,
    seed: u64,
    mut watch: impl FnMut(&Tensor, &Tensor),
) -> Result<Tensor> {
    attack.check()?;
    let clean = images.detach();
    if attack.epsilon == 0.0 || clean.numel() == 0 {
        return Ok(clean.copy());
    }
    let mut image = attack.start(&clean, seed)?;
    let mut best = image.copy();
    let mut highest = Tensor::f_full(
        [clean.size()[0]],
        f64::NEG_INFINITY,
        (Kind::Float, clean.device()),
    )?;
    for step in 0..=attack.steps {
        let last = step == attack.steps;
        let (loss, gradient) = if last {
            (tch::no_grad(|| losses(network, &image, labels))?, None)
        } else {
            let (loss, gradient) = losses_and_gradient(network, &image, labels)?;
            (loss, Some(gradient))
        };
        watch(&image, &loss);
        let higher = loss.f_gt_tensor(&highest)?;
        best = image.f_where_self(&higher.f_view(&per_image(&loss.size())[..])?, &best)?;
        highest = loss.f_where_self(&higher, &highest)?;
        if let Some(gradient) = gradient {
            let moved = &image + attack.direction(&gradient)? * attack.step_size;
            image = attack.project(&moved, &clean)?;
        }
    }
    Ok(best)
}

/// The cross-entropy of each image, `[N]`.
pub(crate) fn losses(network: &Network, images: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let logits = network.forward(images, Mode::Eval)?.to_kind(Kind::Float);
    Ok(logits.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::None, -100, 0.0)?)
}

/// The losses and the gradient of their sum with respect to the images alone: no weight gets a gradient.
fn losses_and_gradient(
    network: &Network,
    images: &Tensor,
    labels: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let images = images.detach().f_set_requires_grad(true)?;
    let loss = losses(network, &images, labels)?;
    let sum = loss.f_sum(Kind::Float)?;
    let gradient = gradients(&sum, &[&images])?;
    let gradient = gradient
        .into_iter()
        .next()
        .unwrap_or_else(|| images.zeros_like());
    Ok((loss.detach(), gradient))
}

/// The shape `[N, 1, 1, 1]` that broadcasts a number per image over its pixels.
fn per_image(shape: &[i64]) -> [i64; 4] {
    [shape.first().copied().unwrap_or(0), 1, 1, 1]
}

/// The L2 norm over all but the first dimension, `[N, 1, 1, 1]`.
fn norm(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_norm_scalaropt_dim(2.0, &[1_i64, 2, 3][..], true)?)
}

/// Each image's vector at length 1; zero stays zero. Dividing by the largest component first keeps the squares of a tiny
/// gradient, as a confident network has it, from vanishing in float32.
fn unit(tensor: &Tensor) -> Result<Tensor> {
    let smallest = f64::from(f32::MIN_POSITIVE);
    let largest = tensor.f_abs()?.f_amax(&[1_i64, 2, 3][..], true)?;
    let scaled = tensor / largest.f_clamp_min(smallest)?;
    let length = norm(&scaled)?.f_clamp_min(smallest)?;
    Ok(scaled / length)
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use pellucid_shared::onnx::{Dim, GraphBuilder, Model};
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    use tch::Device;

    use super::*;

    const BOTH: [(Norm, f64); 2] = [(Norm::L2, 1.5), (Norm::Linf, 0.05)];

    fn network() -> Network {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap();
        Network::new(&model, Device::Cpu).unwrap()
    }

    /// Four images, black and white pixels among them, and their labels.
    fn batch() -> (Tensor, Tensor) {
        let images = random::uniform(7, &[4, 3, 32, 32], Device::Cpu).unwrap();
        let images = (images * 1.4 - 0.2).clamp(0.0, 1.0);
        (images, Tensor::from_slice(&[0_i64, 1, 2, 0]))
    }

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    /// The distance of each image from its clean one.
    fn distances(norm: Norm, images: &Tensor, clean: &Tensor) -> Vec<f64> {
        let offset = (images - clean).to_kind(Kind::Double).flatten(1, -1);
        match norm {
            Norm::L2 => numbers(&offset.norm_scalaropt_dim(2.0, [1], false)),
            Norm::Linf => numbers(&offset.abs().amax([1], false)),
        }
    }

    #[test]
    fn every_iterate_is_in_the_ball_and_an_image_and_the_best_is_kept() {
        let network = network();
        let (images, labels) = batch();
        for (norm, epsilon) in BOTH {
            let attack = Attack::for_evaluation(norm, epsilon, 5, None).unwrap();
            let mut highest = vec![f64::NEG_INFINITY; 4];
            let mut iterates = 0;
            let best = watched_pgd(&network, &images, &labels, &attack, 3, |image, _| {
                // Pixels are float32: adding an offset rounds each by up to 6e-8, of which the L2 norm makes 4e-6.
                let reach = epsilon * (1.0 + 1e-5);
                for distance in distances(norm, image, &images) {
                    assert!(distance <= reach, "{distance} > {epsilon}");
                }
                assert!(numbers(image).iter().all(|p| (0.0..=1.0).contains(p)));
                let loss = numbers(&losses(&network, image, &labels).unwrap());
                for (highest, loss) in highest.iter_mut().zip(loss) {
                    *highest = highest.max(loss);
                }
                iterates += 1;
            })
            .unwrap();
            assert_eq!(iterates, 6);
            let kept = numbers(&losses(&network, &best, &labels).unwrap());
            for (kept, highest) in kept.iter().zip(highest) {
                assert!((kept - highest).abs() < 1e-5, "{kept} {highest}");
            }
        }
    }

    #[test]
    fn it_raises_the_loss_and_leaves_the_network_alone() {
        let network = network();
        let (images, labels) = batch();
        let before = network.state();
        for (norm, epsilon) in BOTH {
            let attack = Attack::for_evaluation(norm, epsilon, 5, None).unwrap();
            let attacked = pgd(&network, &images, &labels, &attack, 0).unwrap();
            let clean = numbers(&losses(&network, &images, &labels).unwrap());
            let raised = numbers(&losses(&network, &attacked, &labels).unwrap());
            for (clean, raised) in clean.iter().zip(&raised) {
                assert!(raised > clean, "{norm:?}: {raised} {clean}");
            }
        }
        for ((name, before), (_, after)) in before.iter().zip(network.state()) {
            assert!(before.equal(&after), "{name} changed");
        }
        for (name, parameter) in network.parameters() {
            assert!(!parameter.grad().defined(), "{name} got a gradient");
        }
    }

    #[test]
    fn seeds_decide_and_no_radius_means_no_change() {
        let network = network();
        let (images, labels) = batch();
        for (norm, epsilon) in BOTH {
            let attack = |epsilon, seed| {
                let attack = Attack::for_training(norm, epsilon, 2, None).unwrap();
                pgd(&network, &images, &labels, &attack, seed).unwrap()
            };
            assert!(attack(epsilon, 1).equal(&attack(epsilon, 1)));
            assert!(!attack(epsilon, 1).equal(&attack(epsilon, 2)));
            assert!(attack(0.0, 1).equal(&images));
        }
    }

    /// The worst image of the ball is known for a linear network: `x ± ε w/‖w‖` and `x ± ε sign(w)`.
    fn linear() -> Model {
        let mut graph = GraphBuilder::new("linear");
        let image = graph.input(
            "image",
            &[
                Dim::Named("N".into()),
                Dim::Known(3),
                Dim::Known(1),
                Dim::Known(1),
            ],
        );
        let flat = graph.node("Flatten", "flat", &[&image], []);
        let weight = graph.floats(
            "weight",
            &arr2(&[[3.0_f32, 0.0], [0.0, 4.0], [0.0, 0.0]]).into_dyn(),
        );
        let logits = graph.node("MatMul", "logits", &[&flat, &weight], []);
        graph.output(&logits, None);
        graph.finish().unwrap()
    }

    #[test]
    fn a_linear_network_is_attacked_exactly() {
        let network = Network::new(&linear(), Device::Cpu).unwrap();
        let images = Tensor::full([1, 3, 1, 1], 0.5, (Kind::Float, Device::Cpu));
        let labels = Tensor::from_slice(&[0_i64]);
        for (norm, expected) in [
            (Norm::L2, [0.5 - 0.06, 0.5 + 0.08, 0.5]),
            (Norm::Linf, [0.4, 0.6, f64::NAN]),
        ] {
            let attack = Attack::for_evaluation(norm, 0.1, 200, Some(0.01)).unwrap();
            let attacked = pgd(&network, &images, &labels, &attack, 1).unwrap();
            for (found, expected) in numbers(&attacked).iter().zip(expected) {
                // The last pixel of the L∞ attack has no gradient and stays where it started.
                assert!(
                    expected.is_nan() || (found - expected).abs() < 2e-3,
                    "{norm:?}: {attacked}"
                );
            }
        }
    }

    #[test]
    fn a_zero_or_tiny_gradient_divides_by_nothing() {
        let zero = Tensor::zeros([1, 3, 2, 2], (Kind::Float, Device::Cpu));
        assert!(unit(&zero).unwrap().equal(&zero));
        let tiny = Tensor::full([1, 3, 2, 2], 1e-30, (Kind::Float, Device::Cpu));
        let length = numbers(&norm(&unit(&tiny).unwrap()).unwrap())[0];
        assert!((length - 1.0).abs() < 1e-6, "{length}");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (epsilon, steps, step, reason) in [
            (-1.0, 5, None, "ε is -1"),
            (f64::NAN, 5, None, "ε is NaN"),
            (f64::INFINITY, 5, None, "ε is inf"),
            (1.0, 0, None, "at least 1 step"),
            (1.0, 5, Some(-0.1), "step size is -0.1"),
        ] {
            for attack in [Attack::for_training, Attack::for_evaluation] {
                let error = attack(Norm::L2, epsilon, steps, step)
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(reason), "{error}");
            }
        }
    }
}
