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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::{Options, differentiate};
    use onnx_edit::pb::NodeProto;
    use onnx_edit::{Dim, GraphBuilder, Model, declared_shape};

    /// `count` activations in a row, and a mean behind them.
    fn chain(count: usize) -> Model {
        let mut graph = GraphBuilder::new("chain");
        let shape = [
            Dim::Named("N".into()),
            Dim::Known(3),
            Dim::Known(4),
            Dim::Known(4),
        ];
        let mut value = graph.input("image", &shape);
        for _ in 0..count {
            value = graph.node("Relu", "relu", &[&value], []);
        }
        let pooled = graph.node("GlobalAveragePool", "pool", &[&value], []);
        let logits = graph.node("Flatten", "logits", &[&pooled], []);
        graph.output(&logits, None);
        graph.finish().unwrap()
    }

    #[test]
    fn masks_stand_behind_their_activations_and_open_cotangents_are_declared() {
        let model = differentiate(chain(3), &Options::default()).unwrap();
        let nodes = &model.graph().node;
        let activations = nodes.iter().enumerate();
        for (place, activation) in activations.filter(|(_, node)| node.op_type == "Relu") {
            // Until the model's next node.
            let behind = nodes[place + 1..]
                .iter()
                .take_while(|node| node.name.starts_with("grad/"));
            let reads = |node: &NodeProto| node.input.contains(&activation.output[0]);
            let mut masks = behind.filter(|node| node.op_type == "Greater" && reads(node));
            assert!(masks.next().is_some(), "behind {}", activation.name);
        }
        let masked: Vec<_> = nodes
            .iter()
            .filter(|node| node.op_type == "Where")
            .collect();
        assert_eq!(masked.len(), 3);
        let image = declared_shape(model.inputs()[0]).unwrap();
        // What comes out last is the graph's output, which is declared anyway.
        for node in &masked[..2] {
            let declared = model
                .graph()
                .value_info
                .iter()
                .find(|v| v.name == node.output[0]);
            assert_eq!(declared_shape(declared.unwrap()).unwrap(), image);
        }
    }
}
