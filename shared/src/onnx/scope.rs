//! Names within graphs that nodes hold (the branches of `If`, the bodies of `Loop`): what they read from outside, and
//! how they are renamed.

use std::collections::{HashMap, HashSet};

use super::pb::{AttributeProto, GraphProto, NodeProto};

/// Every value that a node reads: its inputs, and what its graphs take from around them.
pub(crate) fn reads(node: &NodeProto) -> HashSet<&str> {
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

/// Gives unique names to what is taken into another graph.
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn of(graph: &GraphProto) -> Self {
        let mut taken = HashSet::new();
        take_names(graph, &mut taken);
        Self { taken }
    }

    /// `prefix/name`, or that with a number behind it.
    pub(super) fn fresh(&mut self, prefix: &str, name: &str) -> String {
        let wish = format!("{prefix}/{name}");
        let mut fresh = wish.clone();
        let mut number = 1;
        while !self.taken.insert(fresh.clone()) {
            number += 1;
            fresh = format!("{wish}_{number}");
        }
        fresh
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
                self.rename_graph(graph, prefix, map.clone());
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

    fn rename_graph(
        &mut self,
        graph: &mut GraphProto,
        prefix: &str,
        mut map: HashMap<String, String>,
    ) {
        graph.value_info.clear();
        let inputs = graph.input.iter_mut().map(|value| &mut value.name);
        let weights = graph.initializer.iter_mut().map(|tensor| &mut tensor.name);
        for name in inputs.chain(weights) {
            let new = self.fresh(prefix, name);
            map.insert(std::mem::replace(name, new.clone()), new);
        }
        // A name made in here hides the one outside.
        for name in graph.node.iter().flat_map(|node| &node.output) {
            map.remove(name);
        }
        for node in &mut graph.node {
            self.rename(node, prefix, &mut map);
        }
        for output in &mut graph.output {
            if let Some(new) = map.get(&output.name) {
                output.name.clone_from(new);
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

/// Replaces references to a function's attributes by what the call gives; what it does not give is left out.
pub(super) fn resolve(node: &mut NodeProto, given: &[AttributeProto]) {
    let attributes = std::mem::take(&mut node.attribute);
    node.attribute = attributes
        .into_iter()
        .filter_map(|mut attribute| {
            if attribute.ref_attr_name.is_empty() {
                for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    for node in &mut graph.node {
                        resolve(node, given);
                    }
                }
                return Some(attribute);
            }
            let found = given.iter().find(|g| g.name == attribute.ref_attr_name)?;
            Some(AttributeProto {
                name: attribute.name,
                ..found.clone()
            })
        })
        .collect();
}
