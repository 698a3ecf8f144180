//! Which images an epoch shows, and in which order.

use std::str::FromStr;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How often an epoch shows the images of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// As many images as there are, the same number of each class: rare classes are repeated, of frequent ones every
    /// epoch draws others.
    #[default]
    Auto,
    /// Every image once.
    Off,
    /// As [`Balance::Auto`], with this many images in an epoch (Margeloiu et al., 2020: 2,400).
    Total(usize),
}

/// Images that an epoch shows at the most: their order is kept in memory.
const MOST_SHOWN: usize = 10_000_000;

impl FromStr for Balance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            ("off", _) => Ok(Self::Off),
            (_, Ok(total)) if (1..=MOST_SHOWN).contains(&total) => Ok(Self::Total(total)),
            _ => Err(format!(
                "`{text}` must be auto, off or a number of images from 1 to {MOST_SHOWN}"
            )),
        }
    }
}

/// The indices of `labels` in the order in which one epoch shows them; the same for the same seed and epoch.
#[must_use]
pub fn epoch_order(labels: &[usize], balance: Balance, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let total = match balance {
        Balance::Off => {
            let mut all: Vec<usize> = (0..labels.len()).collect();
            all.shuffle(&mut rng);
            return all;
        }
        Balance::Auto => labels.len(),
        Balance::Total(total) => total,
    };
    let classes: Vec<Vec<usize>> = (0..=labels.iter().copied().max().unwrap_or(0))
        .map(|class| (0..labels.len()).filter(|&i| labels[i] == class).collect())
        .filter(|indices: &Vec<usize>| !indices.is_empty())
        .collect();
    let mut order = Vec::with_capacity(total);
    for (number, indices) in classes.iter().enumerate() {
        // What does not divide evenly goes to the first classes.
        let quota = total / classes.len() + usize::from(number < total % classes.len());
        draw(indices, quota, &mut rng, &mut order);
    }
    order.shuffle(&mut rng);
    order
}

/// Appends `quota` of the indices, each as often as the others or once more.
fn draw(indices: &[usize], quota: usize, rng: &mut impl Rng, order: &mut Vec<usize>) {
    for _ in 0..quota / indices.len() {
        order.extend(indices);
    }
    let mut rest = indices.to_vec();
    rest.shuffle(rng);
    order.extend(&rest[..quota % indices.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten of class 0, three of class 1, none of class 2, one of class 3.
    const LABELS: [usize; 14] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 3];

    fn shown(order: &[usize], class: usize) -> usize {
        order.iter().filter(|&&i| LABELS[i] == class).count()
    }

    #[test]
    fn a_balanced_epoch_shows_every_class_equally() {
        let order = epoch_order(&LABELS, Balance::Total(30), 1, 0);
        assert_eq!([0, 1, 3].map(|class| shown(&order, class)), [10; 3]);
        // Each of the three images of class 1 three times, one of them once more.
        let mut times: Vec<usize> = (10..13)
            .map(|i| order.iter().filter(|&&o| o == i).count())
            .collect();
        times.sort_unstable();
        assert_eq!(times, [3, 3, 4]);
        let order = epoch_order(&LABELS, Balance::Auto, 1, 0);
        assert_eq!([0, 1, 3].map(|class| shown(&order, class)), [5, 5, 4]);
    }

    #[test]
    fn epochs_and_seeds_differ_and_repeat() {
        let order = |seed, epoch| epoch_order(&LABELS, Balance::Auto, seed, epoch);
        assert_eq!(order(1, 0), order(1, 0));
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
    }

    #[test]
    fn off_is_a_permutation() {
        let mut order = epoch_order(&LABELS, Balance::Off, 3, 0);
        assert_ne!(order, (0..14).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..14).collect::<Vec<_>>());
    }

    #[test]
    fn the_command_line_form() {
        assert_eq!("2400".parse(), Ok(Balance::Total(2400)));
        assert_eq!("auto".parse(), Ok(Balance::Auto));
        for wrong in ["0", "-1", "on", "10000001", "99999999999"] {
            assert!(wrong.parse::<Balance>().is_err());
        }
    }
}
