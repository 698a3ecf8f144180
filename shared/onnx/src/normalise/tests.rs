use super::super::pb::{FunctionProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use super::super::{Dim, GraphBuilder, Model, float_value};
use super::*;

/// `y = relu(relu(x + w))`, with the names of its nodes.
fn proto(names: [&str; 3]) -> ModelProto {
    let mut graph = GraphBuilder::new("test");
    graph.input("x", &[Dim::Known(2), Dim::Known(3)]);
    graph.floats("w", &ndarray::arr1(&[1.0; 3]).into_dyn());
    graph.node("Add", "a", &["x", "w"], []);
    graph.node("Relu", "b", &["a"], []);
    graph.node("Relu", "y", &["b"], []);
    graph.output("y", Some(&[Dim::Known(2), Dim::Known(3)]));
    let mut proto = graph.finish().unwrap().into_proto();
    for (node, name) in proto.graph.as_mut().unwrap().node.iter_mut().zip(names) {
        name.clone_into(&mut node.name);
    }
    proto
}

fn read(proto: ModelProto) -> Model {
    Model::parse(&prost::Message::encode_to_vec(&proto)).unwrap()
}

fn node_names(model: &Model) -> Vec<&str> {
    model.graph().node.iter().map(|n| &n.name[..]).collect()
}

fn declaration(name: &str, shape: &[usize]) -> ValueInfoProto {
    let shape: Vec<Dim> = shape.iter().map(|&size| Dim::Known(size)).collect();
    float_value(name, Some(&shape))
}

#[test]
fn nodes_in_any_order_are_sorted_and_those_in_order_stay() {
    let sorted = read(proto(["a", "b", "y"]));
    for order in [[2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1]] {
        let mut shuffled = proto(["a", "b", "y"]);
        let graph = shuffled.graph.as_mut().unwrap();
        let nodes = graph.node.clone();
        graph.node = order.map(|index: usize| nodes[index].clone()).to_vec();
        assert_eq!(read(shuffled), sorted);
    }
}

#[test]
fn a_cycle_is_still_refused_by_name() {
    let mut cyclic = proto(["a", "b", "y"]);
    cyclic.graph.as_mut().unwrap().node[0].input[0] = "b".into();
    let bytes = prost::Message::encode_to_vec(&cyclic);
    let error = Model::parse(&bytes).unwrap_err().to_string();
    assert!(error.contains("node `a` (Add) reads `b`"), "{error}");
}

#[test]
fn nodes_of_one_name_without_a_name_or_named_like_a_weight_get_their_own() {
    assert_eq!(node_names(&read(proto(["a", "b", "y"]))), ["a", "b", "y"]);
    assert_eq!(node_names(&read(proto(["", "", ""]))), ["a", "b", "y"]);
    assert_eq!(
        node_names(&read(proto(["n", "n", "n"]))),
        ["n", "n_2", "n_3"]
    );
    assert_eq!(
        node_names(&read(proto(["w", "x", "y"]))),
        ["w_2", "x_2", "y"]
    );
    // The second has the name that the first would get.
    assert_eq!(node_names(&read(proto(["", "a", "y"]))), ["a_2", "a", "y"]);
}

#[test]
fn stale_declarations_go_and_true_ones_stay() {
    let mut stale = proto(["a", "b", "y"]);
    let graph = stale.graph.as_mut().unwrap();
    graph.value_info = vec![declaration("a", &[2, 4]), declaration("b", &[2, 3])];
    graph.output = vec![declaration("y", &[9, 3])];
    let model = read(stale);
    let names: Vec<_> = model
        .graph()
        .value_info
        .iter()
        .map(|v| &v.name[..])
        .collect();
    assert_eq!(names, ["b"]);
    assert_eq!(super::super::declared_shape(&model.outputs()[0]), None);
}

#[test]
fn of_two_versions_of_the_standard_operators_the_last_counts_as_in_onnx_runtime() {
    let set = |domain: &str, version| OperatorSetIdProto {
        domain: domain.into(),
        version,
    };
    let mut twice = proto(["a", "b", "y"]);
    twice.opset_import = vec![set("", 17), set("other", 1), set("ai.onnx", 14)];
    let model = read(twice);
    assert_eq!(model.opset(), 14);
    assert_eq!(model.proto().opset_import.len(), 2);
}

#[test]
fn a_function_of_the_standard_domain_is_never_called() {
    let mut own = proto(["a", "b", "y"]);
    own.functions = vec![FunctionProto {
        name: "Relu".into(),
        domain: String::new(),
        input: vec!["u".into()],
        output: vec!["v".into()],
        node: vec![NodeProto {
            op_type: "Neg".into(),
            input: vec!["u".into()],
            output: vec!["v".into()],
            ..NodeProto::default()
        }],
        opset_import: own.opset_import.clone(),
        ..FunctionProto::default()
    }];
    let model = super::super::inline(read(own)).unwrap();
    let operators: Vec<_> = model.graph().node.iter().map(|n| &n.op_type[..]).collect();
    assert_eq!(operators, ["Add", "Relu", "Relu"]);
}

#[test]
fn an_average_over_windows_beyond_the_border_is_raised_to_the_set_that_settles_it() {
    let pooled = |ceil: i64, counting: i64| {
        let mut graph = GraphBuilder::new("pool");
        graph.input("x", &[1, 1, 9, 9].map(Dim::Known));
        let attributes = [
            ("kernel_shape", vec![4, 4].into()),
            ("strides", vec![3, 3].into()),
            ("pads", vec![1, 1, 1, 1].into()),
            ("ceil_mode", ceil.into()),
            ("count_include_pad", counting.into()),
        ];
        graph.node("AveragePool", "y", &["x"], attributes);
        graph.output("y", None);
        read(graph.finish().unwrap().into_proto()).opset()
    };
    assert_eq!(pooled(1, 1), 19);
    assert_eq!([pooled(0, 1), pooled(1, 0), pooled(0, 0)], [17; 3]);
}
