//! How far figures may be off because these images were measured and not others.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::sample::{Counted, Sample};

/// How often images are drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Resamples; 0 for no intervals.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// 95 % intervals: from the 2.5th to the 97.5th percentile of the figures of resamples (Efron, 1979). Images are drawn with replacement within each class, so that every
/// resample has the classes' counts and every figure is defined in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Intervals {
    /// How many resamples there were.
    pub resamples: usize,
    /// Of the accuracy.
    #[serde(rename = "accuracy_interval")]
    pub accuracy: [f64; 2],
    /// Of the balanced accuracy.
    #[serde(rename = "balanced_accuracy_interval")]
    pub balanced_accuracy: [f64; 2],
    /// Of the macro F1.
    #[serde(rename = "macro_f1_interval")]
    pub macro_f1: [f64; 2],
    /// Of the macro AUROC, where it is defined.
    #[serde(
        rename = "macro_auroc_interval",
        skip_serializing_if = "Option::is_none"
    )]
    pub macro_auroc: Option<[f64; 2]>,
    /// Of the expected calibration error, where it is defined.
    #[serde(rename = "ece_interval", skip_serializing_if = "Option::is_none")]
    pub ece: Option<[f64; 2]>,
}

impl Bootstrap {
    /// The intervals; `None` where none are wanted, and where a class has a single image, which every resample would repeat as if it could not be
    /// otherwise.
    pub(super) fn intervals(self, sample: &Sample) -> Option<Intervals> {
        let members = sample.by_class();
        let single = members.iter().any(|images| images.len() == 1);
        if self.resamples == 0 || single || sample.len() == 0 {
            return None;
        }
        let mut dice = ChaCha8Rng::seed_from_u64(self.seed);
        let mut weights = vec![0_u32; sample.len()];
        let mut draws: Vec<Counted> = vec![];
        for _ in 0..self.resamples {
            weights.fill(0);
            for images in members.iter().filter(|images| !images.is_empty()) {
                for _ in 0..images.len() {
                    weights[images[dice.random_range(0..images.len())]] += 1;
                }
            }
            draws.push(sample.count(&weights));
        }
        let of = |figure: fn(&Counted) -> Option<f64>| {
            let figures: Option<Vec<f64>> = draws.iter().map(figure).collect();
            figures.map(between_percentiles)
        };
        Some(Intervals {
            resamples: self.resamples,
            accuracy: of(|counted| Some(counted.accuracy))?,
            balanced_accuracy: of(|counted| Some(counted.balanced_accuracy))?,
            macro_f1: of(|counted| Some(counted.macro_f1))?,
            macro_auroc: of(|counted| counted.macro_auroc),
            ece: of(|counted| counted.ece),
        })
    }
}

fn between_percentiles(mut figures: Vec<f64>) -> [f64; 2] {
    figures.sort_by(f64::total_cmp);
    [quantile(&figures, 0.025), quantile(&figures, 0.975)]
}

/// Between the two nearest of sorted numbers, as numpy interpolates.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let number = |place: usize| {
        sorted
            .get(place)
            .or(sorted.last())
            .copied()
            .unwrap_or(f64::NAN)
    };
    number(below) + rest * (number(below + 1) - number(below))
}
