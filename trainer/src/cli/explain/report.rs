//! The answer as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use pellucid_shared::attribution::{self, predicted, softmax};
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
    method: String,
    /// The position of the class that is explained.
    target: usize,
    /// The position of the class that it is held against.
    against: Option<usize>,
    /// Images that the network was run on.
    evaluations: usize,
    /// What decided noise and masks.
    seed: u64,
    /// The L2 norm of the attribution over pixels and channels.
    l2: f64,
    /// For Integrated Gradients, per baseline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    convergence: Vec<Convergence>,
    /// For methods on feature maps.
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<Features>,
    /// The attribution that the picture shows at full strength.
    scale: f32,
    flag: Option<Flag>,
    picture: Option<PathBuf>,
    raw: Option<PathBuf>,
}

#[derive(Serialize)]
struct Convergence {
    baseline: String,
    /// `Σ attribution − (score(image) − score(baseline))`.
    delta: f64,
    /// `score(image) − score(baseline)`.
    difference: f64,
}

#[derive(Serialize)]
struct Features {
    name: String,
    /// Channels, height, width.
    shape: [usize; 3],
}

impl Report {
    pub(super) fn new(
        args: &Args,
        engine: &'static str,
        classes: &Card,
        found: &attribution::Attribution,
        map: &Normalised,
    ) -> Self {
        let logits = &found.logits;
        let answers = classes.classes.iter().zip(logits).zip(softmax(logits));
        let numbers = found.map.channels();
        let squares = numbers.iter().map(|&value| f64::from(value).powi(2));
        let convergence = found.convergence.iter().map(|part| Convergence {
            baseline: part.baseline.clone(),
            delta: part.delta,
            difference: part.difference,
        });
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
                method: args.method.text(),
                target: found.aim.class,
                against: found.aim.against,
                evaluations: found.evaluations,
                seed: args.parameters.seed,
                l2: squares.sum::<f64>().sqrt(),
                convergence: convergence.collect(),
                features: found.features.as_ref().map(|features| Features {
                    name: features.name.clone(),
                    shape: features.shape,
                }),
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
        for explained in [Some(target), self.attribution.against]
            .into_iter()
            .flatten()
        {
            if !named.contains(&explained) {
                named.push(explained);
            }
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
            } else if Some(index) == self.attribution.against {
                "  ← against this"
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
        self.facts(&mut text);
        for (what, path) in [
            ("map", &self.attribution.picture),
            ("numbers", &self.attribution.raw),
        ] {
            if let Some(path) = path {
                let _ = writeln!(text, "{what}: {}", path.display());
            }
        }
        text
    }

    /// What is worth knowing of the method's run.
    fn facts(&self, text: &mut String) {
        let Attribution {
            method,
            evaluations,
            convergence,
            features,
            ..
        } = &self.attribution;
        if *evaluations > 2 {
            let _ = writeln!(
                text,
                "{method}: the network was run on {evaluations} images"
            );
        }
        for part in convergence {
            let Convergence {
                baseline,
                delta,
                difference,
            } = part;
            let _ = writeln!(
                text,
                "convergence from {baseline}: the attributions miss {difference:.4} by {delta:.2e}"
            );
        }
        if let Some(Features {
            name,
            shape: [channels, height, width],
        }) = features
        {
            let _ = writeln!(
                text,
                "features: {name}, {channels} maps of {height}×{width}"
            );
        }
    }
}
