//! What follows from a measurement.

use pellucid_shared::card::{Class, Scores};
use serde::Serialize;

use super::bootstrap::{Bootstrap, Intervals};
use super::calibration::Calibration;
use super::operating::{OperatingPoint, Wanted};
use super::predict::Measured;
use super::sample::{Sample, mean};

/// The figures of one measurement; shares lie in [0, 1]. What is not defined is `null`, such as the share of a class that does not occur.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How the images were attacked, such as `PGD-20, L2, ε = 1.5`; absent for clean ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean recall over the classes.
    pub balanced_accuracy: f64,
    /// Mean F1 over the classes.
    pub macro_f1: f64,
    /// Per class: the share of its images that are told rightly.
    pub class_accuracy: Vec<Option<f64>>,
    /// Per class: the share of the answers that name it that are right.
    pub class_precision: Vec<Option<f64>>,
    /// Per class: harmonic mean of both.
    pub class_f1: Vec<Option<f64>>,
    /// How well the scores order the images; of clean images alone, since attacks are on answers and not on the order.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub scored: Option<Scored>,
    /// 95 % intervals, where they are asked for and there are enough images.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// Rows: true class; columns: predicted class.
    pub confusion: Vec<Vec<u64>>,
}

/// What the scores of clean images say beyond the answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Per class: the area under the receiver's curve of its score, one class against the rest.
    pub class_auroc: Vec<Option<f64>>,
    /// The mean of the areas that are defined.
    pub macro_auroc: Option<f64>,
    /// Whether the network is right as often as it says; `null` where its scores are no logits of classes that exclude each other.
    pub calibration: Option<Calibration>,
    /// The temperature that logits are to be divided by, and what it does to the calibration; `null` where there is none.
    pub temperature: Option<Tempered>,
    /// Thresholds that were asked for.
    pub operating_points: Vec<OperatingPoint>,
}

/// A temperature and the calibration with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tempered {
    /// What logits are divided by.
    pub value: f64,
    /// Whether it was fitted on these very images, so that the calibration is better than it will be on others.
    pub fitted_here: bool,
    /// The calibration with it.
    #[serde(flatten)]
    pub calibration: Calibration,
}

/// What is to be known of clean answers.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the scores are.
    pub scores: Scores,
    /// What to divide logits by, and whether that was fitted on these images.
    pub temperature: Option<(f64, bool)>,
    /// Thresholds, by the classes' places.
    pub points: Vec<(usize, Wanted)>,
    /// How often images are drawn anew.
    pub bootstrap: Bootstrap,
}

impl Question {
    /// Of logits of classes that exclude each other: no thresholds and no intervals.
    #[must_use]
    pub fn plain(temperature: Option<f64>) -> Self {
        Self {
            scores: Scores::Softmax,
            temperature: temperature.map(|temperature| (temperature, false)),
            points: vec![],
            bootstrap: Bootstrap {
                resamples: 0,
                seed: 0,
            },
        }
    }
}

impl Figures {
    /// Of answers alone.
    #[must_use]
    pub fn of(measured: &Measured, attack: Option<String>) -> Self {
        let confusion = &measured.confusion;
        Self {
            attack,
            loss: measured.loss,
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            macro_f1: confusion.macro_f1(),
            class_accuracy: confusion.recall(),
            class_precision: confusion.precision(),
            class_f1: confusion.f1(),
            scored: None,
            intervals: None,
            confusion: confusion
                .counts()
                .outer_iter()
                .map(|r| r.to_vec())
                .collect(),
        }
    }

    /// Of attacked images, with intervals.
    #[must_use]
    pub fn of_attacked(measured: &Measured, attack: String, bootstrap: Bootstrap) -> Self {
        let classes = measured.confusion.counts().nrows();
        let sample = Sample::of_answers(&measured.answers, classes);
        Self {
            intervals: bootstrap.intervals(&sample),
            ..Self::of(measured, Some(attack))
        }
    }

    /// Of clean images, with everything that their scores say.
    #[must_use]
    pub fn of_clean(measured: &Measured, classes: &[Class], question: &Question) -> Self {
        let answers = &measured.answers;
        let sample = Sample::new(answers, classes.len(), question.scores);
        let class_auroc = sample.areas(&vec![1; answers.len()]);
        let exclusive = question.scores == Scores::Softmax;
        let calibration = |temperature| exclusive.then(|| Calibration::of(answers, temperature));
        let tempered = |(value, fitted_here)| {
            Some(Tempered {
                value,
                fitted_here,
                calibration: calibration(value)?,
            })
        };
        let point = |(class, wanted): &(usize, Wanted)| {
            let code = &classes.get(*class)?.code;
            let (scores, is) = (&sample.scores[*class], &sample.is[*class]);
            Some(OperatingPoint::of(code, wanted.sensitivity, scores, is))
        };
        let scored = Scored {
            macro_auroc: mean(&class_auroc),
            class_auroc,
            calibration: calibration(1.0),
            temperature: question.temperature.and_then(tempered),
            operating_points: question.points.iter().filter_map(point).collect(),
        };
        Self {
            scored: Some(scored),
            intervals: question.bootstrap.intervals(&sample),
            ..Self::of(measured, None)
        }
    }
}
