use crate::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    ValueInfoProto, attribute_proto::AttributeType,
};
use crate::{AttributeValue, Dim, GraphBuilder, Model, OnnxError, inline, int_tensor};

fn node(domain: &str, op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    NodeProto {
        domain: domain.into(),
        op_type: op.into(),
        input: names(inputs),
        output: names(outputs),
        ..NodeProto::default()
    }
}

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.into(),
        domain: "own".into(),
        input: inputs.iter().map(|&n| n.to_owned()).collect(),
        output: outputs.iter().map(|&n| n.to_owned()).collect(),
        node: nodes,
        opset_import: vec![OperatorSetIdProto {
            version: 17,
            ..OperatorSetIdProto::default()
        }],
        ..FunctionProto::default()
    }
}

fn model(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    let mut graph = GraphBuilder::new("test");
    graph.input("x", &[Dim::Known(3)]);
    graph.graph_mut().node = nodes;
    graph.output("y", None);
    let mut proto = graph.finish().unwrap().into_proto();
    proto.functions = functions;
    proto
}

fn operators(model: &Model) -> Vec<&str> {
    model.graph().node.iter().map(|n| &n.op_type[..]).collect()
}

#[test]
fn calls_become_the_bodies_of_their_functions() {
    let mut leaky = node("", "LeakyRelu", &["a"], &["t"]);
    let reference = AttributeProto {
        name: "alpha".into(),
        ref_attr_name: "slope".into(),
        r#type: AttributeType::Float as i32,
        ..AttributeProto::default()
    };
    leaky.attribute.push(reference);
    let inner = function(
        "inner",
        &["a"],
        &["b"],
        vec![leaky, node("", "Neg", &["t"], &["b"])],
    );
    let outer = function(
        "outer",
        &["a"],
        &["b", "a"],
        vec![
            node("own", "inner", &["a"], &["t"]),
            node("", "Abs", &["t"], &["b"]),
        ],
    );
    let mut call = node("own", "inner", &["u"], &["y"]);
    call.attribute
        .push(AttributeValue::from(0.25f32).named("slope"));
    let nodes = vec![node("own", "outer", &["x"], &["u", "same"]), call];
    let inlined = inline(Model::from_proto(model(nodes, vec![inner, outer])).unwrap()).unwrap();
    assert!(inlined.proto().functions.is_empty());
    assert_eq!(
        operators(&inlined),
        ["LeakyRelu", "Neg", "Abs", "Identity", "LeakyRelu", "Neg"]
    );
    // The inner call gives no slope, so that the operator's default holds; the outer gives one.
    let leaky = [&inlined.graph().node[0], &inlined.graph().node[4]];
    assert!(leaky[0].attribute.is_empty());
    assert_eq!(
        (&leaky[1].attribute[0].name[..], leaky[1].attribute[0].f),
        ("alpha", 0.25)
    );
}

/// ONNX's IR, "Model Local Functions": `attribute_proto` holds defaults, and functions of one name differ by their overload.
#[test]
fn a_function_has_defaults_and_may_share_its_name() {
    let sloped = |overload: &str, slope: f32| {
        let mut leaky = node("", "LeakyRelu", &["a"], &["b"]);
        leaky.attribute.push(AttributeProto {
            name: "alpha".into(),
            ref_attr_name: "slope".into(),
            r#type: AttributeType::Float as i32,
            ..AttributeProto::default()
        });
        FunctionProto {
            overload: overload.into(),
            attribute_proto: vec![AttributeValue::from(slope).named("slope")],
            ..function("sloped", &["a"], &["b"], vec![leaky])
        }
    };
    let call = |overload: &str, from: &str, to: &str| NodeProto {
        overload: overload.into(),
        ..node("own", "sloped", &[from], &[to])
    };
    let mut given = call("steep", "v", "y");
    given
        .attribute
        .push(AttributeValue::from(0.75f32).named("slope"));
    let nodes = vec![call("", "x", "u"), call("steep", "u", "v"), given];
    let functions = vec![sloped("", 0.1), sloped("steep", 0.5)];
    // Through bytes: no field is lost on the way.
    let bytes = prost::Message::encode_to_vec(&model(nodes, functions));
    let inlined = inline(Model::parse(&bytes).unwrap()).unwrap();
    let slopes: Vec<f32> = inlined
        .graph()
        .node
        .iter()
        .map(|n| n.attribute[0].f)
        .collect();
    assert_eq!(slopes, [0.1, 0.5, 0.75]);
}

#[test]
fn functions_that_call_themselves_are_refused() {
    let endless = function("f", &["a"], &["b"], vec![node("own", "f", &["a"], &["b"])]);
    let proto = model(vec![node("own", "f", &["x"], &["y"])], vec![endless]);
    let error = inline(Model::from_proto(proto).unwrap()).unwrap_err();
    assert!(matches!(error, OnnxError::Node { .. }), "{error}");
}

/// Each function calls the one before it many times: the bound stops it long before memory does.
#[test]
fn functions_that_multiply_are_refused() {
    let mut functions = vec![function(
        "f0",
        &["a"],
        &["b"],
        vec![node("", "Neg", &["a"], &["b"])],
    )];
    for level in 1..12 {
        let calls = (0..10).map(|i| {
            let to = if i == 0 {
                "b".to_owned()
            } else {
                format!("t{i}")
            };
            node("own", &format!("f{}", level - 1), &["a"], &[&to])
        });
        functions.push(function(
            &format!("f{level}"),
            &["a"],
            &["b"],
            calls.collect(),
        ));
    }
    let proto = model(vec![node("own", "f11", &["x"], &["y"])], functions);
    let error = inline(Model::from_proto(proto).unwrap()).unwrap_err();
    assert!(error.to_string().contains("becomes too large"), "{error}");
}

fn graph_attribute(name: &str, op: &str) -> AttributeProto {
    let value = ValueInfoProto {
        name: "t".into(),
        ..ValueInfoProto::default()
    };
    let graph = GraphProto {
        node: vec![node("", op, &["x"], &["t"])],
        output: vec![value],
        name: name.into(),
        ..GraphProto::default()
    };
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Graph as i32,
        g: Some(graph),
        ..AttributeProto::default()
    }
}

fn choice(condition: Option<i64>) -> Model {
    let mut choice = node("", "If", &["c"], &["y"]);
    choice.attribute = vec![
        graph_attribute("then_branch", "Neg"),
        graph_attribute("else_branch", "Abs"),
    ];
    let rank = node("", "Shape", &["x"], &["s"]);
    let equal = node("", "Equal", &["s", "k"], &["c"]);
    let mut proto = model(vec![node("", "Identity", &["x"], &["y"])], vec![]);
    let graph = proto.graph.as_mut().unwrap();
    graph.node = vec![rank, equal, choice];
    match condition {
        Some(size) => graph.initializer.push(int_tensor("k", &[size])),
        None => graph
            .input
            .push(crate::float_value("k", Some(&[Dim::Known(1)]))),
    }
    Model::from_proto(proto).unwrap()
}

#[test]
fn a_constant_condition_leaves_one_branch() {
    let taken = |size| inline(choice(Some(size))).unwrap();
    assert_eq!(operators(&taken(3)), ["Shape", "Equal", "Neg", "Identity"]);
    assert_eq!(operators(&taken(4)), ["Shape", "Equal", "Abs", "Identity"]);
    assert_eq!(
        operators(&inline(choice(None)).unwrap()),
        ["Shape", "Equal", "If"]
    );
}
