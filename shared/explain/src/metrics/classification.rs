//! How well classes are told apart.

use ndarray::{Array2, ArrayView2, Axis};

/// A confusion matrix and what follows from it, by scikit-learn's definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    counts: Array2<u64>,
}

impl Confusion {
    /// No observation yet, of `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self {
            counts: Array2::zeros((classes, classes)),
        }
    }

    /// Counts pairs of true and predicted class; a pair with a class beyond the matrix is left out.
    #[must_use]
    pub fn of(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut confusion = Self::new(classes);
        for (truth, predicted) in pairs {
            confusion.add(truth, predicted);
        }
        confusion
    }

    /// Counts one observation; it is left out where a class is beyond the matrix.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        if let Some(count) = self.counts.get_mut((truth, predicted)) {
            *count += 1;
        }
    }

    /// `[K, K]`: row is the true class, column the predicted one.
    #[must_use]
    pub fn counts(&self) -> ArrayView2<'_, u64> {
        self.counts.view()
    }

    /// Number of observations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.sum()
    }

    /// The share of observations that are predicted rightly; 0 where there is none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.counts.diag().sum(), self.total()).unwrap_or(0.0)
    }

    /// Per class: the share of its observations that are predicted rightly; `None` where it has none.
    #[must_use]
    pub fn recall(&self) -> Vec<Option<f64>> {
        self.rightly_of(&self.counts.sum_axis(Axis(1)).to_vec())
    }

    /// Per class: the share of the predictions of it that are right; `None` where it is never predicted.
    #[must_use]
    pub fn precision(&self) -> Vec<Option<f64>> {
        self.rightly_of(&self.counts.sum_axis(Axis(0)).to_vec())
    }

    /// Per class: the harmonic mean of precision and recall, 0 where nothing is right; `None` where the class is
    /// neither observed nor predicted.
    #[must_use]
    pub fn f1(&self) -> Vec<Option<f64>> {
        let (observed, predicted) = (self.counts.sum_axis(Axis(1)), self.counts.sum_axis(Axis(0)));
        let classes = self.counts.diag().into_iter().zip(observed).zip(predicted);
        classes
            .map(|((&right, observed), predicted)| share(2 * right, observed + predicted))
            .collect()
    }

    /// The mean F1 of the classes that are observed or predicted: scikit-learn's `f1_score(average="macro")`.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        mean(&self.f1())
    }

    /// The mean recall of the classes that are observed: scikit-learn's `balanced_accuracy_score`. A network that always
    /// says the same has 1/K, however frequent that class is.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        mean(&self.recall())
    }

    fn rightly_of(&self, totals: &[u64]) -> Vec<Option<f64>> {
        let right = self.counts.diag();
        right
            .iter()
            .zip(totals)
            .map(|(&r, &t)| share(r, t))
            .collect()
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of what is there; 0 where nothing is.
fn mean(values: &[Option<f64>]) -> f64 {
    let there: Vec<f64> = values.iter().copied().flatten().collect();
    if there.is_empty() {
        0.0
    } else {
        there.iter().sum::<f64>() / there.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[Option<f64>], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found.unwrap() - expected).abs() < 1e-8,
                "{found:?} {expected}"
            );
        }
    }

    /// Values of scikit-learn 1.9.1 for these predictions.
    #[test]
    fn agrees_with_scikit_learn() {
        let truth = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1, 2, 0];
        let predicted = [0, 0, 1, 0, 2, 0, 1, 1, 0, 2, 2, 2, 1, 0, 2, 2, 0];
        let confusion = Confusion::of(3, truth.into_iter().zip(predicted));
        assert_eq!(
            confusion.counts(),
            ndarray::arr2(&[[6, 1, 1], [1, 2, 1], [0, 1, 4]])
        );
        close(&confusion.precision(), &[0.857_142_857, 0.5, 0.666_666_667]);
        close(&confusion.recall(), &[0.75, 0.5, 0.8]);
        close(&confusion.f1(), &[0.8, 0.5, 0.727_272_727]);
        let summary = [
            confusion.accuracy(),
            confusion.balanced_accuracy(),
            confusion.macro_f1(),
        ];
        close(
            &summary.map(Some),
            &[0.705_882_352_9, 0.683_333_333_3, 0.675_757_575_8],
        );
    }

    /// As above, with a class that is never true, one that is never predicted and one that does not occur.
    #[test]
    fn absent_classes_count_as_in_scikit_learn() {
        let truth = [0, 0, 0, 2, 2, 0];
        let predicted = [0, 0, 1, 0, 0, 0];
        let confusion = Confusion::of(4, truth.into_iter().zip(predicted));
        assert_eq!(confusion.recall(), [Some(0.75), None, Some(0.0), None]);
        close(&confusion.f1()[..3], &[0.666_666_67, 0.0, 0.0]);
        assert_eq!(confusion.f1()[3], None);
        let summary = [
            confusion.accuracy(),
            confusion.balanced_accuracy(),
            confusion.macro_f1(),
        ];
        close(&summary.map(Some), &[0.5, 0.375, 0.222_222_222]);
    }

    #[test]
    fn nothing_observed_is_no_accuracy_and_no_panic() {
        let mut confusion = Confusion::new(2);
        confusion.add(2, 0);
        assert_eq!(confusion.total(), 0);
        assert_eq!(confusion.accuracy(), 0.0);
        assert_eq!(confusion.macro_f1(), 0.0);
        assert_eq!(Confusion::new(0).balanced_accuracy(), 0.0);
    }
}
