//! What writing a model out leaves behind: conditions of loops, numbers of rounds and parts of sequences that nothing reads.

use std::collections::HashSet;

use super::super::pb::GraphProto;
use super::super::scope::reads;

/// The values that a graph's own nodes make and its own initializers hold.
pub(super) fn values(graph: &GraphProto) -> HashSet<String> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let held = graph.initializer.iter().map(|tensor| &tensor.name);
    made.chain(held).cloned().collect()
}

/// Removes the nodes and initializers that nothing reads, but for those that make or hold one of the values `kept`.
pub(super) fn remove_unread(graph: &mut GraphProto, kept: &HashSet<String>) {
    let mut read: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    graph.node.reverse();
    graph.node.retain(|node| {
        let needed = node
            .output
            .iter()
            .any(|name| read.contains(name) || kept.contains(name));
        if needed {
            read.extend(reads(node).into_iter().map(str::to_owned));
        }
        needed
    });
    graph.node.reverse();
    let needed = |name: &String| read.contains(name) || kept.contains(name);
    graph.initializer.retain(|tensor| needed(&tensor.name));
}
