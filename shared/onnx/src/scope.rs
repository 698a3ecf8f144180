//! Names within graphs that nodes hold (the branches of `If`, the bodies of `Loop`): what they read from outside, and
//! how they are renamed.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::budget::{Budget, Cost};
use super::pb::{AttributeProto, GraphProto, NodeProto};

/// Every value that a node reads: its inputs, and what its graphs take from around them.
pub fn reads(node: &NodeProto) -> HashSet<&str> {
    let mut found: HashSet<&str> = node
        .input
        .iter()
        .map(|name| &name[..])
        .filter(|name| !name.is_empty())
        .collect();
    for graph in graphs(node) {
        captured(graph, &mut found);
    }
    found
}

/// The graphs that a node holds.
pub(super) fn graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute
        .iter()
        .flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// As [`graphs`], for edits.
pub(super) fn graphs_mut(node: &mut NodeProto) -> impl Iterator<Item = &mut GraphProto> {
    node.attribute
        .iter_mut()
        .flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
}

/// Adds what a graph reads and does not make itself.
fn captured<'a>(graph: &'a GraphProto, found: &mut HashSet<&'a str>) {
    let own: HashSet<&str> = made(graph).collect();
    let inner = graph.node.iter().flat_map(reads);
    let outputs = graph.output.iter().map(|output| &output.name[..]);
    found.extend(inner.chain(outputs).filter(|name| !own.contains(name)));
}

/// The names that a graph itself makes.
fn made(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let inputs = graph.input.iter().map(|value| &value.name[..]);
    let weights = graph.initializer.iter().map(|tensor| &tensor.name[..]);
    let outputs = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(|name| &name[..]));
    inputs.chain(weights).chain(outputs)
}

/// Names that are given out are no longer than this (but for a number), and what stands before a `/` in them no longer
/// than that: a file could else make one long name stand in all its nodes.
const LONGEST_NAME: usize = 250;
const LONGEST_PREFIX: usize = 120;

/// As much of a name as stands before a `/`.
pub(super) fn shortened(prefix: &str) -> &str {
    &prefix[..prefix.floor_char_boundary(LONGEST_PREFIX)]
}

/// Gives out names that nothing in a graph has.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// The number that was tried last behind a wish that was taken.
    numbers: HashMap<String, usize>,
}

impl Names {
    pub(super) fn of(graph: &GraphProto) -> Self {
        let mut taken = HashSet::new();
        take_names(graph, &mut taken);
        Self {
            taken,
            numbers: HashMap::new(),
        }
    }

    /// A name like `wish`, or that with a number behind it; reserved for the caller.
    pub(super) fn unique(&mut self, wish: &str) -> String {
        let wish = &wish[..wish.floor_char_boundary(LONGEST_NAME)];
        if self.taken.insert(wish.to_owned()) {
            return wish.to_owned();
        }
        let number = self.numbers.entry(wish.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{wish}_{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A name like `prefix/name`.
    pub(super) fn fresh(&mut self, prefix: &str, name: &str) -> String {
        self.unique(&format!("{}/{name}", shortened(prefix)))
    }

    /// Renames a node's values: those in `map` as it says, new ones freshly under `prefix`.
    pub(super) fn rename(
        &mut self,
        node: &mut NodeProto,
        prefix: &str,
        map: &mut HashMap<String, String>,
    ) {
        node.name = self.fresh(
            prefix,
            if node.name.is_empty() {
                &node.op_type
            } else {
                &node.name
            },
        );
        for name in &mut node.input {
            if let Some(new) = map.get(name) {
                name.clone_from(new);
            }
        }
        for attribute in &mut node.attribute {
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.rename_graph(graph, prefix, map);
            }
        }
        for name in node.output.iter_mut().filter(|name| !name.is_empty()) {
            let new = match map.get(name) {
                Some(new) => new.clone(),
                None => self.fresh(prefix, name),
            };
            map.insert(std::mem::replace(name, new.clone()), new);
        }
    }

    /// Renames what a graph makes and reads; `map` is afterwards what it was.
    fn rename_graph(
        &mut self,
        graph: &mut GraphProto,
        prefix: &str,
        map: &mut HashMap<String, String>,
    ) {
        graph.value_info.clear();
        // A name made in here hides the one outside.
        let mut hidden: Vec<(String, Option<String>)> = vec![];
        let inputs = graph.input.iter_mut().map(|value| &mut value.name);
        let weights = graph.initializer.iter_mut().map(|tensor| &mut tensor.name);
        for name in inputs.chain(weights) {
            let new = self.fresh(prefix, name);
            let old = std::mem::replace(name, new.clone());
            hidden.push((old.clone(), map.insert(old, new)));
        }
        for name in graph.node.iter().flat_map(|node| &node.output) {
            hidden.push((name.clone(), map.remove(name)));
        }
        for node in &mut graph.node {
            self.rename(node, prefix, map);
        }
        for output in &mut graph.output {
            if let Some(new) = map.get(&output.name) {
                output.name.clone_from(new);
            }
        }
        for (name, outside) in hidden.into_iter().rev() {
            match outside {
                Some(outside) => drop(map.insert(name, outside)),
                None => drop(map.remove(&name)),
            }
        }
    }
}

/// Every name in a graph and in the graphs within.
pub(super) fn take_names(graph: &GraphProto, taken: &mut HashSet<String>) {
    taken.extend(made(graph).map(str::to_owned));
    for node in &graph.node {
        taken.insert(node.name.clone());
        for inner in graphs(node) {
            take_names(inner, taken);
        }
    }
}

/// Replaces references to a function's attributes by what the call gives; what it does not give is left out. `None` where
/// the budget does not suffice for the copies.
pub(super) fn resolve(
    node: &mut NodeProto,
    given: &HashMap<&str, &AttributeProto>,
    budget: &mut Budget,
) -> Option<()> {
    for mut attribute in std::mem::take(&mut node.attribute) {
        if attribute.ref_attr_name.is_empty() {
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                for node in &mut graph.node {
                    resolve(node, given, budget)?;
                }
            }
            node.attribute.push(attribute);
        } else if let Some(&found) = given.get(&attribute.ref_attr_name[..]) {
            budget.take(Cost::of_bytes(found.encoded_len()))?;
            node.attribute.push(AttributeProto {
                name: attribute.name,
                ..found.clone()
            });
        }
    }
    Some(())
}

/// How many values a node and the graphs in it make.
pub(super) fn values_made(node: &NodeProto) -> usize {
    let inner = graphs(node).map(|graph| {
        let weights = graph.input.len() + graph.initializer.len();
        weights + graph.node.iter().map(values_made).sum::<usize>()
    });
    1 + node.output.len() + inner.sum::<usize>()
}
