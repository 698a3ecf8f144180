//! The attacks that a network is to withstand.

use anyhow::{Context, Result};

use super::found::Step;
use super::{Args, Kind};
use crate::attack::{Attack, AutoAttack, is_ball};
use crate::data::Examples;
use crate::evaluate::{Measured, further_attacked, withstood};
use crate::progress::Progress;
use crate::torch::Network;

/// Steps of PGD.
const STEPS: usize = 20;

/// Attacks from the smallest ball to the largest.
pub(super) struct Plan {
    attacks: Vec<Planned>,
    restarts: usize,
    seed: u64,
}

enum Planned {
    Pgd(Attack),
    AutoAttack(AutoAttack),
}

impl Plan {
    /// What the options ask for.
    ///
    /// # Errors
    /// Where they make no sense together.
    pub(super) fn of(args: &Args) -> Result<Self> {
        let mut radii = args.epsilon.clone();
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        let pgd = |attack: Result<Attack>| attack.map(Planned::Pgd);
        let steps = args.steps.unwrap_or(STEPS);
        let attacks = match args.attack {
            Kind::AutoAttack => {
                let made = |&epsilon: &f64| -> Result<Planned> {
                    let standard = AutoAttack::standard(args.norm, epsilon)?;
                    Ok(Planned::AutoAttack(AutoAttack {
                        steps: args.steps.unwrap_or(standard.steps),
                        restarts: args.restarts,
                        queries: args.queries,
                        ..standard
                    }))
                };
                radii.iter().map(made).collect::<Result<_>>()?
            }
            Kind::Pgd if is_ball(args.norm) => {
                let made = |&epsilon: &f64| {
                    pgd(Attack::for_evaluation(
                        args.norm,
                        epsilon,
                        steps,
                        args.step_size,
                    ))
                };
                radii.iter().map(made).collect::<Result<_>>()?
            }
            Kind::Pgd => {
                let size = args.step_size.context(
                    "an attack without a ball goes as far as --step-size says: give it too",
                )?;
                vec![pgd(Attack::unconstrained(args.norm, steps, size))?]
            }
        };
        Ok(Self {
            attacks,
            restarts: args.restarts,
            seed: args.seed,
        })
    }

    /// Attacks as planned. What turns an answer in a ball does so in every larger one: each begins with the worst answers so far.
    ///
    /// # Errors
    /// Where an image cannot be used, or the network fails.
    pub(super) fn carry_out(
        &self,
        network: &Network,
        examples: &Examples,
        clean: &Measured,
        progress: &Progress,
    ) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = vec![];
        for planned in &self.attacks {
            let before = steps.last().map_or(clean, |step| &step.measured);
            let step = match planned {
                Planned::Pgd(attack) => self.pgd(network, examples, attack, before, progress)?,
                Planned::AutoAttack(attack) => {
                    let bar = progress.bar(&format!("ε = {}", attack.epsilon), examples.len());
                    let (measured, turned) =
                        withstood(network, examples, attack, self.seed, before, &bar)?;
                    bar.finish_and_clear();
                    Step {
                        name: attack.describe(examples.dataset.classes.len()),
                        epsilon: Some(attack.epsilon),
                        measured,
                        turned,
                    }
                }
            };
            steps.push(step);
        }
        Ok(steps)
    }

    fn pgd(
        &self,
        network: &Network,
        examples: &Examples,
        attack: &Attack,
        before: &Measured,
        progress: &Progress,
    ) -> Result<Step> {
        let bar = progress.bar("attacked", examples.len());
        let (restarts, seed) = (self.restarts, self.seed);
        let measured = further_attacked(network, examples, attack, restarts, seed, before, &bar)?;
        bar.finish_and_clear();
        let mut name = attack.describe();
        if restarts > 1 {
            name.push_str(&format!(", worst of {restarts}"));
        }
        Ok(Step {
            name,
            epsilon: is_ball(attack.norm).then_some(attack.epsilon),
            measured,
            turned: vec![],
        })
    }
}
