//! Nodes that stand before the ones they read. The specification wants them sorted; editors of graphs leave them anyhow.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::super::pb::GraphProto;
use super::super::scope::{graphs_mut, reads};

/// Brings the nodes into topological order, here and in the graphs within; nodes that are in order keep their places. A graph
/// with a cycle is left as it is.
pub(super) fn sort(graph: &mut GraphProto) {
    for node in &mut graph.node {
        graphs_mut(node).for_each(sort);
    }
    let Some(order) = order(graph) else {
        return;
    };
    if order.is_sorted() {
        return;
    }
    let mut nodes: Vec<_> = std::mem::take(&mut graph.node)
        .into_iter()
        .map(Some)
        .collect();
    let sorted = order.into_iter().filter_map(|index| nodes[index].take());
    graph.node = sorted.collect();
}

/// The nodes' indices, each behind those of the nodes it reads; of several that could come next, the first.
fn order(graph: &GraphProto) -> Option<Vec<usize>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            makers.entry(output).or_insert(index);
        }
    }
    let count = graph.node.len();
    let mut waits_for = vec![0usize; count];
    let mut readers = vec![vec![]; count];
    for (index, node) in graph.node.iter().enumerate() {
        let read: HashSet<usize> = reads(node)
            .into_iter()
            .filter_map(|name| makers.get(name).copied())
            .collect();
        waits_for[index] = read.len();
        for maker in read {
            readers[maker].push(index);
        }
    }
    let mut ready: BinaryHeap<_> = (0..count)
        .filter(|&index| waits_for[index] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            waits_for[reader] -= 1;
            if waits_for[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    (order.len() == count).then_some(order)
}
