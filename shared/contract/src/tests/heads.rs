//! Softmax, sigmoid and logits at the end.

use super::*;

#[test]
fn a_softmax_at_the_end_is_not_taken_twice_and_explained_before() {
    let softmax = pellucid_cards::softmax(&by_hand(&three()));
    let forms: Vec<(&str, Model)> = vec![
        (
            "Softmax",
            network(Takes::Nchw, &three(), append("Softmax", vec![])),
        ),
        (
            "axis 1",
            network(
                Takes::Nchw,
                &three(),
                append("Softmax", vec![("axis", 1.into())]),
            ),
        ),
        (
            "LogSoftmax",
            network(Takes::Nchw, &three(), append("LogSoftmax", vec![])),
        ),
        (
            "flattened after",
            network(Takes::Nchw, &three(), |g, s| {
                let p = g.node("Softmax", "p", &[&s], []);
                vec![g.node("Flatten", "answer", &[&p], [])]
            }),
        ),
        (
            "NHWC",
            network(Takes::Nhwc, &three(), append("Softmax", vec![])),
        ),
    ];
    for (name, model) in forms {
        let (contract, mut explainer) = explainer(model, &Wishes::default());
        assert_eq!(
            (contract.value(), contract.scores()),
            ("raw", Scores::Softmax),
            "{name}"
        );
        let said = about(&contract, About::Output).unwrap();
        assert!(said.text.contains("Softmax"), "{said}");
        for (class, row) in three().into_iter().enumerate() {
            let (scores, grad) = gradient(&mut explainer, class);
            close(&contract.answer(scores).probabilities.unwrap(), &softmax);
            is_of(&grad, row);
        }
    }
}

#[test]
fn the_output_that_is_named_is_explained_as_it_is() {
    let model = || network(Takes::Nchw, &three(), append("Softmax", vec![]));
    let probabilities = pellucid_cards::softmax(&by_hand(&three()));
    let wish = |name: &str| Wishes {
        output: Some(name.to_owned()),
        ..Wishes::default()
    };
    let (contract, mut explained) = explainer(model(), &wish("answer"));
    let (scores, grad) = gradient(&mut explained, 1);
    assert_eq!(contract.scores(), Scores::Probabilities);
    close(
        &contract.answer(scores).probabilities.unwrap(),
        &probabilities,
    );
    // ∂p₁/∂s = p₁ (δ − p).
    let slope = |c: usize| -> f32 {
        let row = three().into_iter().enumerate().map(|(k, row)| {
            let delta = if k == 1 { 1.0 } else { 0.0 };
            row[c] * probabilities[1] * (delta - probabilities[k])
        });
        row.sum()
    };
    is_of(&grad, [slope(0), slope(1), slope(2)]);

    let (contract, mut explained) = explainer(model(), &wish("raw"));
    assert_eq!(contract.scores(), Scores::Softmax);
    let (scores, _) = gradient(&mut explained, 0);
    close(
        &contract.answer(scores).probabilities.unwrap(),
        &probabilities,
    );

    let refused = Contract::resolve(&model(), &wish("nothing")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the model has no output or value `nothing`: its outputs are answer"
    );
}

#[test]
fn one_number_tells_two_classes_apart() {
    let weights: Weights = vec![[1.0, -2.0, 0.5]];
    let z = by_hand(&weights)[0];
    let squeezed = |graph: &mut GraphBuilder, scores: String| {
        let axes = graph.ints("axes", &[1]);
        vec![graph.node("Squeeze", "answer", &[&scores, &axes], [])]
    };
    let models = [
        network(Takes::Nchw, &weights, append("Identity", vec![])),
        network(Takes::Nchw, &weights, append("Sigmoid", vec![])),
        network(Takes::Nhwc, &weights, append("Sigmoid", vec![])),
        network(Takes::Nchw, &weights, squeezed),
    ];
    for model in models {
        let (contract, mut explainer) = explainer(model, &Wishes::default());
        assert!(contract.binary && contract.classes.len() == 2);
        for (class, sign) in [(0, -1.0), (1, 1.0)] {
            let (scores, grad) = gradient(&mut explainer, class);
            close(&scores, &[-z, z]);
            let answer = contract.answer(scores);
            close(
                &answer.probabilities.unwrap(),
                &[1.0 - sigmoid(z), sigmoid(z)],
            );
            assert_eq!(answer.predicted, Some(usize::from(z > 0.0)));
            is_of(&grad, weights[0].map(|w| sign * w));
        }
    }
}

#[test]
fn one_probability_that_is_named_has_a_rest() {
    let weights: Weights = vec![[1.0, -2.0, 0.5]];
    let p = sigmoid(by_hand(&weights)[0]);
    let wishes = Wishes {
        output: Some("answer".to_owned()),
        ..Wishes::default()
    };
    let model = network(Takes::Nchw, &weights, append("Sigmoid", vec![]));
    let (contract, mut explainer) = explainer(model, &wishes);
    for (class, sign) in [(0, -1.0), (1, 1.0)] {
        let (scores, grad) = gradient(&mut explainer, class);
        close(
            &contract.answer(scores).probabilities.unwrap(),
            &[1.0 - p, p],
        );
        is_of(&grad, weights[0].map(|w| sign * w * p * (1.0 - p)));
    }
}

#[test]
fn a_card_names_one_or_both_of_two_classes() {
    let model = || network(Takes::Nchw, &vec![[1.0; 3]], append("Sigmoid", vec![]));
    let named = |codes: &[&str]| {
        let class = |code: &&str| Class {
            code: (*code).to_owned(),
            name: String::new(),
        };
        let classes = Some(codes.iter().map(class).collect());
        let wishes = Wishes {
            classes,
            ..Wishes::default()
        };
        Contract::resolve(&model(), &wishes).map(|contract| {
            contract
                .classes
                .into_iter()
                .map(|class| class.code)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(named(&["mel"]).unwrap(), ["not mel", "mel"]);
    assert_eq!(named(&["nv", "mel"]).unwrap(), ["nv", "mel"]);
    assert_eq!(
        named(&["a", "b", "c"]).unwrap_err().to_string(),
        "3 classes are named, but the model distinguishes 2: name them all, in the model's order"
    );
}

#[test]
fn independent_classes_keep_their_own_probabilities() {
    let model = network(Takes::Nchw, &three(), append("Sigmoid", vec![]));
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    let wanted: Vec<f32> = by_hand(&three()).into_iter().map(sigmoid).collect();
    let (scores, grad) = gradient(&mut explainer, 2);
    close(&contract.answer(scores).probabilities.unwrap(), &wanted);
    is_of(&grad, three()[2]);
    assert!(
        about(&contract, About::Scores)
            .unwrap()
            .text
            .contains("need not add up")
    );
}
