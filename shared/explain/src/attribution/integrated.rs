use ndarray::Array3;

use super::found::Found;
use super::quadrature::Rule;
use super::runner::{Runner, Subject};
use super::{AttributionError, Baseline, Convergence, Map};

/// Integrated Gradients (Sundararajan, Taly and Yan, *Axiomatic Attribution for Deep Networks*, 2017), `[3, H, W]`:
///
/// ```text
/// (x − x′) · ∫₀¹ ∂score/∂x (x′ + α (x − x′)) dα
/// ```
///
/// averaged over the baselines x′. In units of the score: the attributions of a baseline add up to
/// `score(x) − score(x′)`, and how well they do is returned as [`Convergence`].
#[derive(Clone, Debug, PartialEq)]
pub struct IntegratedGradients {
    /// Points of the integral, per baseline.
    pub steps: usize,
    /// How they lie and count.
    pub rule: Rule,
    /// The baselines; each costs `steps` gradients. A random one may stand several times.
    pub baselines: Vec<Baseline>,
}

impl Default for IntegratedGradients {
    /// Fifty points of Gauss–Legendre from black, as Captum does it.
    fn default() -> Self {
        Self {
            steps: 50,
            rule: Rule::default(),
            baselines: vec![Baseline::Black],
        }
    }
}

impl IntegratedGradients {
    pub(super) fn check(&self) -> Result<(), AttributionError> {
        if self.steps == 0 {
            return Err(AttributionError::parameter(
                "Integrated Gradients need at least one step",
            ));
        }
        if self.baselines.is_empty() {
            return Err(AttributionError::parameter(
                "Integrated Gradients need a baseline",
            ));
        }
        Ok(())
    }

    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let nodes = self.rule.nodes(self.steps);
        runner.expect(self.baselines.len() * (nodes.len() + 1));
        let at_image = subject.aim.score(&subject.logits);
        let mut total = Array3::<f64>::zeros(subject.input.dim());
        let mut convergence = vec![];
        for (index, baseline) in self.baselines.iter().enumerate() {
            let start = subject.baseline(baseline, runner.job.seed, index);
            let way = &subject.input - &start;
            let mut integral = Array3::<f64>::zeros(way.dim());
            runner.gradients(
                subject.aim,
                nodes.len(),
                |step| &start + &way * nodes[step].at as f32,
                |step, grad| {
                    integral
                        .zip_mut_with(&grad, |sum, &g| *sum += nodes[step].weight * f64::from(g))
                },
            )?;
            let part = integral * way.mapv(f64::from);
            let mut at_baseline = 0.0;
            runner.forward(
                1,
                |_| start.clone(),
                |_, logits| at_baseline = subject.aim.score(logits),
            )?;
            let difference = at_image - at_baseline;
            convergence.push(Convergence {
                baseline: baseline.to_string(),
                delta: part.sum() - difference,
                difference,
            });
            total += &part;
        }
        let map = (total / self.baselines.len() as f64).mapv(|value| value as f32);
        Ok(Found {
            convergence,
            ..Found::new(Map::Channels(map))
        })
    }
}
