//! An evaluation as text for people and as JSON for programs.

use std::fmt::Write;

use pellucid_shared::card::Class;
use serde::Serialize;

use super::bootstrap::Intervals;
use super::calibration::Calibration;
use super::curve::Rung;
use super::figures::{Figures, Scored};
use super::operating::OperatingPoint;

/// An evaluation of one model on one set of images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model, as the user named it.
    pub model: String,
    /// The data, as the user named them.
    pub data: String,
    /// Number of images.
    pub images: usize,
    /// The classes by code, in the order of the figures.
    pub classes: Vec<String>,
    /// On clean images.
    pub clean: Figures,
    /// On images attacked in the largest ball, where an attack was asked for.
    pub adversarial: Option<Figures>,
    /// In every ball, from the smallest; empty where no attack was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Rung>,
}

impl Evaluation {
    /// The evaluation as tables; `classes` gives the classes' full names.
    #[must_use]
    pub fn to_text(&self, classes: &[Class]) -> String {
        let mut text = format!(
            "{} on {} {} of {}\n",
            self.model,
            self.images,
            if self.images == 1 { "image" } else { "images" },
            self.data
        );
        for figures in std::iter::once(&self.clean).chain(&self.adversarial) {
            text.push('\n');
            self.table(&mut text, figures, classes);
        }
        if self.curve.len() > 1 {
            text.push('\n');
            self.curve(&mut text);
        }
        if let Some(turned) = self.curve.last().and_then(Rung::turned_words) {
            let _ = writeln!(text, "  {turned}");
        }
        text + &self.explanation()
    }

    fn table(&self, text: &mut String, figures: &Figures, classes: &[Class]) {
        let width = |own: usize| self.classes.iter().map(String::len).fold(own, usize::max);
        let (first, column) = (width(5), width(6));
        let areas = figures.scored.as_ref().map(|scored| &scored.class_auroc);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", figures.attack.as_deref().unwrap_or("Clean"));
        let _ = write!(text, "  {:first$}", "class");
        let heads = ["images", "right", "precise", "F1"];
        for head in heads.into_iter().chain(areas.map(|_| "AUROC")) {
            let _ = write!(text, "  {head:>9}");
        }
        let _ = write!(text, "   answered as");
        for class in &self.classes {
            let _ = write!(text, "  {class:>column$}");
        }
        text.push('\n');
        for (index, class) in self.classes.iter().enumerate() {
            let row = &figures.confusion[index];
            let _ = write!(text, "  {class:first$}  {:>9}", row.iter().sum::<u64>());
            for share in [
                &figures.class_accuracy,
                &figures.class_precision,
                &figures.class_f1,
            ] {
                let _ = write!(text, "  {:>9}", percent(share[index]));
            }
            if let Some(areas) = areas {
                let _ = write!(text, "  {:>9}", area(areas[index]));
            }
            let _ = write!(text, "{:14}", "");
            for count in row {
                let _ = write!(text, "  {count:>column$}");
            }
            let name = classes.get(index).map_or("", |class| &class.name[..]);
            let _ = writeln!(text, "  {name}");
        }
        let between = |of: fn(&Intervals) -> [f64; 2]| {
            let found = figures.intervals.as_ref().map(of);
            found
                .map(|bounds| format!(" {}", percents(bounds)))
                .unwrap_or_default()
        };
        let _ = writeln!(
            text,
            "  accuracy {}{}, balanced {}{}, macro F1 {}{}, loss {:.3}",
            percent(Some(figures.accuracy)),
            between(|i| i.accuracy),
            percent(Some(figures.balanced_accuracy)),
            between(|i| i.balanced_accuracy),
            percent(Some(figures.macro_f1)),
            between(|i| i.macro_f1),
            figures.loss
        );
        if let Some(scored) = &figures.scored {
            self.scored(text, scored, figures.intervals.as_ref());
        }
    }

    fn scored(&self, text: &mut String, scored: &Scored, intervals: Option<&Intervals>) {
        let bounds = intervals.and_then(|i| i.macro_auroc);
        let bounds = bounds.map(|[a, b]| format!(" [{a:.3}, {b:.3}]"));
        let _ = write!(
            text,
            "  macro AUROC {}{}",
            area(scored.macro_auroc),
            bounds.unwrap_or_default()
        );
        let pairs = self.classes.iter().zip(&scored.class_auroc);
        let undefined: Vec<&str> = pairs
            .filter(|(_, area)| area.is_none())
            .map(|(class, _)| &class[..])
            .collect();
        if !undefined.is_empty() {
            let _ = write!(
                text,
                ", not defined for {}, since these images show it not at all or nothing else",
                undefined.join(", ")
            );
        }
        text.push('\n');
        if let Some(calibration) = &scored.calibration {
            let bounds = intervals.and_then(|i| i.ece);
            let bounds = bounds.map(|bounds| format!(" {}", percents(bounds)));
            let bounds = bounds.unwrap_or_default();
            let bins = format!("{bounds} in {} bins", calibration.bins);
            let _ = writeln!(text, "  calibration: {}", calibrated(calibration, &bins));
        }
        if let Some(tempered) = &scored.temperature {
            let whose = if tempered.fitted_here {
                "fitted on these images"
            } else {
                "of the card"
            };
            let _ = writeln!(
                text,
                "  at the temperature {:.3} {whose}: {}",
                tempered.value,
                calibrated(&tempered.calibration, "")
            );
        }
        for point in &scored.operating_points {
            let _ = writeln!(text, "  {}", point_words(point));
        }
    }

    fn curve(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "  {:>10}  {:>8}  {:>15}  {:>8}",
            "ε", "right", "", "balanced"
        );
        let rung = |text: &mut String, epsilon: f64, figures: &Figures| {
            let bounds = figures.intervals.as_ref().map(|i| percents(i.accuracy));
            let _ = writeln!(
                text,
                "  {:>10}  {:>8}  {:>15}  {:>8}",
                format!("{epsilon}"),
                percent(Some(figures.accuracy)),
                bounds.unwrap_or_default(),
                percent(Some(figures.balanced_accuracy))
            );
        };
        rung(text, 0.0, &self.clean);
        for step in &self.curve {
            rung(text, step.epsilon, &step.figures);
        }
    }

    /// What the brackets are.
    fn explanation(&self) -> String {
        let mut text = String::new();
        if let Some(intervals) = &self.clean.intervals {
            let _ = writeln!(
                text,
                "  [95 % intervals: percentiles of {} resamples within each class; of sensitivity and specificity Wilson's]",
                intervals.resamples
            );
        }
        text
    }
}

fn point_words(point: &OperatingPoint) -> String {
    let wanted = format!(
        "{} found with a sensitivity of {} %",
        point.class,
        trimmed(100.0 * point.wanted)
    );
    let (Some(threshold), Some(sensitivity)) = (point.threshold, point.sensitivity) else {
        return format!("{wanted}: no image here shows it");
    };
    let bounds = |interval: Option<[f64; 2]>| interval.map(percents).unwrap_or_default();
    let specificity = match point.specificity {
        Some(_) => format!(
            "specificity {} {}",
            percent(point.specificity),
            bounds(point.specificity_interval)
        ),
        None => "specificity not defined, since all images show it".to_owned(),
    };
    format!(
        "{wanted}: from a score of {threshold:.4}, chosen on these images; sensitivity {} {}, {specificity}",
        percent(Some(sensitivity)),
        bounds(point.sensitivity_interval)
    )
}

fn calibrated(calibration: &Calibration, of_error: &str) -> String {
    format!(
        "ECE {}{of_error}, NLL {:.3}, Brier {:.3}",
        percent(Some(calibration.ece)),
        calibration.nll,
        calibration.brier
    )
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percents([low, high]: [f64; 2]) -> String {
    format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}

fn area(area: Option<f64>) -> String {
    area.map_or_else(|| "–".into(), |area| format!("{area:.3}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.1} %", 100.0 * share))
}
