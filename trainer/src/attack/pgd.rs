//! The way of an attack: projected gradient ascent on a loss.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::ball::per_image;
use super::losses::cross_entropy;
use super::{Attack, Keep, Target};
use crate::torch::{Mode, Network, gradients, random};

/// What an attack makes as high as it can: the loss of each image `[N]` by the logits `[N, K]`.
pub(super) type Loss<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

/// Attacks images `[N, 3, H, W]` in [0, 1] with true classes `labels` `[N]`, or shares of classes `[N, K]`: the images of the ball on
/// which the network's cross-entropy was highest along the way, of the start, every step and the end. The network computes in
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
    match attack.target {
        None => maximise(network, images, attack, seed, &|logits| {
            cross_entropy(logits, labels)
        }),
        Some(target) => {
            let aims = aims(network, images, labels, target, seed)?;
            maximise(network, images, attack, seed, &|logits| {
                Ok(-cross_entropy(logits, &aims)?)
            })
        }
    }
}

/// As [`pgd`], with a loss of the caller's.
pub(crate) fn maximise(
    network: &Network,
    images: &Tensor,
    attack: &Attack,
    seed: u64,
    loss: &Loss<'_>,
) -> Result<Tensor> {
    watched(network, images, attack, seed, loss, |_, _| {})
}

/// As [`maximise`]; shows every iterate with its losses `[N]`.
fn watched(
    network: &Network,
    images: &Tensor,
    attack: &Attack,
    seed: u64,
    loss: &Loss<'_>,
    mut watch: impl FnMut(&Tensor, &Tensor),
) -> Result<Tensor> {
    attack.check()?;
    let clean = images.detach();
    if attack.stands_still() || clean.numel() == 0 {
        return Ok(clean.copy());
    }
    let mut best = clean.copy();
    let mut highest = Tensor::f_full(
        [clean.size()[0]],
        f64::NEG_INFINITY,
        (Kind::Float, clean.device()),
    )?;
    let mut take = |image: &Tensor, losses: &Tensor| -> Result<()> {
        let higher = losses.f_gt_tensor(&highest)?;
        best = image.f_where_self(&higher.f_view(&per_image(&losses.size())[..])?, &best)?;
        highest = losses.f_where_self(&higher, &highest)?;
        Ok(())
    };
    for restart in 0..attack.restarts {
        let mut position = attack.embed(&clean)?;
        if attack.random_start {
            let seed = seed.wrapping_add((restart as u64) << 32);
            position = attack.perturbed(&position, seed)?;
        }
        for _ in 0..attack.steps {
            let at = position.detach().f_set_requires_grad(true)?;
            let image = attack.images(&at, &clean.size())?;
            let losses = loss(&logits(network, &image)?)?;
            let gradient = gradients(&losses.f_sum(Kind::Float)?, &[&at])?;
            let (image, losses) = (image.detach(), losses.detach());
            watch(&image, &losses);
            if attack.keep == Keep::Best {
                take(&image, &losses)?;
            }
            if let Some(gradient) = gradient.first() {
                position = attack.project(&attack.moved(&position, gradient)?, &clean)?;
            }
        }
        let last = attack.images(&position, &clean.size())?.detach();
        if attack.keep == Keep::Last && attack.restarts == 1 {
            return Ok(last);
        }
        let losses = tch::no_grad(|| loss(&logits(network, &last)?))?;
        watch(&last, &losses);
        take(&last, &losses)?;
    }
    Ok(best)
}

/// Logits `[N, K]`, float32, as the network is used.
pub(super) fn logits(network: &Network, images: &Tensor) -> Result<Tensor> {
    Ok(network.forward(images, Mode::Eval)?.to_kind(Kind::Float))
}

/// The class that each image's attack aims at, `[N]`.
fn aims(
    network: &Network,
    images: &Tensor,
    labels: &Tensor,
    target: Target,
    seed: u64,
) -> Result<Tensor> {
    let logits = tch::no_grad(|| logits(network, images))?;
    let own = match labels.kind() {
        Kind::Int64 => labels.shallow_clone(),
        _ => labels.f_argmax(1, false)?,
    };
    let scores = match target {
        Target::LeastLikely => -logits,
        Target::Random => {
            random::uniform(seed.wrapping_add(1 << 48), &logits.size(), logits.device())?
        }
    };
    let never = scores.f_scatter_value(1, &own.f_unsqueeze(1)?, f64::NEG_INFINITY)?;
    Ok(never.f_argmax(1, false)?)
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use pellucid_shared::onnx::{Dim, GraphBuilder, Model};
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    use tch::Device;

    use pellucid_shared::card::Norm;

    use super::*;

    const BALLS: [(Norm, f64); 3] = [(Norm::L2, 1.5), (Norm::Linf, 0.05), (Norm::L1, 20.0)];

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

    fn losses(network: &Network, images: &Tensor, labels: &Tensor) -> Result<Tensor> {
        cross_entropy(&logits(network, images)?, labels)
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
            Norm::L1 => numbers(&offset.norm_scalaropt_dim(1.0, [1], false)),
            _ => vec![],
        }
    }

    #[test]
    fn every_iterate_is_in_the_ball_and_an_image_and_the_best_is_kept() {
        let network = network();
        let (images, labels) = batch();
        for (norm, epsilon) in BALLS {
            let attack = Attack::for_evaluation(norm, epsilon, 5, None).unwrap();
            let mut highest = vec![f64::NEG_INFINITY; 4];
            let mut iterates = 0;
            let entropy = |logits: &Tensor| cross_entropy(logits, &labels);
            let best = watched(&network, &images, &attack, 3, &entropy, |image, _| {
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
        for (norm, epsilon) in BALLS {
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
        for (norm, epsilon) in BALLS {
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
    fn restarts_and_more_candidates_never_lower_the_loss_and_the_last_is_the_last() {
        let network = network();
        let (images, labels) = batch();
        let entropy = |logits: &Tensor| cross_entropy(logits, &labels);
        let once = Attack::for_training(Norm::L2, 1.5, 3, None).unwrap();
        let thrice = Attack {
            restarts: 3,
            ..once
        };
        let loss = |attack: &Attack| {
            let image = pgd(&network, &images, &labels, attack, 1).unwrap();
            numbers(&losses(&network, &image, &labels).unwrap())
        };
        for (once, thrice) in loss(&once).iter().zip(loss(&thrice)) {
            assert!(thrice >= once - 1e-6);
        }
        let last = Attack {
            keep: Keep::Last,
            ..once
        };
        let mut way = vec![];
        let _ = watched(&network, &images, &once, 1, &entropy, |image, _| {
            way.push(image.copy())
        })
        .unwrap();
        let found = pgd(&network, &images, &labels, &last, 1).unwrap();
        assert!(found.equal(way.last().unwrap()));
        let still = Attack {
            random_start: false,
            ..once
        };
        let mut way = vec![];
        let _ = watched(&network, &images, &still, 1, &entropy, |image, _| {
            way.push(image.copy())
        })
        .unwrap();
        assert!(way[0].equal(&images));
    }

    #[test]
    fn a_targeted_attack_raises_its_class_and_never_aims_at_the_true_one() {
        let network = network();
        let (images, labels) = batch();
        for target in [Target::LeastLikely, Target::Random] {
            let aims = aims(&network, &images, &labels, target, 5).unwrap();
            assert!(!aims.eq_tensor(&labels).any().int64_value(&[]) != 0);
            let attack = Attack {
                target: Some(target),
                ..Attack::for_evaluation(Norm::Linf, 0.05, 5, None).unwrap()
            };
            let attacked = pgd(&network, &images, &labels, &attack, 5).unwrap();
            let before = numbers(&losses(&network, &images, &aims).unwrap());
            let after = numbers(&losses(&network, &attacked, &aims).unwrap());
            for (before, after) in before.iter().zip(after) {
                assert!(after < *before, "{target:?}: {after} {before}");
            }
        }
    }

    #[test]
    fn without_a_ball_and_in_the_spectrum_the_loss_rises_too() {
        let network = network();
        let (images, labels) = batch();
        let clean = numbers(&losses(&network, &images, &labels).unwrap());
        for (norm, size) in [(Norm::Unconstrained, 10.0), (Norm::Fourier, 100.0)] {
            let attack = Attack::unconstrained(norm, 5, size).unwrap();
            let attacked = pgd(&network, &images, &labels, &attack, 0).unwrap();
            assert!(
                attacked.min().double_value(&[]) >= 0.0 && attacked.max().double_value(&[]) <= 1.0
            );
            let raised = numbers(&losses(&network, &attacked, &labels).unwrap());
            for (clean, raised) in clean.iter().zip(&raised) {
                assert!(raised > clean, "{norm:?}: {raised} {clean}");
            }
        }
    }
}
