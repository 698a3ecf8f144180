//! How accuracy falls as balls grow.

use serde::Serialize;

use super::figures::Figures;
#[cfg(feature = "torch")]
use super::withstand::Turned;

/// A radius and what is left there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rung {
    /// The ball's radius.
    pub epsilon: f64,
    /// The share of images that withstand it, and what is told of them.
    #[serde(flatten, serialize_with = "left")]
    pub figures: Figures,
    /// AutoAttack's attacks and how many images each has turned that withstood a smaller ball and the attacks before it.
    #[cfg(feature = "torch")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turned: Vec<Turned>,
}

/// Less than all of the figures, under names of their own.
fn left<S: serde::Serializer>(figures: &Figures, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Left<'a> {
        robust_accuracy: f64,
        robust_accuracy_interval: Option<[f64; 2]>,
        robust_balanced_accuracy: f64,
        robust_class_accuracy: &'a [Option<f64>],
    }
    Left {
        robust_accuracy: figures.accuracy,
        robust_accuracy_interval: figures.intervals.as_ref().map(|i| i.accuracy),
        robust_balanced_accuracy: figures.balanced_accuracy,
        robust_class_accuracy: &figures.class_accuracy,
    }
    .serialize(to)
}

impl Rung {
    /// Which attack turned how many images.
    pub(super) fn turned_words(&self) -> Option<String> {
        #[cfg(feature = "torch")]
        if !self.turned.is_empty() {
            let each = self.turned.iter();
            let each = each.map(|t| format!("{} {}", t.attack.name(), t.images));
            let each: Vec<String> = each.collect();
            return Some(format!("images turned: {}", each.join(", ")));
        }
        None
    }
}
