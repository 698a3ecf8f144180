use ndarray::Array3;

use super::found::Found;
use super::noise::{Purpose, Stream};
use super::runner::{Runner, Subject};
use super::{AttributionError, Baseline, Map};

/// Expected gradients (Erion et al., *Improving Performance of Deep Learning Models with Axiomatic Attribution Priors and
/// Expected Gradients*, 2021; Captum's `GradientShap` without input noise), `[3, H, W]`:
///
/// ```text
/// E over x′ and α of (x − x′) · ∂score/∂x (x′ + α (x − x′)),   α uniform in [0, 1)
/// ```
///
/// It is the mean of Integrated Gradients over the baselines, estimated with one gradient per sample: many baselines cost
/// no more than one. A random baseline is drawn anew for every sample. In units of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedGradients {
    /// The samples.
    pub paths: Paths,
    /// The baselines, each as likely as the other.
    pub baselines: Vec<Baseline>,
}

/// Which points between baselines and image are looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Paths {
    /// So many: the baselines take turns, α is random.
    Random(usize),
    /// These: the baseline's position in the list, and α.
    Given(Vec<(usize, f32)>),
}

impl ExpectedGradients {
    pub(super) fn check(&self) -> Result<(), AttributionError> {
        if self.baselines.is_empty() {
            return Err(AttributionError::parameter(
                "expected gradients need a baseline",
            ));
        }
        match &self.paths {
            Paths::Given(paths)
                if paths
                    .iter()
                    .any(|(index, _)| *index >= self.baselines.len()) =>
            {
                Err(AttributionError::parameter(
                    "a path starts at a baseline that is not in the list",
                ))
            }
            _ if self.samples() == 0 => Err(AttributionError::parameter(
                "expected gradients need at least one sample",
            )),
            _ => Ok(()),
        }
    }

    fn samples(&self) -> usize {
        match &self.paths {
            Paths::Random(samples) => *samples,
            Paths::Given(paths) => paths.len(),
        }
    }

    /// The baseline's position and α of a sample.
    fn path(&self, seed: u64, sample: usize) -> (usize, f32) {
        match &self.paths {
            Paths::Random(_) => {
                let mut stream = Stream::new(seed, Purpose::ExpectedGradients, sample);
                (sample % self.baselines.len(), stream.unit())
            }
            Paths::Given(paths) => paths[sample],
        }
    }

    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let (seed, samples) = (runner.job.seed, self.samples());
        // A blur is computed once; noise is drawn for every sample, twice rather than kept.
        let fixed: Vec<Option<Array3<f32>>> = self
            .baselines
            .iter()
            .map(|baseline| (!baseline.is_random()).then(|| subject.baseline(baseline, seed, 0)))
            .collect();
        let start = |sample: usize| {
            let (index, _) = self.path(seed, sample);
            let drawn = || subject.baseline(&self.baselines[index], seed, sample);
            fixed[index].clone().unwrap_or_else(drawn)
        };
        let mut sum = Array3::<f64>::zeros(subject.input.dim());
        runner.expect(samples);
        runner.gradients(
            subject.aim,
            samples,
            |sample| {
                let (start, (_, share)) = (start(sample), self.path(seed, sample));
                let way = &subject.input - &start;
                start + way * share
            },
            |sample, grad| {
                let way = &subject.input - &start(sample);
                ndarray::Zip::from(&mut sum)
                    .and(&way)
                    .and(&grad)
                    .for_each(|sum, &way, &grad| *sum += f64::from(way) * f64::from(grad));
            },
        )?;
        let map = (sum / samples as f64).mapv(|value| value as f32);
        Ok(Found::new(Map::Channels(map)))
    }
}
