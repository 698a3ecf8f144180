use std::collections::HashSet;

use super::layout::{Layout, SPATIAL};
use super::{AttributionError, Signature};
use onnx_edit::pb::NodeProto;
use onnx_edit::{Model, Shapes, infer_shapes, node_name};

/// Operators after which axes 2 and 3 may be anything.
const REARRANGING: &[&str] = &[
    "Einsum",
    "Flatten",
    "Gather",
    "Gemm",
    "MatMul",
    "Reshape",
    "ScatterND",
    "Shape",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// A feature map of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// The value's name.
    pub(super) name: String,
    pub(super) layout: Layout,
}

/// The value that a method on feature maps looks at: the one that `wanted` names, by itself or by its node (whose first
/// output it is then), or else the deepest feature map.
///
/// The deepest feature map is the last value of rank 4 on the way from the input to the logits that has a height and a
/// width beyond 1 (or left open) and whose axes 2 and 3 are still the image's: it comes out of an operator that reads
/// them so, such as a convolution, or out of an elementwise one on such values. In a convolutional network that is what
/// goes into global pooling or into the first fully connected layer. In a vision transformer it is the embedding of the
/// patches, which tells little: name a value there.
pub(super) fn choose(
    model: &Model,
    signature: &Signature,
    wanted: Option<&str>,
) -> Result<Layer, AttributionError> {
    let (nodes, shapes) = (&model.graph().node, infer_shapes(model)?);
    let name = match wanted {
        Some(name) => named(nodes, name).ok_or_else(|| AttributionError::NoSuchFeatures {
            name: name.to_owned(),
        }),
        None => deepest(nodes, &shapes, signature).ok_or(AttributionError::NoFeatureMap),
    }?;
    let layout = Layout::of(model, &shapes, &name);
    Ok(Layer { name, layout })
}

fn named(nodes: &[NodeProto], name: &str) -> Option<String> {
    let value = nodes
        .iter()
        .flat_map(|node| &node.output)
        .find(|value| *value == name);
    let of_node = || {
        nodes
            .iter()
            .find(|node| node_name(node) == name)?
            .output
            .first()
    };
    value
        .or_else(of_node)
        .filter(|value| !value.is_empty())
        .cloned()
}

fn deepest(nodes: &[NodeProto], shapes: &Shapes, signature: &Signature) -> Option<String> {
    let needed = ancestors(nodes, &signature.output);
    let mut fed = HashSet::from([&signature.input[..]]);
    let mut spatial = HashSet::from([&signature.input[..]]);
    let mut last = None;
    for node in nodes {
        if !node.input.iter().any(|name| fed.contains(&name[..])) {
            continue;
        }
        fed.extend(node.output.iter().map(|name| &name[..]));
        let op = &node.op_type[..];
        let keeps = SPATIAL.contains(&op)
            || (!REARRANGING.contains(&op)
                && node.input.iter().any(|name| spatial.contains(&name[..])));
        let Some(value) = node
            .output
            .first()
            .filter(|value| keeps && extends(shapes, value))
        else {
            continue;
        };
        spatial.insert(value);
        if needed.contains(&value[..]) {
            last = Some(value);
        }
    }
    last.cloned()
}

/// Rank 4, with a height and a width that are not known to be 1.
fn extends(shapes: &Shapes, value: &str) -> bool {
    shapes.get(value).is_some_and(|shape| {
        shape.len() == 4 && shape[2..].iter().all(|side| side.known() != Some(1))
    })
}

fn ancestors<'a>(nodes: &'a [NodeProto], output: &'a str) -> HashSet<&'a str> {
    let mut needed = HashSet::from([output]);
    for node in nodes.iter().rev() {
        if node.output.iter().any(|name| needed.contains(&name[..])) {
            needed.extend(node.input.iter().map(|name| &name[..]));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use onnx_edit::{Dim, GraphBuilder};
    use pellucid_zoo::{Architecture, Blueprint, build};

    fn chosen(model: &Model, wanted: Option<&str>) -> Result<String, String> {
        let signature = Signature::of(model, None).unwrap();
        let layer = choose(model, &signature, wanted).map_err(|error| error.to_string())?;
        Ok(layer.name)
    }

    #[test]
    fn a_residual_networks_deepest_map_goes_into_global_pooling() {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap();
        let nodes = &model.graph().node;
        let pool = nodes
            .iter()
            .find(|n| n.op_type == "GlobalAveragePool")
            .unwrap();
        assert_eq!(chosen(&model, None).unwrap(), pool.input[0]);
    }

    #[test]
    fn a_value_is_named_by_itself_or_by_its_node() {
        let mut proto = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7))
            .unwrap()
            .into_proto();
        let node = &mut proto.graph.as_mut().unwrap().node[3];
        node.name = "the node".into();
        let value = node.output[0].clone();
        let model = Model::from_proto(proto).unwrap();
        assert_eq!(chosen(&model, Some("the node")).unwrap(), value);
        assert_eq!(chosen(&model, Some(&value)).unwrap(), value);
        let error = chosen(&model, Some("nowhere")).unwrap_err();
        assert!(error.contains("nowhere"), "{error}");
    }

    /// A linear classifier on the pixels has no feature map: flattened at once, or turned into a matrix of patches.
    #[test]
    fn without_a_feature_map_there_is_an_error() {
        for rank_four in [false, true] {
            let mut graph = GraphBuilder::new("flat");
            graph.input("image", &[1, 3, 8, 8].map(Dim::Known));
            let mut x = "image".to_owned();
            if rank_four {
                let shape = graph.ints("shape", &[1, 12, 4, 4]);
                x = graph.node("Reshape", "patches", &[&x, &shape], []);
                x = graph.node("Relu", "relu", &[&x], []);
            }
            let logits = graph.node("Flatten", "logits", &[&x], []);
            graph.output(&logits, None);
            let error = chosen(&graph.finish().unwrap(), None).unwrap_err();
            assert!(error.contains("no feature map"), "{error}");
        }
    }

    /// A squeeze-and-excitation gate multiplies: the gate itself is 1×1, its product is a feature map.
    #[test]
    fn a_gate_is_passed_over_and_its_product_taken() {
        let mut graph = GraphBuilder::new("gated");
        graph.input("image", &[1, 3, 8, 8].map(Dim::Known));
        let pooled = graph.node("GlobalAveragePool", "squeeze", &["image"], []);
        let gate = graph.node("Sigmoid", "gate", &[&pooled], []);
        let gated = graph.node("Mul", "gated", &["image", &gate], []);
        let average = graph.node("GlobalAveragePool", "average", &[&gated], []);
        let logits = graph.node("Flatten", "logits", &[&average], []);
        graph.output(&logits, None);
        assert_eq!(chosen(&graph.finish().unwrap(), None).unwrap(), "gated");
    }
}
