//! Measured figures as text for people and as JSON for programs.

use std::fmt::Write;

use pellucid_shared::card::Class;
use serde::Serialize;

use super::Measured;

/// The figures of one measurement; shares lie in [0, 1]. Per class `null` where the class does not occur.
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
    /// Rows: true class; columns: predicted class.
    pub confusion: Vec<Vec<u64>>,
}

impl Figures {
    /// What follows from a measurement.
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
            confusion: confusion
                .counts()
                .outer_iter()
                .map(|r| r.to_vec())
                .collect(),
        }
    }
}

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
    /// On attacked images, where an attack was asked for.
    pub adversarial: Option<Figures>,
}

impl Evaluation {
    /// The evaluation as tables; `classes` gives the classes' full names.
    #[must_use]
    pub fn to_text(&self, classes: &[Class]) -> String {
        let mut text = format!(
            "{} on {} images of {}\n",
            self.model, self.images, self.data
        );
        for figures in std::iter::once(&self.clean).chain(&self.adversarial) {
            text.push('\n');
            self.table(&mut text, figures, classes);
        }
        text
    }

    fn table(&self, text: &mut String, figures: &Figures, classes: &[Class]) {
        let width = |own: usize| self.classes.iter().map(String::len).fold(own, usize::max);
        let (first, column) = (width(5), width(6));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", figures.attack.as_deref().unwrap_or("Clean"));
        let _ = write!(text, "  {:first$}", "class");
        for head in ["images", "right", "precise", "F1"] {
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
            let _ = write!(text, "{:14}", "");
            for count in row {
                let _ = write!(text, "  {count:>column$}");
            }
            let name = classes.get(index).map_or("", |class| &class.name[..]);
            let _ = writeln!(text, "  {name}");
        }
        let _ = writeln!(
            text,
            "  accuracy {}, balanced {}, macro F1 {}, loss {:.3}",
            percent(Some(figures.accuracy)),
            percent(Some(figures.balanced_accuracy)),
            percent(Some(figures.macro_f1)),
            figures.loss
        );
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use pellucid_shared::metrics::Confusion;

    use super::*;

    #[test]
    fn the_tables_read_as_written_here() {
        let measured = Measured {
            confusion: Confusion::of(2, [(0, 0), (0, 0), (0, 1), (1, 1)]),
            loss: 0.5,
        };
        let evaluation = Evaluation {
            model: "best.onnx".into(),
            data: "phantom:4".into(),
            images: 4,
            classes: vec!["nv".into(), "mel".into()],
            clean: Figures::of(&measured, None),
            adversarial: None,
        };
        let class = |code: &str, name: &str| Class {
            code: code.into(),
            name: name.into(),
        };
        let text = evaluation.to_text(&[class("nv", "nevus"), class("mel", "melanoma")]);
        let expected = "\
best.onnx on 4 images of phantom:4

Clean
  class     images      right    precise         F1   answered as      nv     mel
  nv             3     66.7 %    100.0 %     80.0 %                     2       1  nevus
  mel            1    100.0 %     50.0 %     66.7 %                     0       1  melanoma
  accuracy 75.0 %, balanced 83.3 %, macro F1 73.3 %, loss 0.500
";
        assert_eq!(text, expected);
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["clean"]["confusion"][0][1], 1);
        assert_eq!(json["adversarial"], serde_json::Value::Null);
    }
}
