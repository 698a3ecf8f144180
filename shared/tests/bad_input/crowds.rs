//! Many of something, or something very long: what is done for each must not grow with their number.

use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{Dim, Model, float_value, infer_shapes, int_tensor};

use super::{gradient, model, node, says, with};

/// Twenty thousand nodes that are all named alike, and a value that all of them read: what is done per node must not grow with
/// their number.
#[test]
fn many_nodes_of_one_name_take_no_more_than_their_number() {
    let count = 20_000;
    let names: Vec<String> = (0..count).map(|index| format!("v{index}")).collect();
    let mut nodes: Vec<NodeProto> = names
        .iter()
        .map(|name| node("", "Exp", "same", &["x"], &[name]))
        .collect();
    let names: Vec<&str> = names.iter().map(|name| &name[..]).collect();
    nodes.push(node("", "Sum", "all", &names, &["y"]));
    let differentiated = gradient(model(&[1, 2], nodes, vec![])).unwrap();
    // Each has a product behind it, and all but one of these a sum; the model's own sum and the result are left.
    assert_eq!(differentiated.graph().node.len(), 3 * count + 1);
}

#[test]
fn the_sum_of_many_small_numbers_is_followed_in_one_pass() {
    let names = vec!["one"; 50_000];
    let nodes = vec![
        node("", "Sum", "", &names, &["count"]),
        node("", "Expand", "", &["x", "count"], &["y"]),
    ];
    let proto = model(&[1], nodes, vec![int_tensor("one", &[1])]);
    let shapes = infer_shapes(&Model::from_proto(proto).unwrap()).unwrap();
    assert_eq!(shapes.constant("count"), Some(&[50_000][..]));
    assert_eq!(shapes.numbers("y"), Some(vec![50_000]));
}

#[test]
fn the_name_of_a_dimension_is_kept_only_while_it_is_short() {
    let mut proto = model(&[1], vec![node("", "Relu", "", &["x"], &["y"])], vec![]);
    let long = Dim::Named("d".repeat(1 << 20).into());
    proto.graph.as_mut().unwrap().input[0] = float_value("x", Some(&[long]));
    let shapes = infer_shapes(&Model::from_proto(proto).unwrap()).unwrap();
    let shape = shapes.get("y").unwrap();
    assert!(
        matches!(&shape[..], [dim @ Dim::Named(_)] if dim.to_string().len() < 200),
        "a long name"
    );
}

/// A shape of 64 axes that stands for each of many parts.
#[test]
fn the_shapes_of_a_graph_are_bounded_together() {
    let names: Vec<String> = (0..100_000).map(|index| format!("v{index}")).collect();
    let outputs: Vec<&str> = names.iter().map(|name| &name[..]).chain(["y"]).collect();
    let split = with(node("", "Split", "parts", &["x"], &outputs), "axis", 0);
    let error = gradient(model(&[1; 64], vec![split], vec![])).unwrap_err();
    says(&error, &["`parts` (Split)", "too much memory"]);
}

#[test]
fn a_product_of_many_operands_is_refused() {
    let terms = vec!["a"; 1_000].join(",");
    let inputs = vec!["x"; 1_000];
    let product = with(
        node("", "Einsum", "all", &inputs, &["y"]),
        "equation",
        &format!("{terms}->a")[..],
    );
    let error = gradient(model(&[2], vec![product], vec![])).unwrap_err();
    says(&error, &["`all`", "1000 operands", "at most 32"]);
}
