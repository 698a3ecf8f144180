//! Functions, loops and sequences, which are written out before a model is differentiated: a few bytes of calls could stand for
//! any number of nodes.

use pellucid_shared::autodiff::AutodiffError;
use pellucid_shared::onnx::float_value;
use pellucid_shared::onnx::int_tensor;
use pellucid_shared::onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto,
    attribute_proto::AttributeType,
};

use super::{gradient, model, node, says, with};

fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.into(),
        domain: "own".into(),
        input: vec!["a".into()],
        output: vec!["c".into()],
        node: nodes,
        ..FunctionProto::default()
    }
}

/// Each function calls the one before it twice: thirty of them stand for a thousand million nodes.
#[test]
fn functions_that_double_at_every_level_are_refused() {
    for innermost in [vec![node("", "Relu", "", &["a"], &["c"])], vec![]] {
        let mut functions = vec![function("f0", innermost)];
        for level in 1..30 {
            let below = format!("f{}", level - 1);
            let calls = vec![
                node("own", &below, "", &["a"], &["b"]),
                node("own", &below, "", &["b"], &["c"]),
            ];
            functions.push(function(&format!("f{level}"), calls));
        }
        let mut proto = model(
            &[1, 2],
            vec![node("own", "f29", "all", &["x"], &["y"])],
            vec![],
        );
        proto.functions = functions;
        let error = gradient(proto).unwrap_err();
        says(&error, &["`all/f28/", "becomes too large"]);
    }
}

/// A body whose nodes all refer to one large attribute of the call, and a call whose long name stands before every name in
/// the body: both would make a small file take gigabytes.
#[test]
fn what_a_call_gives_does_not_multiply() {
    let body: Vec<NodeProto> = (0..5_000)
        .map(|index| {
            let mut constant = node("", "Constant", "", &[], &[&format!("v{index}")]);
            constant.attribute.push(AttributeProto {
                name: "value_string".into(),
                ref_attr_name: "text".into(),
                ..AttributeProto::default()
            });
            constant
        })
        .chain([node("", "Relu", "", &["a"], &["c"])])
        .collect();
    let name = "n".repeat(1 << 20);
    let call = node("own", "f", &name, &["x"], &["y"]);
    let mut proto = model(&[1, 2], vec![call.clone()], vec![]);
    proto.functions = vec![function("f", body)];
    let plain = gradient(proto.clone()).unwrap();
    assert!(plain.to_bytes().len() < 4 << 20);

    let text = AttributeProto {
        name: "text".into(),
        r#type: AttributeType::String as i32,
        s: vec![b't'; 1 << 20],
        ..AttributeProto::default()
    };
    let call = NodeProto {
        name: "call".into(),
        attribute: vec![text],
        ..call
    };
    proto.graph.as_mut().unwrap().node = vec![call];
    let error = gradient(proto).unwrap_err();
    says(&error, &["`call` (f)", "becomes too large"]);
}

/// A loop of so many iterations over these nodes, which make `c` of `a`.
fn repeated(name: &str, trips: &str, from: &str, to: &str, nodes: Vec<NodeProto>) -> NodeProto {
    let values = |names: [&str; 3]| names.map(|name| float_value(name, None)).to_vec();
    let body = GraphProto {
        name: "body".into(),
        input: values(["i", "goes_on", "a"]),
        node: nodes,
        output: values(["goes_on", "c", ""])[..2].to_vec(),
        ..GraphProto::default()
    };
    let mut repeated = node("", "Loop", name, &[trips, "", from], &[to]);
    repeated.attribute.push(AttributeProto {
        name: "body".into(),
        r#type: AttributeType::Graph as i32,
        g: Some(body),
        ..AttributeProto::default()
    });
    repeated
}

fn trips(count: i64) -> TensorProto {
    let mut trips = int_tensor("trips", &[count]);
    trips.dims.clear();
    trips
}

/// 256 times 256 times two nodes: what has no room with the loops in it stays a loop, and is named.
#[test]
fn loops_within_loops_that_grow_too_long_stay_loops() {
    let nodes = vec![
        node("", "Exp", "", &["a"], &["b"]),
        node("", "Exp", "", &["b"], &["c"]),
    ];
    let inner = repeated("inner", "trips", "a", "c", nodes);
    let outer = repeated("outer", "trips", "x", "y", vec![inner]);
    let error = gradient(model(&[1, 2], vec![outer], vec![trips(256)])).unwrap_err();
    assert!(matches!(error, AutodiffError::NoRule { .. }), "{error}");
    assert!(
        error.to_string().ends_with("Loop (node `outer`)"),
        "{error}"
    );
}

/// 256 times 390 times 256 rounds that do nothing: each has its number all the same.
#[test]
fn rounds_that_do_nothing_take_room_too() {
    let idle = |index: usize| {
        let mut idle = repeated("idle", "trips", "a", &format!("t{index}"), vec![]);
        let body = idle.attribute[0].g.as_mut().unwrap();
        body.output[1].name = "a".into();
        idle.name = format!("idle{index}");
        idle
    };
    let mut nodes: Vec<NodeProto> = (0..390).map(idle).collect();
    nodes.push(node("", "Exp", "", &["a"], &["c"]));
    let outer = repeated("outer", "trips", "x", "y", nodes);
    let differentiated = gradient(model(&[1, 2], vec![outer], vec![trips(256)]));
    says(&differentiated.unwrap_err(), &["Loop (node `outer`)"]);
}

/// One value that a loop of 256 rounds collects ten thousand times.
#[test]
fn values_that_a_loop_collects_take_room_too() {
    let mut once = repeated("many", "trips", "x", "y", vec![]);
    let body = once.attribute[0].g.as_mut().unwrap();
    body.output[1].name = "a".into();
    for index in 0..10_000 {
        body.output.push(float_value("a", None));
        once.output.push(format!("t{index}"));
    }
    let error = gradient(model(&[1, 2], vec![once], vec![trips(256)])).unwrap_err();
    says(&error, &["Loop (node `many`)"]);
}

#[test]
fn a_loop_without_a_condition_input_is_no_panic() {
    let mut once = repeated(
        "once",
        "trips",
        "x",
        "y",
        vec![node("", "Exp", "", &["x"], &["c"])],
    );
    once.input.truncate(1);
    if let Some(body) = &mut once.attribute[0].g {
        body.input.truncate(2);
    }
    // What it collects of one iteration is that with a new axis.
    let differentiated = gradient(model(&[2], vec![once], vec![trips(1)])).unwrap();
    assert!(
        differentiated
            .graph()
            .node
            .iter()
            .any(|node| node.op_type == "Unsqueeze")
    );
}

#[test]
fn a_sequence_of_endless_parts_is_not_written_out() {
    for length in [None, Some("one")] {
        let inputs = [&["x"][..], length.as_slice()].concat();
        let parts = with(
            node("", "SplitToSequence", "parts", &inputs, &["s"]),
            "axis",
            0,
        );
        let joined = with(
            node("", "ConcatFromSequence", "", &["s"], &["y"]),
            "axis",
            0,
        );
        let mut one = trips(1);
        one.name = "one".into();
        let error = gradient(model(&[1 << 50], vec![parts, joined], vec![one])).unwrap_err();
        says(&error, &["SplitToSequence (node `parts`)"]);
    }
}

/// Every `Identity` of a sequence is a sequence of as many elements.
#[test]
fn copies_of_a_long_sequence_are_bounded_together() {
    let many = vec!["x"; 4_000];
    let mut nodes = vec![node("", "SequenceConstruct", "made", &many, &["s0"])];
    for index in 0..5_000 {
        let (from, to) = (format!("s{index}"), format!("s{}", index + 1));
        nodes.push(node("", "Identity", "", &[&from], &[&to]));
    }
    nodes.push(with(
        node("", "ConcatFromSequence", "joined", &["s5000"], &["y"]),
        "axis",
        0,
    ));
    let error = gradient(model(&[2], nodes, vec![])).unwrap_err();
    says(
        &error,
        &[
            "SequenceConstruct (node `made`)",
            "ConcatFromSequence (node `joined`)",
        ],
    );
}
