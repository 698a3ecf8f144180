//! Where a gradient's nodes stand in the file.

use std::collections::{HashMap, HashSet};

use super::names::COTANGENT;
use onnx_edit::pb::{GraphProto, NodeProto};
use onnx_edit::reads;

/// Moves what a gradient computes of the model's values alone, such as the masks of activations, right behind the last node that it
/// reads; `first` is where the gradient's nodes begin. Else ONNX Runtime's topological sort, which runs after each of its
/// optimisations, takes the square of the number of such nodes: that of 10,000 masks took minutes. What a runtime computes in which
/// order is its own choice and does not hang on this.
pub(super) fn beside_their_values(graph: &mut GraphProto, first: usize) {
    let mut nodes = std::mem::take(&mut graph.node);
    let appended = nodes.split_off(first.min(nodes.len()));
    let mut place: HashMap<String, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        place.extend(node.output.iter().map(|name| (name.clone(), index)));
    }
    let mut directed: HashSet<String> = HashSet::from([COTANGENT.to_owned()]);
    let mut behind: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    let mut rest = vec![];
    for node in appended {
        let reads = reads(&node);
        let at = reads
            .iter()
            .filter_map(|&name| place.get(name))
            .max()
            .copied();
        match at.filter(|_| !reads.iter().any(|&name| directed.contains(name))) {
            Some(at) => {
                place.extend(node.output.iter().map(|name| (name.clone(), at)));
                behind.entry(at).or_default().push(node);
            }
            // What reads nothing of the model stays where it is, and with it what reads that.
            None => {
                directed.extend(node.output.iter().cloned());
                rest.push(node);
            }
        }
    }
    for (index, node) in nodes.into_iter().enumerate() {
        graph.node.push(node);
        graph.node.extend(behind.remove(&index).unwrap_or_default());
    }
    graph.node.extend(rest);
}
