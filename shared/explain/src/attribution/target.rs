use ndarray::Array1;

use super::{AttributionError, predicted};

/// What is explained: a class's logit, or how much one class's logit lies above another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// The class; `None` is the one that the network predicts.
    pub class: Option<usize>,
    /// Explain the margin `logit[class] − logit[against]` and not the logit itself.
    pub against: Option<usize>,
}

impl Target {
    /// The logit of the class that the network predicts.
    #[must_use]
    pub fn predicted() -> Self {
        Self::default()
    }

    /// The logit of a class.
    #[must_use]
    pub fn class(class: usize) -> Self {
        Self {
            class: Some(class),
            against: None,
        }
    }

    /// The margin over another class.
    #[must_use]
    pub fn against(self, other: usize) -> Self {
        Self {
            against: Some(other),
            ..self
        }
    }

    /// Refuses classes that the network does not have, before anything runs.
    pub(super) fn check(self, classes: usize) -> Result<(), AttributionError> {
        for class in self.class.iter().chain(&self.against).copied() {
            if class >= classes {
                return Err(AttributionError::Class { class, classes });
            }
        }
        Ok(())
    }

    /// Puts the predicted class where none is named; `logits` may be empty where one is.
    pub(super) fn settle(self, logits: &[f32]) -> Result<Aim, AttributionError> {
        let class = self.class.or_else(|| predicted(logits));
        let class = class.ok_or(AttributionError::NoPrediction)?;
        if self.against == Some(class) {
            return Err(AttributionError::SameClass { class });
        }
        Ok(Aim {
            class,
            against: self.against,
        })
    }
}

/// A [`Target`] whose class is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aim {
    /// The class that is explained.
    pub class: usize,
    /// The class that it is held against.
    pub against: Option<usize>,
}

impl Aim {
    /// The cotangent `[K]`: +1 at the class, −1 at the class that it is held against. Its product with the logits is the
    /// score that is explained, its product with the Jacobian that score's gradient.
    pub(super) fn cotangent(self, classes: usize) -> Array1<f32> {
        let mut row = Array1::zeros(classes);
        for (class, sign) in [(Some(self.class), 1.0), (self.against, -1.0)] {
            if let Some(entry) = class.and_then(|class| row.get_mut(class)) {
                *entry = sign;
            }
        }
        row
    }

    /// The score of logits or of probabilities: the class's value, less the other's.
    pub(super) fn score(self, values: &[f32]) -> f64 {
        let value = |class: usize| values.get(class).map_or(0.0, |&v| f64::from(v));
        value(self.class) - self.against.map_or(0.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_the_difference_of_two_logits() {
        let logits = [1.0, 4.0, -2.0];
        let aim = Target::predicted().against(2).settle(&logits).unwrap();
        assert_eq!((aim.class, aim.against), (1, Some(2)));
        assert_eq!(aim.score(&logits), 6.0);
        assert_eq!(aim.cotangent(3).to_vec(), [0.0, 1.0, -1.0]);
    }

    #[test]
    fn what_cannot_be_explained_is_said() {
        let message = |target: Target, logits: &[f32]| {
            let checked = target.check(logits.len());
            let settled = checked.and_then(|()| target.settle(logits).map(|_| ()));
            settled.unwrap_err().to_string()
        };
        assert!(message(Target::class(2), &[0.0; 2]).starts_with("class 2 of 2"));
        assert!(message(Target::class(0).against(9), &[0.0; 2]).starts_with("class 9 of 2"));
        for same in [Target::class(1).against(1), Target::predicted().against(1)] {
            assert!(message(same, &[0.0, 1.0]).contains("itself"));
        }
        assert!(message(Target::predicted(), &[f32::NAN; 2]).contains("not numbers"));
    }
}
