//! `pellucid inspect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use pellucid_shared::attribution::Signature;
use pellucid_shared::autodiff::{Options, RELU_RULE, differentiate, has_rule};
use pellucid_shared::card::{Card, Channels, Input, Scores};
use pellucid_shared::contract::{Contract, ContractError, Wishes};
use pellucid_shared::onnx::pb::{TensorProto, ValueInfoProto, tensor_proto::DataType, type_proto};
use pellucid_shared::onnx::{Model, declared_shape, tensor_shape};
use pellucid_shared::said;
use serde::Serialize;

use super::model;
use super::output::{bytes, print, print_json};

/// Show what an ONNX file holds: its card, inputs, outputs, operators and weights, and whether it can be explained
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid inspect robust.onnx
  pellucid inspect robust.onnx --json | jq .card.metrics")]
pub struct Args {
    /// The model
    model: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Operators that the text lists, and classes and metrics of the card; JSON has all.
const MOST_OPERATORS: usize = 250;
const MOST_CLASSES: usize = 1_000;

#[derive(Serialize)]
struct InspectionReport {
    file: PathBuf,
    bytes: u64,
    producer: String,
    ir_version: i64,
    opset: i64,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    operators: Vec<Operator>,
    weights: Weights,
    gradient: Gradient,
    /// What it takes and gives as a classifier, and what of that is assumed.
    contract: Option<Contract>,
    /// Why it is no classifier of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_error: Option<String>,
    card: Option<Card>,
    /// Why the card that is there cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    card_error: Option<String>,
}

#[derive(Serialize)]
struct Value {
    name: String,
    r#type: String,
    shape: String,
}

#[derive(Serialize)]
struct Operator {
    name: String,
    count: usize,
    /// Whether a gradient can flow through it.
    gradient: bool,
}

#[derive(Serialize)]
struct Weights {
    tensors: usize,
    elements: usize,
    bytes: usize,
}

/// Whether the gradient of the output with respect to the input can be had.
#[derive(Serialize)]
struct Gradient {
    /// The file holds it already.
    included: bool,
    possible: bool,
    /// The rule for `Relu` of an attribution that the file holds in place of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
}

/// Describes a file.
///
/// # Errors
/// Where the file cannot be read or is not ONNX.
pub fn run(args: Args) -> Result<()> {
    let (model, files) = model::load_with_files(&args.model)?;
    let report = InspectionReport::of(args.model, model::size(&files)?, model);
    if args.json {
        print_json(&report)
    } else {
        print(&report.text())
    }
}

impl InspectionReport {
    fn of(file: PathBuf, bytes: u64, model: Model) -> Self {
        let (card, card_error) = match Card::from_model(&model) {
            Ok(card) => (card, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let contract = Contract::resolve(&model, &Wishes::default());
        let proto = model.proto();
        let producer = format!("{} {}", proto.producer_name, proto.producer_version);
        Self {
            file,
            bytes,
            producer: producer.trim().to_owned(),
            ir_version: proto.ir_version,
            opset: model.opset(),
            inputs: model.inputs().into_iter().map(Value::of).collect(),
            outputs: model.outputs().iter().map(Value::of).collect(),
            operators: operators(&model),
            weights: weights(&model.graph().initializer),
            card,
            card_error,
            gradient: Gradient::of(model, &contract),
            contract_error: contract.as_ref().err().map(ToString::to_string),
            contract: contract.ok(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10} {value}");
        };
        line(
            "file",
            &format!("{}, {}", self.file.display(), bytes(self.bytes)),
        );
        line(
            "format",
            &format!(
                "opset {}, IR version {}, written by {}",
                self.opset,
                self.ir_version,
                said::name(&self.producer)
            ),
        );
        for (kind, values) in [("input", &self.inputs), ("output", &self.outputs)] {
            for value in values {
                line(
                    kind,
                    &format!(
                        "{} {} {}",
                        said::name(&value.name),
                        value.r#type,
                        said::reason(&value.shape)
                    ),
                );
            }
        }
        let weights = &self.weights;
        line(
            "weights",
            &format!(
                "{} numbers in {} tensors, {}",
                weights.elements,
                weights.tensors,
                bytes(weights.bytes as u64)
            ),
        );
        let nodes: usize = self.operators.iter().map(|o| o.count).sum();
        line("nodes", &nodes.to_string());
        for Operator {
            name,
            count,
            gradient,
        } in self.operators.iter().take(MOST_OPERATORS)
        {
            let remark = if *gradient {
                ""
            } else {
                "  (no gradient flows through it)"
            };
            line("", &format!("{count:>5} {}{remark}", said::name(name)));
        }
        if let Some(more) = self.operators.len().checked_sub(MOST_OPERATORS + 1) {
            line("", &format!("and {} other operators", more + 1));
        }
        line("gradient", &self.gradient.text());
        match (&self.contract, &self.contract_error) {
            (Some(contract), _) => describe_contract(contract, &mut line),
            (None, error) => line(
                "explained",
                &format!("cannot be: {}", error.as_deref().unwrap_or_default()),
            ),
        }
        match (&self.card, &self.card_error) {
            (Some(card), _) => describe(card, &mut line),
            (None, Some(error)) => line("card", &format!("unreadable: {error}")),
            (None, None) => line("card", "none"),
        }
        text
    }
}

/// What an image becomes before it is fed, what is explained, and what nobody told of both.
fn describe_contract(contract: &Contract, line: &mut impl FnMut(&str, &str)) {
    let Input {
        preprocessing,
        channels,
        range,
        mean,
        std,
        ..
    } = &contract.input;
    let colours = match channels.unwrap_or_default() {
        Channels::Rgb => "RGB",
        Channels::Grey => "grey",
    };
    let mut fed = format!(
        "{0}×{0} pixels, {1:?}, {2:?}, {colours} from {3}",
        preprocessing.size,
        preprocessing.crop,
        preprocessing.resize,
        range.unwrap_or_default().text()
    );
    if let (Some(mean), Some(std)) = (mean, std) {
        let _ = write!(fed, ", normalised before: mean {mean:?}, std {std:?}");
    }
    line("fed", &fed);
    let kind = match contract.scores() {
        Scores::Softmax => "logits of classes that exclude each other",
        Scores::Sigmoid if contract.binary => "the logit of two classes",
        Scores::Sigmoid => "logits of independent classes",
        Scores::Probabilities => "probabilities",
        Scores::Values => "values that are not probabilities",
    };
    line("explained", &format!("{}, {kind}", contract.value()));
    for (index, assumption) in contract.assumed.iter().enumerate() {
        line(if index == 0 { "assumed" } else { "" }, &assumption.text);
    }
}

fn describe(card: &Card, line: &mut impl FnMut(&str, &str)) {
    let mut named = None;
    line(
        "card",
        if card.name.is_empty() {
            "(without a name)"
        } else {
            named.get_or_insert(said::name(&card.name).to_string())
        },
    );
    for (index, class) in card.classes.iter().take(MOST_CLASSES).enumerate() {
        line(
            if index == 0 { "classes" } else { "" },
            &format!(
                "{index} {} {}",
                said::name(&class.code),
                said::name(&class.name)
            ),
        );
    }
    if let Some(training) = &card.training {
        line(
            "training",
            &format!(
                "{} on {} ({} images), {} epochs, seed {}, by {}",
                training.architecture,
                training.data,
                training.images,
                training.epochs,
                training.seed,
                training.software
            ),
        );
        let attack = training.adversarial.map_or_else(
            || "on clean images".to_owned(),
            |a| {
                format!(
                    "on images attacked in the {:?} ball, ε = {}, {} steps of {}",
                    a.norm, a.epsilon, a.steps, a.step_size
                )
            },
        );
        line("", &attack);
    }
    for (head, text) in [
        ("for", &card.intended_use),
        ("licence", &card.license),
        ("thanks to", &card.attribution),
    ] {
        if !text.is_empty() {
            line(head, &said::reason(text).to_string());
        }
    }
    for (index, (name, metric)) in card.metrics.iter().take(MOST_CLASSES).enumerate() {
        let note = if metric.note.is_empty() {
            String::new()
        } else {
            format!(" ({})", metric.note)
        };
        line(
            if index == 0 { "metrics" } else { "" },
            &format!("{name} {:.4}{note}", metric.value),
        );
    }
}

impl Value {
    fn of(value: &ValueInfoProto) -> Self {
        Self {
            name: value.name.clone(),
            r#type: type_text(value),
            shape: shape_text(value),
        }
    }
}

/// A declared shape, such as `[N, 3, 224, 224]`.
pub(super) fn shape_text(value: &ValueInfoProto) -> String {
    declared_shape(value).map_or_else(
        || "of unknown shape".to_owned(),
        |shape| pellucid_shared::onnx::shape_text(&shape),
    )
}

fn type_text(value: &ValueInfoProto) -> String {
    let kind = value.r#type.as_ref().and_then(|t| t.value.as_ref());
    match kind {
        Some(type_proto::Value::TensorType(tensor)) => DataType::try_from(tensor.elem_type)
            .map_or_else(
                |_| "unknown".to_owned(),
                |kind| kind.as_str_name().to_lowercase(),
            ),
        _ => "not a tensor".to_owned(),
    }
}

fn operators(model: &Model) -> Vec<Operator> {
    let mut counts: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for node in &model.graph().node {
        let standard = matches!(&node.domain[..], "" | "ai.onnx");
        let name = if standard {
            node.op_type.clone()
        } else {
            format!("{}.{}", node.domain, node.op_type)
        };
        *counts
            .entry((name, standard && has_rule(&node.op_type)))
            .or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((name, gradient), count)| Operator {
            name,
            count,
            gradient,
        })
        .collect()
}

fn weights(tensors: &[TensorProto]) -> Weights {
    let elements = |t: &TensorProto| tensor_shape(t).map_or(0, |s| s.iter().product());
    // Data lie in one of several fields, according to the type and to who wrote the file.
    let size = |t: &TensorProto| {
        t.raw_data.len()
            + 4 * (t.float_data.len() + t.int32_data.len())
            + 8 * (t.double_data.len() + t.int64_data.len() + t.uint64_data.len())
    };
    Weights {
        tensors: tensors.len(),
        elements: tensors.iter().map(elements).sum::<usize>(),
        bytes: tensors.iter().map(size).sum(),
    }
}

impl Gradient {
    fn of(model: Model, contract: &Result<Contract, ContractError>) -> Self {
        let contract = match contract {
            Ok(contract) => contract,
            Err(error) => return Self::impossible(error.to_string()),
        };
        let rule = model.metadata(RELU_RULE).map(str::to_owned);
        let (model, signature) = match contract.adapt(model) {
            Ok(adapted) => adapted,
            Err(error) => return Self::impossible(error.to_string()),
        };
        let derivable = Self {
            included: signature.differentiated,
            possible: true,
            rule,
            why_not: None,
        };
        if derivable.included || derivable.rule.is_some() {
            return derivable;
        }
        let Signature { input, output, .. } = signature;
        let options = Options {
            input: Some(input),
            output: Some(output),
            ..Options::default()
        };
        match differentiate(model, &options) {
            Ok(_) => derivable,
            Err(error) => Self::impossible(error.to_string()),
        }
    }

    fn impossible(why: String) -> Self {
        Self {
            included: false,
            possible: false,
            rule: None,
            why_not: Some(why),
        }
    }

    fn text(&self) -> String {
        if let Some(rule) = &self.rule {
            return format!(
                "not in the file: it holds the attribution of `--rule relu={rule}` instead"
            );
        }
        match (&self.why_not, self.included) {
            (Some(why), _) => format!("cannot be derived: {why}"),
            (None, true) => "included in the file".to_owned(),
            (None, false) => "can be derived".to_owned(),
        }
    }
}
