use ndarray::{ArrayD, IxDyn};

use pellucid_shared::engine::{Engine, TractEngine};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model, OnnxError, raise_opset};

/// A graph of one node in an old form, on an input `x` of shape [2, 4, 3, 3].
fn old(
    opset: i64,
    op: &str,
    inputs: &[&str],
    attributes: Vec<(&str, AttributeValue)>,
    outputs: usize,
) -> Model {
    let mut graph = GraphBuilder::new("old");
    let x = graph.input("x", &[2, 4, 3, 3].map(Dim::Known));
    let inputs: Vec<&str> = std::iter::once(&x[..])
        .chain(inputs.iter().copied())
        .collect();
    let y = graph.node(op, "y", &inputs, attributes);
    let mut names = vec![y];
    for _ in 1..outputs {
        let name = graph.fresh("y");
        graph.graph_mut().node[0].output.push(name.clone());
        names.push(name);
    }
    for name in &names {
        graph.output(name, None);
    }
    let mut proto = graph.finish().unwrap().into_proto();
    proto.opset_import[0].version = opset;
    Model::from_proto(proto).unwrap()
}

fn run(model: &Model) -> Vec<(String, ArrayD<f32>)> {
    let x = ArrayD::from_shape_fn(IxDyn(&[2, 4, 3, 3]), |i| {
        ((i[0] * 36 + i[1] * 9 + i[2] * 3 + i[3]) as f32 * 0.7).sin()
    });
    let mut engine = TractEngine::new(model).unwrap();
    engine
        .run(&[("x", x.view())])
        .unwrap()
        .into_iter()
        .collect()
}

/// tract knows each operator in every version: old and raised form must compute the same.
#[test]
fn raised_models_compute_what_the_old_ones_did() {
    let ints = |values: &[i64]| AttributeValue::from(values);
    let cases = [
        old(7, "Softmax", &[], vec![("axis", 1.into())], 1),
        old(11, "LogSoftmax", &[], vec![("axis", 2.into())], 1),
        old(11, "Softmax", &[], vec![("axis", 3.into())], 1),
        old(
            9,
            "Clip",
            &[],
            vec![("min", (-0.25f32).into()), ("max", 0.5f32.into())],
            1,
        ),
        old(9, "Clip", &[], vec![("max", 0.5f32.into())], 1),
        old(
            9,
            "Slice",
            &[],
            vec![
                ("starts", ints(&[1, 0])),
                ("ends", ints(&[3, -1])),
                ("axes", ints(&[1, 3])),
            ],
            1,
        ),
        old(
            10,
            "Pad",
            &[],
            vec![
                ("pads", ints(&[0, 0, 1, 2, 0, 0, 0, 1])),
                ("value", 0.5f32.into()),
            ],
            1,
        ),
        old(
            10,
            "Pad",
            &[],
            vec![
                ("pads", ints(&[0, 0, 1, 2, 0, 0, 0, 1])),
                ("mode", "reflect".into()),
            ],
            1,
        ),
        old(11, "Unsqueeze", &[], vec![("axes", ints(&[0, 5]))], 1),
        old(
            11,
            "ReduceSum",
            &[],
            vec![("axes", ints(&[1, -1])), ("keepdims", 0.into())],
            1,
        ),
        old(11, "ReduceMean", &[], vec![("axes", ints(&[2, 3]))], 1),
        old(13, "ReduceMax", &[], vec![("axes", ints(&[1]))], 1),
        old(
            11,
            "Split",
            &[],
            vec![("axis", 1.into()), ("split", ints(&[1, 3]))],
            2,
        ),
        old(13, "Split", &[], vec![("axis", 1.into())], 2),
        old(10, "Dropout", &[], vec![("ratio", 0.5f32.into())], 1),
    ];
    for model in cases {
        let node = model.graph().node[0].clone();
        let before = run(&model);
        for opset in [13, 17, 18, 20, 23] {
            let raised = raise_opset(model.clone(), opset).unwrap();
            assert!(raised.opset() >= opset);
            assert_eq!(run(&raised), before, "{} to {opset}", node.op_type);
        }
    }
}

#[test]
fn what_has_no_newer_form_is_refused_by_name() {
    let mean = old(9, "BatchNormalization", &[], vec![], 2);
    let error = raise_opset(mean, 17).unwrap_err();
    assert!(
        error.to_string().contains("node `y` (BatchNormalization)"),
        "{error}"
    );
    assert!(matches!(
        raise_opset(old(9, "Relu", &[], vec![], 1), 99),
        Err(OnnxError::Opset { .. })
    ));
}

#[test]
fn a_model_that_is_new_enough_stays_as_it_is() {
    let model = old(18, "Relu", &[], vec![], 1);
    assert_eq!(raise_opset(model.clone(), 17).unwrap(), model);
}
