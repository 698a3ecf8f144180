//! Which values the gradient flows through.

use std::collections::{BTreeMap, HashSet};

use super::names::PREFIX;
use super::{AutodiffError, Quantized, ReluRule, table};
use onnx_edit::{pb::NodeProto, reads};

/// The values on a way from input to output through operators that a gradient passes.
///
/// # Errors
/// [`AutodiffError::NoPath`], and [`AutodiffError::NoRule`] where such a way leads through an operator that has neither a
/// rule nor a decomposition: every such node is named.
pub(super) fn active_values(
    nodes: &[NodeProto],
    input: &str,
    output: &str,
    quantized: Quantized,
) -> Result<HashSet<String>, AutodiffError> {
    let mut downstream: HashSet<&str> = HashSet::from([input]);
    for node in nodes.iter().filter(|node| !table::is_constant(node)) {
        if reads(node).iter().any(|name| downstream.contains(name)) {
            downstream.extend(node.output.iter().map(|name| &name[..]));
        }
    }
    let mut active: HashSet<&str> = HashSet::from([output]);
    let mut without_rule = vec![];
    for node in nodes.iter().rev().filter(|node| !table::is_constant(node)) {
        if !reaches(&node.output, &active) || reads(node).is_disjoint(&downstream) {
            continue;
        }
        active.extend(reads(node).intersection(&downstream));
        if table::operator(node, quantized).is_none() {
            without_rule.push((node.op_type.clone(), onnx_edit::node_name(node)));
        }
    }
    if !downstream.contains(output) || !active.contains(input) {
        return Err(AutodiffError::NoPath {
            input: input.to_owned(),
            output: output.to_owned(),
        });
    }
    if !without_rule.is_empty() {
        without_rule.reverse();
        return Err(AutodiffError::NoRule {
            nodes: without_rule,
        });
    }
    Ok(active.into_iter().map(str::to_owned).collect())
}

fn reaches(names: &[String], set: &HashSet<&str>) -> bool {
    names.iter().any(|name| set.contains(&name[..]))
}

/// The error where a rule found nothing to be applied to.
pub(super) fn nothing_found(
    rule: ReluRule,
    output: &str,
    nodes: &[NodeProto],
    active: &HashSet<String>,
) -> AutodiffError {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes.iter().filter(|node| !node.name.starts_with(PREFIX)) {
        let on_the_way = node.output.iter().any(|name| active.contains(name));
        if on_the_way && table::is_other_activation(node) {
            *counts.entry(&node.op_type).or_default() += 1;
        }
    }
    AutodiffError::NoActivation {
        rule: rule.method(),
        output: output.to_owned(),
        others: counts
            .into_iter()
            .map(|(op, count)| format!("{count} × {op}"))
            .collect(),
    }
}
