//! The exported file on other engines.

use std::num::NonZeroUsize;

use pellucid_shared::onnx::{Batch, Model, set_batch};

use super::{Bench, evaluate};

/// The same answers, and logits that rounding alone sets apart; also of a file that takes seven images at a time, which 100 are not made of.
#[test]
fn every_engine_measures_the_exported_file_alike() {
    let bench = Bench::new();
    let model = Model::load(&bench.path("five.onnx")).unwrap();
    let sevens = set_batch(model, Batch::Fixed(NonZeroUsize::new(7).unwrap())).unwrap();
    sevens.save(&bench.path("sevens.onnx")).unwrap();
    let torch = bench.json(&format!("{} --csv torch.csv", evaluate(5)));
    let expected = bench.table("torch.csv");
    assert_eq!(expected.len(), 100);
    for (engine, network) in [
        ("ort", "five.onnx"),
        ("tract", "five.onnx"),
        ("ort", "sevens.onnx"),
    ] {
        let arguments = evaluate(5).replace("five.onnx", network);
        let answer = bench.json(&format!("{arguments} --engine {engine} --csv other.csv"));
        for figure in [
            "accuracy",
            "balanced_accuracy",
            "macro_f1",
            "confusion",
            "class_auroc",
        ] {
            assert_eq!(
                answer["clean"][figure], torch["clean"][figure],
                "{engine} {figure}"
            );
        }
        let loss = |of: &serde_json::Value| of["clean"]["loss"].as_f64().unwrap();
        assert!((loss(&answer) - loss(&torch)).abs() < 1e-6);
        for (image, row) in bench.table("other.csv") {
            let expected = &expected[&image];
            assert_eq!(row["answer"], expected["answer"], "{image}");
            for class in 0..5 {
                let column = format!("logit c{class}");
                let number = |text: &str| text.parse::<f64>().unwrap();
                let (found, expected) = (number(&row[&column]), number(&expected[&column]));
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{engine} {image}: {found} {expected}"
                );
            }
        }
    }
}
