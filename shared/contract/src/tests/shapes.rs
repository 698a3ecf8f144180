//! Which value holds the scores, in which shape, and what its numbers turn out to be.

use super::*;

#[test]
fn scores_lie_in_whatever_shape() {
    let shaped = |shape: &'static [i64], softmax: Option<i64>| {
        network(Takes::Nchw, &three(), move |graph, mut value| {
            let shape = graph.ints("shape", shape);
            value = graph.node("Reshape", "shaped", &[&value, &shape], []);
            if let Some(axis) = softmax {
                value = graph.node("Softmax", "answer", &[&value], [("axis", axis.into())]);
            }
            vec![value]
        })
    };
    let wanted = by_hand(&three());
    for (shape, softmax) in [
        (&[-1, 3, 1, 1][..], None),
        (&[-1, 3, 1, 1], Some(1)),
        (&[-1, 1, 1, 3], Some(3)),
        (&[-1, 1, 1, 3], Some(-1)),
        (&[3], None),
        (&[3], Some(0)),
        (&[-1, 3, 1], Some(-2)),
    ] {
        let (contract, mut explainer) = explainer(shaped(shape, softmax), &Wishes::default());
        let (scores, grad) = gradient(&mut explainer, 1);
        close(&scores, &wanted);
        let softmax = pellucid_cards::softmax(&wanted);
        close(&contract.answer(scores).probabilities.unwrap(), &softmax);
        is_of(&grad, three()[1]);
    }
    let refused = Contract::resolve(&shaped(&[-1, 3, 1, 1], None), &Wishes::default());
    assert!(refused.is_ok());
    let maps = network(Takes::Nchw, &three(), |graph, value| {
        let shape = graph.ints("shape", &[-1, 3, 1, 1]);
        let value = graph.node("Reshape", "shaped", &[&value, &shape], []);
        let sizes = graph.ints("sizes", &[1, 1, 2, 2]);
        vec![graph.node("Tile", "maps", &[&value, &sizes], [])]
    });
    let refused = Contract::resolve(&maps, &Wishes::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("`maps` has the shape [N, 3, 2, 2]"),
        "{refused}"
    );
}

#[test]
fn of_several_outputs_the_scores_are_found_or_their_names_told() {
    let beside = |graph: &mut GraphBuilder, scores: String| {
        vec![
            graph.node("Softmax", "probabilities", &[&scores], []),
            scores,
        ]
    };
    let (contract, mut explained) =
        explainer(network(Takes::Nchw, &three(), beside), &Wishes::default());
    assert_eq!(
        (contract.value(), contract.scores()),
        ("raw", Scores::Softmax)
    );
    let (scores, _) = gradient(&mut explained, 0);
    close(&scores, &by_hand(&three()));

    let with_map = network(Takes::Nchw, &three(), |_, scores| {
        vec!["pool".to_owned(), scores]
    });
    // Three pooled features [N, 3, 1, 1] could be scores as well.
    let refused = Contract::resolve(&with_map, &Wishes::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("the model has 2 outputs (pool, raw), and nothing says"),
        "{refused}"
    );

    let auxiliary = network(Takes::Nchw, &three(), |graph, scores| {
        let logits = graph.node("Identity", "logits", &[&scores], []);
        vec![graph.node("Neg", "auxiliary", &[&scores], []), logits]
    });
    let (contract, _) = explainer(auxiliary, &Wishes::default());
    assert_eq!(contract.value(), "logits");
    assert!(
        about(&contract, About::Output)
            .unwrap()
            .text
            .contains("auxiliary, logits")
    );
}

#[test]
fn a_number_of_a_class_is_no_score() {
    let typed = |graph: GraphBuilder| {
        let mut proto = graph.finish().unwrap().into_proto();
        for output in &mut proto.graph.as_mut().unwrap().output {
            let tensor = output.r#type.as_mut().and_then(|kind| kind.value.as_mut());
            if let Some(onnx_edit::pb::type_proto::Value::TensorType(tensor)) = tensor
                && output.name == "label"
            {
                tensor.elem_type = onnx_edit::pb::tensor_proto::DataType::Int64 as i32;
            }
        }
        Model::from_proto(proto).unwrap()
    };
    let labelled = |outputs: &'static [&'static str]| {
        let mut graph =
            GraphBuilder::edit(network(Takes::Nchw, &three(), append("Softmax", vec![])));
        graph.graph_mut().output.clear();
        graph.node(
            "ArgMax",
            "label",
            &["answer"],
            [("axis", 1.into()), ("keepdims", 0.into())],
        );
        for output in outputs {
            graph.output(output, None);
        }
        typed(graph)
    };
    let refused = Contract::resolve(&labelled(&["label"]), &Wishes::default()).unwrap_err();
    assert!(
        refused.to_string().contains("`label` is of type int64"),
        "{refused}"
    );
    let (contract, mut explainer) = explainer(labelled(&["label", "answer"]), &Wishes::default());
    assert_eq!(contract.value(), "raw");
    close(&gradient(&mut explainer, 0).0, &by_hand(&three()));
}

#[test]
fn what_adds_up_to_one_is_no_row_of_logits() {
    let model = network(Takes::Nchw, &three(), |graph, scores| {
        let exp = graph.node("Exp", "exp", &[&scores], []);
        let axes = graph.ints("axes", &[1]);
        let sum = graph.node("ReduceSum", "sum", &[&exp, &axes], []);
        vec![graph.node("Div", "answer", &[&exp, &sum], [])]
    });
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    let (scores, _) = gradient(&mut explainer, 0);
    let answer = contract.answer(scores);
    assert_eq!(answer.kind, Scores::Probabilities);
    close(
        &answer.probabilities.unwrap(),
        &pellucid_cards::softmax(&by_hand(&three())),
    );
    assert_eq!(answer.assumed.unwrap().basis, Basis::Answer);
    // Who says that these are logits is believed.
    let told = Contract {
        assumed: vec![],
        ..contract
    };
    assert_eq!(told.answer(vec![0.5, 0.25, 0.25]).kind, Scores::Softmax);
}

#[test]
fn values_that_are_no_probabilities_get_no_percentage() {
    let wishes = Wishes {
        scores: Some(Scores::Values),
        ..Wishes::default()
    };
    let weights: Weights = vec![[1.0, 2.0, 3.0]];
    let model = network(Takes::Nchw, &weights, append("Identity", vec![]));
    let (contract, mut explainer) = explainer(model, &wishes);
    let (scores, _) = gradient(&mut explainer, 0);
    close(&scores, &by_hand(&weights));
    assert_eq!(contract.answer(scores).probabilities, None);
    let softmax = Wishes {
        scores: Some(Scores::Softmax),
        ..Wishes::default()
    };
    let model = network(Takes::Nchw, &weights, append("Identity", vec![]));
    let refused = Contract::resolve(&model, &softmax).unwrap_err().to_string();
    assert!(refused.contains("always 100 %"), "{refused}");
}
