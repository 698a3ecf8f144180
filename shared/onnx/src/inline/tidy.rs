//! What writing a model out leaves behind: conditions of loops, numbers of rounds and parts of sequences that nothing reads.

use std::collections::HashSet;

use super::super::pb::GraphProto;
use super::super::unread::{output_names, remove_unread};

/// The values that a graph's own nodes make and its own initializers hold.
pub(super) fn values(graph: &GraphProto) -> HashSet<String> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let held = graph.initializer.iter().map(|tensor| &tensor.name);
    made.chain(held).cloned().collect()
}

/// Removes the nodes and initializers that nothing reads, but for those that make or hold one of the values `kept`.
pub(super) fn tidy(graph: &mut GraphProto, kept: &HashSet<String>) {
    let outputs = output_names(graph);
    let read = remove_unread(graph, outputs, |node| {
        !node.output.iter().any(|name| kept.contains(name))
    });
    let needed = |name: &String| read.contains(name) || kept.contains(name);
    graph.initializer.retain(|tensor| needed(&tensor.name));
}
