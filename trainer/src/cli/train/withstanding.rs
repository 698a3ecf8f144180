//! Options of the attack that a training withstands, and of how.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use pellucid_shared::card::Norm;

use crate::attack::{Attack, Keep, Target, is_ball};
use crate::cli::ball::length;
use crate::cli::values::{MOST_STEPS, NORMS, between, count, fraction, one_of};
use crate::train::{Defaults, Method, Objective};

/// The fewest steps of the attack that validation measures.
const VALIDATION_STEPS: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Withstanding {
    /// The ball of the attack to withstand; unconstrained and fourier have none, and --step-size says how far they go
    #[arg(long, default_value = "none", value_parser = one_of(balls()), requires_ifs = [("l1", "epsilon"), ("l2", "epsilon"), ("linf", "epsilon"), ("unconstrained", "step_size"), ("fourier", "step_size")])]
    adversarial: Ball,
    /// The ball's radius, with pixels in [0, 1], such as 1.5 or 8/255; without --adversarial it is used for measuring
    /// in validation only (L2)
    #[arg(long, value_parser = length, allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// How it goes: pgd, or fgsm, a single step from a random start
    #[arg(long, value_enum, default_value_t)]
    attack: Way,
    /// Steps of the attack [default: 7, resnet-small 3]
    #[arg(long, value_parser = count(1, MOST_STEPS))]
    steps: Option<usize>,
    /// Length of a step [default: 1.4 ε / steps, which is ε / 5 at seven steps; fgsm 1.25 ε]
    #[arg(long, value_parser = length, allow_negative_numbers = true)]
    step_size: Option<f64>,
    /// Where it starts
    #[arg(long, value_enum, default_value_t)]
    start: Start,
    /// Which image of its way is learnt from [default: best, fgsm last]
    #[arg(long, value_enum)]
    keep: Option<Keep>,
    /// How many ways it goes, of which the worst counts
    #[arg(long, default_value_t = 1, value_parser = count(1, MOST_STEPS))]
    restarts: usize,
    /// Aim at a class instead of away from the true one
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// How the attack is withstood
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    /// How much trades and mart weigh that the answer moves
    #[arg(long, default_value = "6", value_parser = between(0.0, 1e6), allow_negative_numbers = true)]
    beta: f64,
    /// How often the method free shows each batch
    #[arg(long, default_value_t = 4, value_parser = count(1, MOST_STEPS))]
    replays: usize,
    /// Learn where weights are moved against the training by this share of their length, such as 0.005
    #[arg(long, value_name = "SHARE", value_parser = between(0.0, 1.0), allow_negative_numbers = true)]
    awp: Option<f64>,
    /// Fraction of the epochs over which the attack grows to its full size [default: 0, resnet-small 0.3]
    #[arg(long, value_parser = fraction::<f64>, allow_negative_numbers = true)]
    pub(super) ramp: Option<f64>,
}

/// How an attack goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Way {
    #[default]
    Pgd,
    Fgsm,
}

/// Where an attack starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Start {
    /// Somewhere in the ball
    #[default]
    Random,
    /// At the image
    Image,
}

/// The ball of the attack, if any.
#[derive(Clone, Copy, Debug)]
struct Ball(Option<Norm>);

fn balls() -> impl Iterator<Item = (&'static str, Ball)> {
    let norms = NORMS.into_iter();
    std::iter::once(("none", Ball(None))).chain(norms.map(|(name, norm)| (name, Ball(Some(norm)))))
}

/// The attack that is trained against, and the one that validation measures.
pub(super) struct Attacks {
    pub(super) training: Option<Attack>,
    pub(super) validation: Option<Attack>,
}

impl Withstanding {
    pub(super) fn attacks(&self, defaults: &Defaults) -> Result<Attacks> {
        let training = self.adversarial.0.map(|norm| self.training(norm, defaults));
        let training = training.transpose()?;
        let steps = training.map_or(VALIDATION_STEPS, |attack| {
            attack.steps.max(VALIDATION_STEPS)
        });
        let validation = match (&training, self.epsilon) {
            (Some(attack), _) => Some(attack.to_measure(steps)?),
            (None, Some(epsilon)) => Some(Attack::for_evaluation(Norm::L2, epsilon, steps, None)?),
            (None, None) => None,
        };
        Ok(Attacks {
            training,
            validation,
        })
    }

    fn training(&self, norm: Norm, defaults: &Defaults) -> Result<Attack> {
        let steps = self.steps.unwrap_or(defaults.steps);
        let attack = if !is_ball(norm) {
            let size = self.step_size.context("--step-size says how far it goes")?;
            Attack::unconstrained(norm, steps, size)?
        } else {
            let epsilon = self.epsilon.context("--epsilon is the ball's radius")?;
            match self.attack {
                Way::Pgd => Attack::for_training(norm, epsilon, steps, self.step_size)?,
                Way::Fgsm => {
                    ensure!(
                        self.steps.is_none_or(|steps| steps == 1),
                        "--attack fgsm takes a single step: leave --steps out"
                    );
                    Attack::fgsm(norm, epsilon, self.step_size)?
                }
            }
        };
        Ok(Attack {
            random_start: self.start == Start::Random,
            keep: self.keep.unwrap_or(attack.keep),
            restarts: self.restarts,
            target: self.target,
            ..attack
        })
    }

    /// But for what concerns the labels.
    pub(super) fn objective(&self) -> Objective {
        Objective {
            method: self.method,
            beta: self.beta,
            replays: self.replays,
            weight_perturbation: self.awp,
            ..Objective::default()
        }
    }
}
