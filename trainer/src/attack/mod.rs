//! Perturbations that make a network wrong.
//!
//! Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks* (2018), with the conventions of the
//! `robustness` library: pixels are in [0, 1], norms run over all pixels and channels of an image, the start is random in the ball,
//! and of every image the iterate with the highest loss is kept.

mod apgd;
mod autoattack;
mod ball;
mod fab;
mod hyperplane;
mod losses;
mod pgd;
mod square;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use pellucid_shared::card::Norm;
use serde::Serialize;

pub use autoattack::{Attempt, AutoAttack, Stage};
pub(crate) use pgd::maximise;
pub use pgd::pgd;

/// A projected gradient descent on pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attack {
    /// In which ball around the image the attack stays.
    pub norm: Norm,
    /// The ball's radius, at least 0; without meaning where there is no ball.
    pub epsilon: f64,
    /// Steps from the start, at least 1.
    pub steps: usize,
    /// Length of a step in the ball's norm; where there is no ball, what the gradient is multiplied with.
    pub step_size: f64,
    /// Whether it starts at random in the ball; otherwise at the image.
    pub random_start: bool,
    /// Which image of the way is the result.
    pub keep: Keep,
    /// How many ways are gone, each from its own start; of the results that with the highest loss counts.
    pub restarts: usize,
    /// The class that the network is to be made to see; `None` where any wrong one will do.
    pub target: Option<Target>,
}

/// Which image of an attack's way is its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The one with the highest loss.
    #[default]
    Best,
    /// The last, which costs one forward pass less.
    Last,
}

/// The class that a targeted attack aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The one that the network finds least likely (Kurakin et al., *Adversarial Machine Learning at Scale*, 2017).
    LeastLikely,
    /// Any but the true one.
    Random,
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

    /// The fast gradient sign method with a random start and a step of 1.25 ε (Wong et al., *Fast is better than free*, 2020).
    ///
    /// # Errors
    /// As [`Attack::check`].
    pub fn fgsm(norm: Norm, epsilon: f64, step_size: Option<f64>) -> Result<Self> {
        let attack = Self::with_default_step(norm, epsilon, 1, step_size, 1.25)?;
        Ok(Self {
            keep: Keep::Last,
            ..attack
        })
    }

    /// Without a ball: every step goes along the gradient as it is.
    ///
    /// # Errors
    /// As [`Attack::check`].
    pub fn unconstrained(norm: Norm, steps: usize, step_size: f64) -> Result<Self> {
        Self::with_default_step(norm, 0.0, steps, Some(step_size), 0.0)
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
            random_start: true,
            keep: Keep::Best,
            restarts: 1,
            target: None,
        };
        attack.check()?;
        Ok(attack)
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Where ε or the step size is negative or not finite, or there is no step or no way.
    pub fn check(&self) -> Result<()> {
        let sane = |value: f64| value.is_finite() && value >= 0.0;
        ensure!(
            sane(self.epsilon),
            "ε is {}: it must be 0 or more, such as 1.5 in the L2 ball or 0.03 in the L∞ ball",
            self.epsilon
        );
        ensure!(self.steps > 0, "an attack needs at least 1 step");
        ensure!(self.restarts > 0, "an attack needs at least 1 start");
        ensure!(
            sane(self.step_size),
            "the step size is {}: it must be 0 or more, such as ε / 5",
            self.step_size
        );
        Ok(())
    }

    /// Whether it changes nothing.
    fn stands_still(&self) -> bool {
        if is_ball(self.norm) {
            self.epsilon == 0.0
        } else {
            self.step_size == 0.0
        }
    }

    /// The same kind of attack with so many steps, strong enough to measure with.
    ///
    /// # Errors
    /// As [`Attack::check`].
    pub fn to_measure(&self, steps: usize) -> Result<Self> {
        if is_ball(self.norm) {
            Self::for_evaluation(self.norm, self.epsilon, steps, None)
        } else {
            Self::unconstrained(self.norm, steps, self.step_size)
        }
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
        let mut text = format!("PGD-{}", self.steps);
        if self.restarts > 1 {
            text += &format!(" × {}", self.restarts);
        }
        text += &format!(", {}", self.norm.symbol());
        if is_ball(self.norm) {
            text += &format!(", ε = {}", self.epsilon);
        } else {
            text += &format!(", steps of {}", self.step_size);
        }
        match self.target {
            Some(Target::LeastLikely) => text += ", towards the least likely class",
            Some(Target::Random) => text += ", towards a random class",
            None => {}
        }
        text
    }
}

/// Whether a norm's attacks stay in a ball.
#[must_use]
pub fn is_ball(norm: Norm) -> bool {
    !matches!(norm, Norm::Unconstrained | Norm::Fourier)
}

#[cfg(test)]
mod tests {
    use super::*;

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
