//! What an image is to be called: a class, or shares of two; and how much each class counts.

use std::str::FromStr;

use anyhow::{Result, ensure};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tch::{Device, Kind, Tensor};

/// The most that a class may count.
const MOST_WEIGHT: f64 = 1e6;

/// How much the loss of each class's images counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All alike.
    #[default]
    Off,
    /// The more the rarer it is among the training images: images / (classes · images of it).
    Balanced,
    /// As the user says, in the order of the classes.
    Given(Vec<f64>),
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => return Ok(Self::Off),
            "balanced" => return Ok(Self::Balanced),
            _ => {}
        }
        let weights: Result<Vec<f64>, _> =
            text.split(',').map(|w| w.trim().parse::<f64>()).collect();
        weights
            .ok()
            .filter(|weights| weights.iter().all(|&w| w > 0.0 && w <= MOST_WEIGHT))
            .map(Self::Given)
            .ok_or_else(|| {
                format!("must be off, balanced, or for each class a number above 0 and at most {MOST_WEIGHT}, such as 1,2.5,1")
            })
    }
}

impl ClassWeights {
    /// A weight per class, `[K]`, with a mean of 1 over the images; none where all count alike.
    pub(super) fn tensor(&self, counts: &[usize], device: Device) -> Result<Option<Tensor>> {
        let weights: Vec<f64> = match self {
            Self::Off => return Ok(None),
            Self::Balanced => counts
                .iter()
                .map(|&count| 1.0 / count.max(1) as f64)
                .collect(),
            Self::Given(weights) => weights.clone(),
        };
        ensure!(
            weights.len() == counts.len(),
            "--class-weights has {} numbers, and there are {} classes",
            weights.len(),
            counts.len()
        );
        let images: usize = counts.iter().sum();
        let total: f64 = weights.iter().zip(counts).map(|(w, &n)| w * n as f64).sum();
        let scaled: Vec<f32> = weights
            .iter()
            .map(|w| (w * images as f64 / total) as f32)
            .collect();
        Ok(Some(Tensor::f_from_slice(&scaled)?.to_device(device)))
    }
}

/// Mixes each image with another of its batch, and its class with that one's (Zhang et al., *mixup*, 2018): images `[N, 3, H, W]`, and
/// shares of `classes` classes `[N, K]` out of labels `[N]`. `alpha`, above 0 and at most 1, says how evenly.
pub(super) fn mixup(
    images: &Tensor,
    labels: &Tensor,
    classes: usize,
    alpha: f64,
    seed: u64,
) -> Result<(Tensor, Tensor)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let share = beta(alpha, &mut rng);
    let count = images.size()[0];
    let mut order: Vec<i64> = (0..count).collect();
    order.shuffle(&mut rng);
    let order = Tensor::f_from_slice(&order)?.to_device(images.device());
    let mix = |tensor: &Tensor| -> Result<Tensor> {
        Ok(tensor * share + tensor.f_index_select(0, &order)? * (1.0 - share))
    };
    let shares = labels.f_one_hot(classes as i64)?.to_kind(Kind::Float);
    Ok((mix(images)?, mix(&shares)?))
}

/// A number of the Beta distribution with both parameters `alpha`, at most 1 (Jöhnk, 1964).
fn beta(alpha: f64, rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let [x, y] = [(); 2].map(|()| rng.random::<f64>().powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_count_more_and_images_one_in_the_mean() {
        let weights = ClassWeights::Balanced
            .tensor(&[10, 30, 60], Device::Cpu)
            .unwrap()
            .unwrap();
        let weights = Vec::<f32>::try_from(weights).unwrap();
        // scikit-learn's `compute_class_weight("balanced")`: 100 / (3 · n).
        for (found, wanted) in weights
            .iter()
            .zip([100.0 / 30.0, 100.0 / 90.0, 100.0 / 180.0])
        {
            assert!((found - wanted as f32).abs() < 1e-5, "{found} {wanted}");
        }
        let given: ClassWeights = "1, 2,3".parse().unwrap();
        assert_eq!(given, ClassWeights::Given(vec![1.0, 2.0, 3.0]));
        assert!(given.tensor(&[1, 1], Device::Cpu).is_err());
        for wrong in ["", "1,x", "0,1", "-1", "inf,1", "NaN"] {
            assert!(wrong.parse::<ClassWeights>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn images_and_classes_are_mixed_alike() {
        // Each image's colour is its class.
        let labels = Tensor::from_slice(&[0_i64, 1, 2, 1]);
        let images = (labels.to_kind(Kind::Float) / 2.0)
            .view([4, 1, 1, 1])
            .expand([4, 3, 2, 2], false);
        let (mixed, shares) = mixup(&images, &labels, 3, 0.4, 7).unwrap();
        let colours = shares.matmul(&Tensor::from_slice(&[0.0_f32, 0.5, 1.0]));
        let found = mixed.mean_dim(&[1_i64, 2, 3][..], false, Kind::Float);
        assert!((found - colours).abs().max().double_value(&[]) < 1e-6);
        let sums =
            Vec::<f32>::try_from(shares.sum_dim_intlist(&[1_i64][..], false, Kind::Float)).unwrap();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6));
        let (again, _) = mixup(&images, &labels, 3, 0.4, 7).unwrap();
        assert!(again.equal(&mixed));
    }

    /// Mean 1/2 and variance 1 / (4 (2α + 1)) of Beta(α, α).
    #[test]
    fn shares_are_beta_distributed() {
        for alpha in [0.2, 1.0] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let draws: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance =
                draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            assert!((mean - 0.5).abs() < 0.01, "{mean}");
            assert!(
                (variance - 1.0 / (4.0 * (2.0 * alpha + 1.0))).abs() < 0.005,
                "{variance}"
            );
        }
    }
}
