//! The answer as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use pellucid_shared::attribution::{Gradient, predicted, softmax};
use pellucid_shared::card::Card;
use pellucid_shared::render::{Flag, Normalised};
use serde::Serialize;

use super::Args;

/// Classes that the text names; JSON has all.
const NAMED: usize = 10;

#[derive(Serialize)]
pub(super) struct Report {
    model: PathBuf,
    image: PathBuf,
    engine: &'static str,
    /// In the order of the logits.
    classes: Vec<Answer>,
    /// The position of the highest logit.
    predicted: Option<usize>,
    attribution: Attribution,
}

#[derive(Serialize)]
struct Answer {
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    logit: f32,
    probability: f32,
}

#[derive(Serialize)]
struct Attribution {
    method: &'static str,
    /// The position of the class that is explained.
    target: usize,
    /// The L2 norm of the gradient over pixels and channels.
    l2: f64,
    /// The attribution that the picture shows at full strength.
    scale: f32,
    flag: Option<Flag>,
    picture: Option<PathBuf>,
    raw: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(
        args: &Args,
        engine: &'static str,
        classes: &Card,
        gradient: &Gradient,
        target: usize,
        map: &Normalised,
    ) -> Self {
        let logits = &gradient.logits;
        let answers = classes.classes.iter().zip(logits).zip(softmax(logits));
        let squares = gradient.grad.iter().map(|&g| f64::from(g).powi(2));
        Self {
            model: args.model.clone(),
            image: args.image.clone(),
            engine,
            classes: answers
                .map(|((class, &logit), probability)| Answer {
                    code: class.code.clone(),
                    name: class.name.clone(),
                    logit,
                    probability,
                })
                .collect(),
            predicted: predicted(logits),
            attribution: Attribution {
                method: "gradient",
                target,
                l2: squares.sum::<f64>().sqrt(),
                scale: map.scale,
                flag: map.flag,
                picture: args.out.clone(),
                raw: args.raw.clone(),
            },
        }
    }

    /// The most probable classes first.
    pub(super) fn text(&self) -> String {
        let mut order: Vec<usize> = (0..self.classes.len()).collect();
        order.sort_by(|&a, &b| self.classes[b].logit.total_cmp(&self.classes[a].logit));
        let target = self.attribution.target;
        let mut named: Vec<usize> = order.iter().copied().take(NAMED).collect();
        if !named.contains(&target) {
            named.push(target);
        }
        let width = |text: fn(&Answer) -> &str| {
            let lengths = named
                .iter()
                .map(|&i| text(&self.classes[i]).chars().count());
            lengths.max().unwrap_or(0)
        };
        let (codes, names) = (width(|a| &a.code), width(|a| &a.name));
        let mut text = String::new();
        for &index in &named {
            let Answer {
                code,
                name,
                logit,
                probability,
            } = &self.classes[index];
            let mark = if index == target {
                "  ← explained"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "{:6.2} %  {code:<codes$}  {name:<names$}  logit {logit:.4}{mark}",
                100.0 * probability
            );
        }
        if order.len() > named.len() {
            let _ = writeln!(text, "and {} classes more", order.len() - named.len());
        }
        for (what, path) in [
            ("map", &self.attribution.picture),
            ("gradient", &self.attribution.raw),
        ] {
            if let Some(path) = path {
                let _ = writeln!(text, "{what}: {}", path.display());
            }
        }
        text
    }
}
