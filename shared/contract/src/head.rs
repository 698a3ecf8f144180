//! What the network answers: which value holds a number per class, and what these numbers are.

use super::feed::{element, kind_text};
use super::form::{Form, form, form_of};
use super::nodes::Nodes;
use super::{About, Assumption, ContractError, Wishes};
use onnx_edit::pb::{NodeProto, ValueInfoProto, tensor_proto::DataType};
use onnx_edit::{Attributes, Dim, Shape};
use pellucid_cards::{Card, Scores};
use pellucid_zoo::LOGITS;

/// What was resolved of the output.
#[derive(Debug)]
pub(super) struct Head {
    /// The value that is explained.
    pub(super) value: String,
    pub(super) scores: Scores,
    /// Numbers per image.
    pub(super) count: usize,
    /// Whether it is `[N, K]`.
    pub(super) rows: bool,
    /// Whether it has no axis for the batch.
    pub(super) single: bool,
    /// The operator that makes probabilities of it.
    pub(super) behind: Option<String>,
}

/// What user and card say of the output.
pub(super) struct Told {
    name: Option<String>,
    scores: Option<Scores>,
    /// A card of version 1 speaks of logits where the graph says nothing else.
    logits: bool,
}

impl Told {
    pub(super) fn of(card: Option<&Card>, wishes: &Wishes) -> Self {
        let output = card.map(|card| &card.output);
        let named = output.and_then(|output| output.name.clone());
        // What a card says of one output it does not say of another.
        let other = wishes.output.is_some() && named.is_some() && wishes.output != named;
        let of_card = output.and_then(|output| output.scores).filter(|_| !other);
        Self {
            name: wishes.output.clone().or(named),
            scores: wishes.scores.or(of_card),
            logits: card.is_some_and(|card| card.version == 1),
        }
    }
}

/// How many nodes that change no number are passed over.
const LONGEST: usize = 16;

pub(super) fn resolve(
    nodes: &Nodes<'_>,
    values: &[&ValueInfoProto],
    shape: &dyn Fn(&str) -> Option<Shape>,
    told: &Told,
    assumed: &mut Vec<Assumption>,
) -> Result<Head, ContractError> {
    let outputs: Vec<&str> = values.iter().map(|value| &value.name[..]).collect();
    let outputs = &outputs[..];
    let chosen = match &told.name {
        Some(name) if outputs.contains(&&name[..]) || nodes.maker(name).is_some() => name.clone(),
        Some(name) => {
            return Err(ContractError::NoSuchOutput {
                name: name.clone(),
                outputs: outputs.iter().map(|&name| name.to_owned()).collect(),
            });
        }
        None => {
            let floats = values.iter().filter(|value| is_float(value));
            let floats: Vec<&str> = floats.map(|value| &value.name[..]).collect();
            let candidates = if floats.is_empty() { outputs } else { &floats };
            choose(nodes, candidates, shape, assumed)?
        }
    };
    let chosen_output = values.iter().find(|value| value.name == chosen);
    if let Some(value) = chosen_output.filter(|value| !is_float(value)) {
        return Err(ContractError::NoFloats {
            name: chosen,
            kind: kind_text(value),
        });
    }
    let squash = squash(nodes, &chosen, shape);
    let mut form = form(&chosen, shape(&chosen))?;
    let mut value = chosen;
    let (mut behind, mut found) = (None, None);
    if let Some(squash) = squash {
        if told.name.is_none() && told.scores != Some(Scores::Values) {
            // Where the shape before is not known, it is the one behind.
            form = form_of(shape(&squash.before).as_ref()).unwrap_or(form);
            behind = Some(squash.op.to_owned());
            value = squash.before;
            found = Some(squash.scores);
        } else if squash.op == "LogSoftmax" {
            found = Some(Scores::Softmax);
        } else {
            found = Some(Scores::Probabilities);
        }
    } else if told.name.is_some() {
        // The user names the value before the last Softmax or Sigmoid.
        found = nodes.readers(&value).iter().find_map(|node| kind(node));
    }
    let told_scores = told.scores.filter(|scores| {
        // Whoever says that a network ends in probabilities does not mean the score before.
        !(behind.is_some() && *scores == Scores::Probabilities)
    });
    let scores = scores(told_scores, found, &behind, told, form.count, assumed)?;
    let Form {
        count,
        rows,
        single,
    } = form;
    Ok(Head {
        value,
        scores,
        count,
        rows,
        single,
        behind,
    })
}

/// Whether a value is of floating-point numbers, as far as its declaration says.
fn is_float(value: &ValueInfoProto) -> bool {
    element(value).is_none_or(|kind| {
        matches!(
            kind,
            DataType::Undefined
                | DataType::Float
                | DataType::Float16
                | DataType::Bfloat16
                | DataType::Double
        )
    })
}

/// What the numbers are, and the sentence for it.
fn scores(
    told_scores: Option<Scores>,
    found: Option<Scores>,
    behind: &Option<String>,
    told: &Told,
    count: usize,
    assumed: &mut Vec<Assumption>,
) -> Result<Scores, ContractError> {
    if let Some(op) = behind {
        assumed.push(Assumption::graph(
            About::Output,
            format!("The score before the last {op} is explained, not the probability behind it."),
        ));
    }
    if let Some(scores) = told_scores {
        return match scores {
            Scores::Softmax if count == 1 => Err(ContractError::OneScore),
            scores => Ok(scores),
        };
    }
    let (about, one) = (About::Scores, count == 1);
    match found {
        Some(Scores::Sigmoid) if one => assumed.push(Assumption::graph(
            about,
            "The network answers with one probability: that of the second of two classes; the first has the rest.",
        )),
        Some(Scores::Sigmoid) => assumed.push(Assumption::graph(
            about,
            "Every class has a probability of its own, from a Sigmoid: they need not add up to 100 %.",
        )),
        Some(_) => {}
        None if one => {
            assumed.push(Assumption::convention(
                about,
                "The network answers with one number: it is taken as the logit of the second of two classes, whose probability is its sigmoid.",
            ));
            return Ok(Scores::Sigmoid);
        }
        None if told.logits => {}
        None => assumed.push(Assumption::convention(
            about,
            "The scores are taken as logits of classes that exclude each other: their softmax are the probabilities.",
        )),
    }
    match found.unwrap_or_default() {
        Scores::Softmax if one => Err(ContractError::OneScore),
        scores => Ok(scores),
    }
}

/// The output that is meant where nobody names one.
fn choose(
    nodes: &Nodes<'_>,
    outputs: &[&str],
    shape: &dyn Fn(&str) -> Option<Shape>,
    assumed: &mut Vec<Assumption>,
) -> Result<String, ContractError> {
    if let &[one] = outputs {
        return Ok(one.to_owned());
    }
    let fits = |name: &&str| form_of(shape(name).as_ref()).is_some();
    let fitting: Vec<&str> = outputs.iter().copied().filter(fits).collect();
    // A probability beside its own score says nothing else.
    let of_another = |name: &&str| {
        squash(nodes, name, shape).is_none_or(|squash| !fitting.contains(&&squash.before[..]))
    };
    let plain: Vec<&str> = fitting.iter().copied().filter(of_another).collect();
    let chosen = match &plain[..] {
        &[one] => one,
        _ if fitting.contains(&LOGITS) => LOGITS,
        _ => {
            return Err(ContractError::Outputs {
                names: outputs.iter().map(|&name| name.to_owned()).collect(),
            });
        }
    };
    assumed.push(Assumption::convention(
        About::Output,
        format!(
            "Of the outputs {}, the one called `{chosen}` is explained.",
            outputs.join(", ")
        ),
    ));
    Ok(chosen.to_owned())
}

/// A last Softmax or Sigmoid.
struct Squash<'a> {
    op: &'a str,
    /// The value before it.
    before: String,
    /// What that value is.
    scores: Scores,
}

/// The Softmax or Sigmoid that makes a value, also behind nodes that change no number.
fn squash<'a>(
    nodes: &Nodes<'a>,
    value: &str,
    shape: &dyn Fn(&str) -> Option<Shape>,
) -> Option<Squash<'a>> {
    let mut value = value.to_owned();
    for _ in 0..LONGEST {
        let node = nodes.maker(&value)?;
        let before = node.input.first()?.clone();
        if let Some(scores) = kind(node) {
            let along =
                scores == Scores::Sigmoid || along_classes(node, nodes.opset(), shape(&before));
            return along.then_some(Squash {
                op: &node.op_type,
                before,
                scores,
            });
        }
        if !matches!(
            &node.op_type[..],
            "Identity" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Cast" | "Dropout"
        ) {
            return None;
        }
        value = before;
    }
    None
}

fn kind(node: &NodeProto) -> Option<Scores> {
    match &node.op_type[..] {
        "Softmax" | "LogSoftmax" => Some(Scores::Softmax),
        "Sigmoid" => Some(Scores::Sigmoid),
        _ => None,
    }
}

/// Whether a Softmax runs over the classes and over nothing else.
fn along_classes(node: &NodeProto, opset: i64, shape: Option<Shape>) -> bool {
    let usual = if opset < 13 { 1 } else { -1 };
    let Ok(axis) = Attributes(node).int("axis", usual) else {
        return false;
    };
    let Some(shape) = shape else {
        return axis == 1 || axis == -1;
    };
    let rank = shape.len() as i64;
    let axis = if axis < 0 { axis + rank } else { axis };
    let classes = shape.iter().enumerate().skip(usize::from(rank > 1));
    let classes = classes
        .filter(|(_, dim)| **dim != Dim::Known(1))
        .map(|(axis, _)| axis as i64);
    let classes: Vec<i64> = classes.collect();
    match classes[..] {
        // Before set 13 all axes from this one on are one row.
        [classes] if opset < 13 => (1..=classes).contains(&axis) || (rank == 1 && axis == 0),
        [classes] => axis == classes,
        _ => false,
    }
}
