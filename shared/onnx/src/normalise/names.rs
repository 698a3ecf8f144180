//! Names of nodes that are missing, stand twice, or are those of a weight. The specification wants them unique; some runtimes
//! and many tools take them for keys.

use std::collections::HashSet;

use super::super::pb::{GraphProto, NodeProto};
use super::super::scope::{Names, graphs, graphs_mut};

/// Gives every node a name of its own: the first of several keeps it, the others get a number behind it; one without a name is
/// called like its first output.
pub(super) fn make_unique(graph: &mut GraphProto) {
    let mut held = HashSet::new();
    weights(graph, &mut held);
    let mut naming = Naming {
        names: Names::of(graph),
        given: held,
    };
    // Names that were given count more than those that are made up.
    naming.visit(graph, &|node| !node.name.is_empty());
    naming.visit(graph, &|node| node.name.is_empty());
}

/// The names of a graph's inputs and initializers, and of those of the graphs within.
fn weights(graph: &GraphProto, held: &mut HashSet<String>) {
    held.extend(graph.input.iter().map(|value| value.name.clone()));
    held.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
    for inner in graph.node.iter().flat_map(graphs) {
        weights(inner, held);
    }
}

struct Naming {
    names: Names,
    given: HashSet<String>,
}

impl Naming {
    fn visit(&mut self, graph: &mut GraphProto, chosen: &impl Fn(&NodeProto) -> bool) {
        for node in &mut graph.node {
            if chosen(node) {
                self.name(node);
            }
            for inner in graphs_mut(node) {
                self.visit(inner, chosen);
            }
        }
    }

    fn name(&mut self, node: &mut NodeProto) {
        if node.name.is_empty() {
            let output = node.output.iter().find(|name| !name.is_empty());
            node.name.clone_from(output.unwrap_or(&node.op_type));
        }
        if !self.given.insert(node.name.clone()) {
            node.name = self.names.unique(&node.name);
            self.given.insert(node.name.clone());
        }
    }
}
