//! The equation of an `Einsum`: <https://onnx.ai/onnx/operators/onnx__Einsum.html>.

use super::super::pb::NodeProto;
use super::super::{Attributes, Model, OnnxError};

/// An equation with every axis under a label of one letter, those of an ellipsis too.
#[derive(Clone, Debug)]
pub struct Equation {
    /// The labels of each input's axes.
    pub inputs: Vec<Vec<char>>,
    /// Those of the output's.
    pub output: Vec<char>,
    /// Those that an ellipsis stands for.
    pub(super) ellipsis: Vec<char>,
}

fn letters() -> impl Iterator<Item = char> {
    ('A'..='z').filter(char::is_ascii_alphabetic)
}

impl Equation {
    /// The equation of a node whose inputs have so many axes; `None` where it does not fit them.
    ///
    /// # Errors
    /// [`OnnxError::Node`] where the equation itself makes no sense.
    pub fn of(node: &NodeProto, ranks: &[usize]) -> Result<Option<Self>, OnnxError> {
        let wrong = |why: String| Err(Model::node_error(node, why));
        let text: String = Attributes(node)
            .string("equation", "")?
            .split_whitespace()
            .collect();
        let spelled = text.replace("...", "").replace("->", "");
        let mut spelled = spelled.chars();
        if let Some(odd) = spelled.find(|&c| !c.is_ascii_alphabetic() && c != ',') {
            let odd = odd.escape_debug();
            return wrong(format!("`equation` holds `{odd}`, which is not a letter"));
        }
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, right.to_owned()),
            None => (&text[..], implied(&text)),
        };
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != ranks.len() {
            return wrong(
                "`equation` has a different number of terms than the node has inputs".into(),
            );
        }
        let named = right.replace("...", "");
        if named.chars().any(|c| named.matches(c).count() > 1) {
            return wrong("`equation` has a letter twice on the right".into());
        }
        if !named.chars().all(|c| c != ',' && left.contains(c)) {
            return wrong("`equation` has a letter on the right that no input has".into());
        }
        let open = terms
            .iter()
            .zip(ranks)
            .filter(|(term, _)| term.contains("..."));
        let hidden = open.map(|(term, rank)| (rank + 3).saturating_sub(term.len()));
        let widest = hidden.max().unwrap_or(0);
        let free = letters().filter(|&c| !text.contains(c));
        let ellipsis: Vec<char> = free.take(widest).collect();
        let inputs = terms.iter().zip(ranks);
        let inputs = inputs.map(|(term, &rank)| labels(term, &ellipsis, rank));
        let beside = if right.contains("...") { widest } else { 0 };
        let output = labels(&right, &ellipsis, named.len() + beside);
        Ok(inputs
            .collect::<Option<_>>()
            .zip(output)
            .map(|(inputs, output)| Self {
                inputs,
                output,
                ellipsis,
            }))
    }

    /// Letters that the equation does not use.
    pub fn unused(&self) -> impl Iterator<Item = char> + use<> {
        let used = [&self.inputs.concat()[..], &self.output].concat();
        letters().filter(move |c| !used.contains(c))
    }
}

/// What an equation without an arrow means: the ellipsis, then the labels that occur once, in alphabetical order.
fn implied(terms: &str) -> String {
    let once = letters().filter(|&c| terms.matches(c).count() == 1);
    let ellipsis = if terms.contains("...") { "..." } else { "" };
    ellipsis.chars().chain(once).collect()
}

/// A term with its ellipsis spelled out; of the ellipsis' letters, the last ones as many as the rank leaves. `None` where
/// the term does not fit the rank.
fn labels(term: &str, ellipsis: &[char], rank: usize) -> Option<Vec<char>> {
    let (before, behind) = term.split_once("...").unwrap_or((term, ""));
    let hidden = rank.checked_sub(before.len() + behind.len())?;
    if hidden > 0 && !term.contains("...") {
        return None;
    }
    let hidden = &ellipsis[ellipsis.len().checked_sub(hidden)?..];
    let labels = before.chars().chain(hidden.iter().copied());
    let labels: Vec<char> = labels.chain(behind.chars()).collect();
    // An ellipsis may stand once.
    labels
        .iter()
        .all(char::is_ascii_alphabetic)
        .then_some(labels)
}
