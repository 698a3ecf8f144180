//! Answers prepared for counting them again and again with other weights.

use pellucid_shared::card::Scores;
use pellucid_shared::metrics::Confusion;

use super::calibration::{Confidence, expected_error};
use super::predict::Answer;
use super::probabilities::probabilities;
use super::ranking::Ranking;

/// The answers to some images.
pub(super) struct Sample {
    classes: usize,
    /// True and predicted class of each image.
    pairs: Vec<(usize, usize)>,
    /// Per class: the score of each image.
    pub(super) scores: Vec<Vec<f64>>,
    /// Per class: whether each image shows it.
    pub(super) is: Vec<Vec<bool>>,
    rankings: Vec<Ranking>,
    confidences: Option<Vec<Confidence>>,
}

/// What follows from the answers; what is not defined is `None`.
pub(super) struct Counted {
    pub(super) accuracy: f64,
    pub(super) balanced_accuracy: f64,
    pub(super) macro_f1: f64,
    pub(super) macro_auroc: Option<f64>,
    pub(super) ece: Option<f64>,
}

impl Sample {
    /// Of scores of that kind; of logits of classes that exclude each other alone the calibration is defined.
    pub(super) fn new(answers: &[Answer], classes: usize, kind: Scores) -> Self {
        let of = |answer: &Answer| {
            let values = || {
                answer
                    .logits
                    .iter()
                    .map(|&logit| f64::from(logit))
                    .collect()
            };
            probabilities(kind, &answer.logits).unwrap_or_else(values)
        };
        let rows: Vec<Vec<f64>> = answers.iter().map(of).collect();
        let column = |class: usize| {
            rows.iter()
                .map(move |row| row.get(class).copied().unwrap_or(0.0))
        };
        let scores: Vec<Vec<f64>> = (0..classes).map(|class| column(class).collect()).collect();
        let is = |class| answers.iter().map(|answer| answer.truth == class).collect();
        let confidence = |answer| Confidence::of(answer, 1.0);
        Self {
            classes,
            pairs: answers.iter().map(|a| (a.truth, a.class)).collect(),
            rankings: scores.iter().map(|scores| Ranking::of(scores)).collect(),
            is: (0..classes).map(is).collect(),
            confidences: (kind == Scores::Softmax)
                .then(|| answers.iter().map(confidence).collect()),
            scores,
        }
    }

    /// Of the answers alone, whose scores say nothing.
    pub(super) fn of_answers(answers: &[Answer], classes: usize) -> Self {
        Self {
            classes,
            pairs: answers.iter().map(|a| (a.truth, a.class)).collect(),
            scores: vec![],
            is: vec![],
            rankings: vec![],
            confidences: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The images of each class.
    pub(super) fn by_class(&self) -> Vec<Vec<usize>> {
        let mut members = vec![vec![]; self.classes];
        for (image, (truth, _)) in self.pairs.iter().enumerate() {
            members[*truth].push(image);
        }
        members
    }

    /// Per class: the area under its curve against the rest.
    pub(super) fn areas(&self, weights: &[u32]) -> Vec<Option<f64>> {
        let classes = self.rankings.iter().zip(&self.is);
        classes
            .map(|(ranking, is)| ranking.area(is, weights))
            .collect()
    }

    /// With each image counted as often as its weight says.
    pub(super) fn count(&self, weights: &[u32]) -> Counted {
        let repeated = self.pairs.iter().zip(weights);
        let repeated = repeated.flat_map(|(&pair, &weight)| (0..weight).map(move |_| pair));
        let confusion = Confusion::of(self.classes, repeated);
        let expected = |confidences: &Vec<Confidence>| expected_error(confidences, weights);
        Counted {
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            macro_f1: confusion.macro_f1(),
            macro_auroc: mean(&self.areas(weights)),
            ece: self.confidences.as_ref().map(expected),
        }
    }
}

/// The mean of what is defined.
pub(super) fn mean(values: &[Option<f64>]) -> Option<f64> {
    let defined: Vec<f64> = values.iter().copied().flatten().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}
