//! Removing what nothing reads.

use std::collections::HashSet;

use super::pb::{GraphProto, NodeProto};
use super::scope::reads;

/// Removes the nodes that may go (`dispensable`) and make neither a value in `wanted` nor one that a node which stays reads.
/// Nodes stand in topological order. Returns every name that is wanted or read.
pub fn remove_unread(
    graph: &mut GraphProto,
    wanted: impl IntoIterator<Item = String>,
    dispensable: impl Fn(&NodeProto) -> bool,
) -> HashSet<String> {
    let mut read: HashSet<String> = wanted.into_iter().collect();
    // The readers of a value stand behind the node that makes it.
    graph.node.reverse();
    graph.node.retain(|node| {
        let stays = !dispensable(node) || node.output.iter().any(|name| read.contains(name));
        if stays {
            read.extend(reads(node).into_iter().map(str::to_owned));
        }
        stays
    });
    graph.node.reverse();
    read
}

/// The names of a graph's outputs.
pub fn output_names(graph: &GraphProto) -> Vec<String> {
    graph.output.iter().map(|o| o.name.clone()).collect()
}
