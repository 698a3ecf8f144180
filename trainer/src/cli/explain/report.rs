//! The answer as text and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use pellucid_shared::attribution;
use pellucid_shared::card::Scores;
use pellucid_shared::contract::{Answer as Reading, Contract};
use pellucid_shared::render::{Flag, Normalised};
use pellucid_shared::said;
use serde::Serialize;

use super::super::feed::assumed_lines;
use super::Args;
use crate::spelling::spelled;

/// Classes that the text names; JSON has all.
const NAMED: usize = 10;

#[derive(Serialize)]
pub(super) struct ExplanationReport {
    model: PathBuf,
    image: PathBuf,
    engine: &'static str,
    /// In the order of the scores.
    classes: Vec<Answer>,
    /// The position of the highest score.
    predicted: Option<usize>,
    /// What the scores were taken for.
    scores: Scores,
    /// What the model was fed, what of it was explained, and what of both was assumed.
    #[serde(flatten)]
    contract: Contract,
    attribution: Attribution,
}

#[derive(Serialize)]
struct Answer {
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    score: f32,
    /// The score, where it is a logit.
    #[serde(skip_serializing_if = "Option::is_none")]
    logit: Option<f32>,
    /// Absent where the score is neither a logit nor a probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
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
    /// What map and `l2` are to be multiplied by, where the squares of slopes do not fit float32.
    #[serde(skip_serializing_if = "is_one")]
    factor: f64,
    /// How gradients pass rounding, where that was asked for: they are estimates then.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantized: Option<&'static str>,
    /// For guided back-propagation and deconvolution: activations that passed the gradient by their rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    activations: Option<usize>,
    /// The attribution that the picture shows at full strength.
    scale: f32,
    flag: Option<Flag>,
    picture: Option<PathBuf>,
    raw: Option<PathBuf>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
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

impl ExplanationReport {
    pub(super) fn new(
        args: &Args,
        engine: &'static str,
        contract: &Contract,
        found: &attribution::Attribution,
        map: &Normalised,
    ) -> Self {
        let Reading {
            scores,
            probabilities,
            predicted,
            kind,
            assumed,
        } = contract.answer(found.logits.clone());
        let mut contract = contract.clone();
        contract.assumed.extend(assumed);
        let is_logit = matches!(kind, Scores::Softmax | Scores::Sigmoid);
        let answers = contract.classes.iter().zip(scores).enumerate();
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
                .map(|(index, (class, score))| Answer {
                    code: class.code.clone(),
                    name: class.name.clone(),
                    score,
                    logit: is_logit.then_some(score),
                    probability: probabilities.as_ref().map(|all| all[index]),
                })
                .collect(),
            predicted,
            scores: kind,
            contract,
            attribution: Attribution {
                method: spelled(&args.method),
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
                factor: found.factor,
                quantized: args.quantized.map(|_| "straight-through"),
                activations: found.activations,
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
        order.sort_by(|&a, &b| self.classes[b].score.total_cmp(&self.classes[a].score));
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
        let shown = |text: fn(&Answer) -> &str| -> Vec<String> {
            let texts = named.iter().map(|&i| said::name(text(&self.classes[i])));
            texts.map(|text| text.to_string()).collect()
        };
        let width = |texts: &[String]| texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
        let (codes, names) = (shown(|a| &a.code), shown(|a| &a.name));
        let (code_width, name_width) = (width(&codes), width(&names));
        let mut text = String::new();
        for ((&index, code), name) in named.iter().zip(&codes).zip(&names) {
            let Answer {
                score,
                logit,
                probability,
                ..
            } = &self.classes[index];
            let mark = if index == target {
                "  ← explained"
            } else if Some(index) == self.attribution.against {
                "  ← against this"
            } else {
                ""
            };
            let share = probability.map_or_else(String::new, |p| format!("{:6.2} %  ", 100.0 * p));
            let number = match (logit, probability) {
                (Some(_), _) => format!("logit {score:.4}"),
                (None, Some(_)) => String::new(),
                (None, None) => format!("score {score:.4}"),
            };
            let _ = writeln!(
                text,
                "{share}{code:<code_width$}  {name:<name_width$}  {number}{mark}"
            );
        }
        if order.len() > named.len() {
            let _ = writeln!(text, "and {} more classes", order.len() - named.len());
        }
        self.facts(&mut text);
        text.push_str(&assumed_lines(&self.contract.assumed));
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
            factor,
            activations,
            ..
        } = &self.attribution;
        if let Some(activations) = activations {
            let _ = writeln!(
                text,
                "{method}: its rule was applied to {activations} activations (Relu, ReLU6, max(x, 0))"
            );
        }
        if *factor != 1.0 {
            let _ = writeln!(
                text,
                "the squares do not fit float32: the numbers are in units of {factor:e}"
            );
        }
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
