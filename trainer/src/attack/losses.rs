//! What attacks make as high as they can, of each image `[N]` by its logits `[N, K]`.

use anyhow::Result;
use tch::{Kind, Reduction, Tensor};

/// The cross-entropy by classes `[N]` or shares of classes `[N, K]`.
pub(super) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::None, -100, 0.0)?)
}

/// The logit of a target less that of the true class, both `[N]`: above 0 where the target wins over it.
pub(super) fn lead(logits: &Tensor, labels: &Tensor, targets: &Tensor) -> Result<Tensor> {
    Ok(of_class(logits, targets)? - of_class(logits, labels)?)
}

/// The logit of the true class less the highest of the others: 0 or less where the image is told wrongly.
pub(super) fn margin(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let others = without(logits, labels)?.f_amax(&[1_i64][..], false)?;
    Ok(of_class(logits, labels)? - others)
}

/// The least number of classes of which the targeted difference of logits ratio is defined.
pub(super) const LEAST_FOR_RATIO: i64 = 4;

/// The targeted difference of logits ratio, `(zₜ − z_y) / (z₍₁₎ − (z₍₃₎ + z₍₄₎) / 2)` (Croce and Hein, *Reliable evaluation of adversarial robustness with
/// an ensemble of diverse parameter-free attacks*, 2020), which a factor on all logits does not change. It needs a fourth class. Of three,
/// with z₍₃₎ in the fourth's place, it would be −1 wherever target and truth are last and first, without a slope, and of two it
/// would be that everywhere: of these the difference `zₜ − z_y` alone is taken, whose gradient has the direction that is wanted, and
/// of gradients the steps use the direction alone.
pub(super) fn ratio(logits: &Tensor, labels: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let lead = lead(logits, labels, targets)?;
    if logits.size()[1] < LEAST_FOR_RATIO {
        return Ok(lead);
    }
    let (highest, _) = logits.f_topk(LEAST_FOR_RATIO, 1, true, true)?;
    let place = |place: i64| highest.f_select(1, place);
    let spread = place(0)? - (place(2)? + place(3)?) * 0.5;
    Ok(lead / (spread + 1e-12))
}

/// The classes of each image but its own, `[N, K − 1]`, by falling logits.
pub(super) fn wrong_classes(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let classes = logits.size()[1];
    let falling = without(logits, labels)?.f_argsort(1, true)?;
    Ok(falling.f_slice(1, 0, classes - 1, 1)?)
}

/// Whether each image is told wrongly, `[N]`.
pub(super) fn told_wrongly(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(1, false)?.f_ne_tensor(labels)?)
}

fn of_class(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    Ok(logits
        .f_gather(1, &classes.f_unsqueeze(1)?, false)?
        .f_squeeze_dim(1)?)
}

/// Logits with −∞ at the true class.
fn without(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.to_kind(Kind::Float).f_scatter_value(
        1,
        &labels.f_unsqueeze(1)?,
        f64::NEG_INFINITY,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    /// By hand: of logits 4, 1, 3, −1 with the truth first, (z_t − z_y) / (4 − (1 − 1) / 2) is −3 / 4 towards the second class and −1 / 4 towards the third.
    #[test]
    fn the_ratio_is_as_published_and_knows_no_scale() {
        let logits = Tensor::from_slice(&[4.0_f32, 1.0, 3.0, -1.0]).view([1, 4]);
        let label = Tensor::from_slice(&[0_i64]);
        for (target, expected) in [(1_i64, -0.75), (2, -0.25), (3, -1.25)] {
            let target = Tensor::from_slice(&[target]);
            for scale in [1.0, 20.0] {
                let found = ratio(&(&logits * scale), &label, &target).unwrap();
                assert!((numbers(&found)[0] - expected).abs() < 1e-6);
            }
        }
        assert_eq!(numbers(&margin(&logits, &label).unwrap()), [1.0]);
        let order: Vec<Vec<i64>> = Vec::try_from(wrong_classes(&logits, &label).unwrap()).unwrap();
        assert_eq!(order, [[2, 1, 3]]);
    }

    #[test]
    fn of_fewer_than_four_classes_the_difference_takes_its_place() {
        for logits in [&[2.0_f32, -1.0][..], &[2.0, -1.0, 0.5]] {
            let classes = logits.len() as i64;
            let logits = Tensor::from_slice(logits).view([1, classes]);
            let (label, target) = (Tensor::from_slice(&[0_i64]), Tensor::from_slice(&[1_i64]));
            assert_eq!(numbers(&ratio(&logits, &label, &target).unwrap()), [-3.0]);
        }
    }
}
