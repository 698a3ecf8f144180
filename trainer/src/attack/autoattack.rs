//! AutoAttack: four attacks that fail in different ways, one after the other.
//!
//! Croce and Hein, *Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks* (2020), its standard version. No
//! figure of it needs a step size to be chosen, and a network that hides its gradients still has to withstand Square.

use anyhow::{Result, ensure};
use pellucid_shared::card::Norm;
use serde::Serialize;
use tch::Tensor;

use super::Attack;
use super::apgd::apgd;
use super::fab::fab;
use super::losses::{LEAST_FOR_RATIO, cross_entropy, ratio, wrong_classes};
use super::pgd::logits;
use super::square::square;
use crate::torch::Network;

/// The most classes that an image is pushed towards, by falling logits.
const MOST_TARGETS: usize = 9;

/// The ensemble's settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoAttack {
    /// [`Norm::L2`] or [`Norm::Linf`].
    pub norm: Norm,
    /// The ball's radius, at least 0.
    pub epsilon: f64,
    /// Steps of APGD and FAB; the paper has 100.
    pub steps: usize,
    /// Ways of APGD and FAB, each from its own start; the paper's standard version has 1.
    pub restarts: usize,
    /// Answers of the network that Square asks for; the paper has 5000.
    pub queries: usize,
}

/// One of the attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Stage {
    /// APGD on the cross-entropy.
    #[serde(rename = "APGD-CE")]
    ApgdCe,
    /// APGD towards one class at a time, on the difference of logits ratio.
    #[serde(rename = "APGD-T")]
    ApgdT,
    /// FAB towards one class at a time.
    #[serde(rename = "FAB-T")]
    FabT,
    /// Square Attack.
    Square,
}

/// One try of one of the attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which attack.
    pub stage: Stage,
    /// The place of the class that it aims at, among the wrong ones by falling logits.
    target: usize,
    /// Which start.
    restart: usize,
}

impl Stage {
    /// As it is published.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ApgdCe => "APGD-CE",
            Self::ApgdT => "APGD-T",
            Self::FabT => "FAB-T",
            Self::Square => "Square",
        }
    }
}

impl AutoAttack {
    /// The published settings.
    ///
    /// # Errors
    /// In another ball than L2 and L∞, and as [`Attack::check`].
    pub fn standard(norm: Norm, epsilon: f64) -> Result<Self> {
        ensure!(
            matches!(norm, Norm::L2 | Norm::Linf),
            "AutoAttack is made for the L2 and the L∞ ball: choose --norm l2 or linf, or --attack pgd"
        );
        let attack = Self {
            norm,
            epsilon,
            steps: 100,
            restarts: 1,
            queries: 5000,
        };
        attack.ball()?;
        Ok(attack)
    }

    /// Everything that is tried on an image of so many classes, until it is told wrongly: the cheapest attack first.
    #[must_use]
    pub fn attempts(&self, classes: usize) -> Vec<Attempt> {
        let targets = classes.saturating_sub(1).min(MOST_TARGETS);
        if self.epsilon == 0.0 || targets == 0 {
            return vec![];
        }
        let mut attempts = vec![];
        for (stage, targets, restarts) in [
            (Stage::ApgdCe, 1, self.restarts),
            (Stage::ApgdT, targets, self.restarts),
            (Stage::FabT, targets, self.restarts),
            (Stage::Square, 1, 1),
        ] {
            for target in 0..targets {
                attempts.extend((0..restarts).map(|restart| Attempt {
                    stage,
                    target,
                    restart,
                }));
            }
        }
        attempts
    }

    /// Tries one of them on images `[N, 3, H, W]` in [0, 1] with true classes `labels` `[N]`: an image for each, which lies in the ball or is the
    /// clean one. The same seed gives the same.
    ///
    /// # Errors
    /// As [`AutoAttack::standard`], and where the network fails.
    pub fn attempt(
        &self,
        network: &Network,
        images: &Tensor,
        labels: &Tensor,
        attempt: Attempt,
        seed: u64,
    ) -> Result<Tensor> {
        let ball = self.ball()?;
        let targets = || -> Result<Tensor> {
            let logits = tch::no_grad(|| logits(network, images))?;
            Ok(wrong_classes(&logits, labels)?.f_select(1, attempt.target as i64)?)
        };
        let found = match attempt.stage {
            Stage::ApgdCe => apgd(network, images, labels, &ball, seed, &|logits| {
                cross_entropy(logits, labels)
            })?,
            Stage::ApgdT => {
                let targets = targets()?;
                apgd(network, images, labels, &ball, seed, &|logits| {
                    ratio(logits, labels, &targets)
                })?
            }
            Stage::FabT => {
                let start = (attempt.restart > 0).then_some(seed);
                fab(network, images, labels, &targets()?, &ball, start)?
            }
            Stage::Square => square(network, images, labels, &ball, self.queries, seed)?,
        };
        // FAB knows no radius; and nothing that left the ball by a mistake of ours is ever counted.
        let holds = ball.holds(&found, images)?;
        let holds = holds.f_view(&super::ball::per_image(&holds.size())[..])?;
        Ok(found.f_where_self(&holds, images)?)
    }

    fn ball(&self) -> Result<Attack> {
        let ball = Attack::for_evaluation(self.norm, self.epsilon, self.steps, None)?;
        ensure!(self.queries > 0, "Square needs at least 1 query");
        Ok(ball)
    }

    /// How to name it in a table of a network with so many classes.
    #[must_use]
    pub fn describe(&self, classes: usize) -> String {
        let loss = if (classes as i64) < LEAST_FOR_RATIO {
            format!(
                "of zₜ − z_y, since the targeted difference of logits ratio needs 4 classes and these are {classes}"
            )
        } else {
            "of the difference of logits ratio".to_owned()
        };
        let again = match self.restarts {
            1 => String::new(),
            many => format!(" from {many} starts"),
        };
        format!(
            "AutoAttack (APGD-CE, APGD-T {loss}, FAB-T: {} steps{again}; Square: {} queries), {}, ε = {}",
            self.steps,
            self.queries,
            self.norm.symbol(),
            self.epsilon
        )
    }
}

#[cfg(test)]
mod tests {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    use tch::{Device, Kind};

    use super::*;
    use crate::torch::random;

    fn network(classes: usize) -> Network {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, classes, 32, 1)).unwrap();
        Network::new(&model, Device::Cpu).unwrap()
    }

    /// Images that the network tells rightly, since its own answers are their labels.
    fn batch(network: &Network) -> (Tensor, Tensor) {
        let images = random::uniform(7, &[3, 3, 32, 32], Device::Cpu).unwrap();
        let images = (images * 1.4 - 0.2).clamp(0.0, 1.0);
        let labels = tch::no_grad(|| logits(network, &images))
            .unwrap()
            .argmax(1, false);
        (images, labels)
    }

    #[test]
    fn every_attempt_stays_in_the_ball_and_the_image_and_the_seed_decides() {
        for classes in [2, 4] {
            let network = network(classes);
            let (images, labels) = batch(&network);
            for (norm, epsilon) in [(Norm::L2, 0.4), (Norm::Linf, 0.02)] {
                let attack = AutoAttack {
                    steps: 4,
                    queries: 12,
                    restarts: 2,
                    ..AutoAttack::standard(norm, epsilon).unwrap()
                };
                let attempts = attack.attempts(classes);
                assert_eq!(attempts.len(), 2 + 4 * (classes - 1) + 1);
                for attempt in attempts {
                    let run = |seed| {
                        let found = attack.attempt(&network, &images, &labels, attempt, seed);
                        found.unwrap()
                    };
                    let found = run(3);
                    let offset = (&found - &images).to_kind(Kind::Double).flatten(1, -1);
                    let size = match norm {
                        Norm::Linf => offset.abs().max(),
                        _ => offset.norm_scalaropt_dim(2.0, [1], false).max(),
                    };
                    let size = size.double_value(&[]);
                    assert!(size <= epsilon * (1.0 + 1e-5) + 4e-6, "{attempt:?}: {size}");
                    let (low, high) = (found.min(), found.max());
                    assert!(low.double_value(&[]) >= 0.0 && high.double_value(&[]) <= 1.0);
                    assert!(found.equal(&run(3)), "{attempt:?}");
                    let by_chance = attempt.stage != Stage::FabT || attempt.restart > 0;
                    if by_chance && attempt.stage != Stage::FabT {
                        assert!(!found.equal(&run(4)), "{attempt:?}");
                    }
                }
            }
        }
    }

    /// The random network's margins are small, so that what raises the loss at all crosses a boundary in a large ball.
    #[test]
    fn each_attack_alone_turns_answers_wrong() {
        let network = network(4);
        let (images, labels) = batch(&network);
        for (norm, epsilon) in [(Norm::L2, 12.0), (Norm::Linf, 0.3)] {
            let attack = AutoAttack {
                steps: 20,
                queries: 300,
                ..AutoAttack::standard(norm, epsilon).unwrap()
            };
            for stage in [Stage::ApgdCe, Stage::ApgdT, Stage::FabT, Stage::Square] {
                let mut standing = 3;
                for attempt in attack.attempts(4).into_iter().filter(|a| a.stage == stage) {
                    let found = attack
                        .attempt(&network, &images, &labels, attempt, 0)
                        .unwrap();
                    let answers = tch::no_grad(|| logits(&network, &found)).unwrap();
                    let right = answers.argmax(1, false).eq_tensor(&labels);
                    standing = standing.min(right.sum(Kind::Int64).int64_value(&[]));
                }
                assert!(standing < 3, "{norm:?} {stage:?} turned no answer");
            }
        }
    }

    #[test]
    fn other_balls_are_refused_and_the_published_settings_are_those() {
        for norm in [Norm::L1, Norm::Fourier, Norm::Unconstrained] {
            let error = AutoAttack::standard(norm, 1.0).unwrap_err().to_string();
            assert!(error.contains("--norm l2 or linf"), "{error}");
        }
        assert!(AutoAttack::standard(Norm::L2, f64::NAN).is_err());
        let attack = AutoAttack::standard(Norm::Linf, 0.5).unwrap();
        assert_eq!(attack.attempts(10).len(), 1 + 9 + 9 + 1);
        assert_eq!(attack.attempts(1000).len(), 1 + 9 + 9 + 1);
        assert!(attack.attempts(1).is_empty());
        assert!(
            attack
                .describe(3)
                .contains("needs 4 classes and these are 3")
        );
        assert!(
            attack
                .describe(4)
                .contains("difference of logits ratio, FAB-T: 100 steps; Square: 5000")
        );
    }
}
