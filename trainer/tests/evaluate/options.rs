//! Tables, operating points, temperatures, and what is refused.

use pellucid_shared::card::{Card, Class, Input};
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::Model;

use super::{Bench, evaluate};

#[test]
fn a_row_per_image_and_thresholds_that_it_bears_out() {
    let bench = Bench::new();
    let answer = bench.json(&format!(
        "{} --csv table.csv --operating-point c1=0.9 --operating-point c3=1 --bootstrap 100",
        evaluate(5)
    ));
    let table = bench.table("table.csv");
    let points = answer["clean"]["operating_points"].as_array().unwrap();
    for (point, class) in points.iter().zip(["c1", "c3"]) {
        assert_eq!(point["class"], class);
        let threshold = point["threshold"].as_f64().unwrap();
        let share = |own: bool| {
            let rows: Vec<_> = table
                .values()
                .filter(|row| (row["label"] == class) == own)
                .collect();
            let probability = |row: &&&std::collections::BTreeMap<String, String>| {
                row[&format!("probability {class}")].parse::<f64>().unwrap()
            };
            let above = rows
                .iter()
                .filter(|row| probability(row) >= threshold)
                .count();
            above as f64 / rows.len() as f64
        };
        assert_eq!(share(true), point["sensitivity"].as_f64().unwrap());
        assert_eq!(1.0 - share(false), point["specificity"].as_f64().unwrap());
        assert!(share(true) >= point["wanted"].as_f64().unwrap());
    }
    let right = table
        .values()
        .filter(|row| row["answer"] == row["label"])
        .count();
    assert_eq!(answer["clean"]["accuracy"], right as f64 / 100.0);
    let interval = answer["clean"]["macro_auroc_interval"].as_array().unwrap();
    let area = answer["clean"]["macro_auroc"].as_f64().unwrap();
    assert!(interval[0].as_f64().unwrap() <= area && area <= interval[1].as_f64().unwrap());
}

/// Fed as if ImageNet's normalization were missing, the network errs a little.
fn with_card(bench: &Bench, name: &str) -> String {
    let mut input = Input::plain(Preprocessing::square(16));
    input.mean = Some([0.485, 0.456, 0.406]);
    input.std = Some([0.229, 0.224, 0.225]);
    let class = |number: usize| Class {
        code: format!("c{number}"),
        name: String::new(),
    };
    let mut model = Model::load(&bench.path("five.onnx")).unwrap();
    let card = Card::new("five", (0..5).map(class).collect(), input);
    card.write_into(&mut model).unwrap();
    model.save(&bench.path(name)).unwrap();
    format!("evaluate {name} --data folder:five-images --bootstrap 0")
}

#[test]
fn a_temperature_is_fitted_goes_into_the_card_and_is_reported() {
    let bench = Bench::new();
    let base = with_card(&bench, "carded.onnx");
    let before = bench.json(&base);
    assert!(before["clean"]["temperature"].is_null());
    let fitted = bench.json(&format!("{base} --calibrate warm.onnx"));
    let temperature = &fitted["clean"]["temperature"];
    let value = temperature["value"].as_f64().unwrap();
    assert!(temperature["fitted_here"] == true && value > 0.0);
    let nll = |of: &serde_json::Value| of["nll"].as_f64().unwrap();
    assert!(nll(temperature) < nll(&fitted["clean"]["calibration"]));
    assert_eq!(
        fitted["clean"]["calibration"],
        before["clean"]["calibration"]
    );

    let warm = Model::load(&bench.path("warm.onnx")).unwrap();
    let calibration = Card::from_model(&warm)
        .unwrap()
        .unwrap()
        .calibration
        .unwrap();
    assert_eq!((calibration.temperature, calibration.images), (value, 100));
    let cold = Model::load(&bench.path("carded.onnx")).unwrap();
    assert_eq!(warm.graph(), cold.graph());
    let after = bench.json(&base.replace("carded", "warm"));
    assert_eq!(after["clean"]["temperature"]["fitted_here"], false);
    // Reading a number back from JSON may move its last digit.
    let ece = |of: &serde_json::Value| of["ece"].as_f64().unwrap();
    assert!((ece(&after["clean"]["temperature"]) - ece(temperature)).abs() < 1e-12);
    assert_eq!(after["clean"]["accuracy"], before["clean"]["accuracy"]);
    let text = bench.ok(&base.replace("carded", "warm"));
    assert!(text.contains("of the card: ECE"), "{text}");
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let bench = Bench::new();
    let base = evaluate(5);
    let carded = with_card(&bench, "carded.onnx");
    for (code, arguments, reason) in [
        (
            1,
            format!("{base} --operating-point mel=0.9"),
            "`mel`, and there are c0, c1",
        ),
        (
            2,
            format!("{base} --operating-point c1=0"),
            "above 0 and up to 1",
        ),
        (
            2,
            format!("{base} --operating-point c1=1.5"),
            "above 0 and up to 1",
        ),
        (
            2,
            format!("{base} --operating-point c1"),
            "such as mel=0.95",
        ),
        (2, format!("{base} --bootstrap=-1"), "from 0 to"),
        (2, format!("{base} --attack magic"), "autoattack"),
        (
            1,
            format!("{base} --engine ort --epsilon 0.1"),
            "--engine torch",
        ),
        (
            1,
            format!("{base} --engine ort --device cuda"),
            "leave --device cuda out",
        ),
        (
            1,
            format!("{base} --engine tract --epsilon 0.1"),
            "--engine torch",
        ),
        (
            1,
            format!("{base} --attack autoattack --epsilon 0.1 --step-size 0.1"),
            "leave --step-size out",
        ),
        (1, format!("{base} --attack autoattack"), "--epsilon"),
        (
            1,
            format!("{base} --attack autoattack --norm l1 --epsilon 1"),
            "--norm l2 or linf",
        ),
        (1, format!("{base} --plot curve.svg"), "--epsilon"),
        (1, format!("{base} --plot curve.png --epsilon 0.1"), ".svg"),
        (1, format!("{base} --calibrate warm.onnx"), "no model card"),
        (
            1,
            format!("{carded} --calibrate carded.onnx"),
            "carded.onnx",
        ),
        (
            1,
            format!("{carded} --calibrate warm.onnx --output logits"),
            "leave --output out",
        ),
        (
            1,
            format!("{carded} --mean 0 --std 1 --calibrate warm.onnx"),
            "no temperature fits",
        ),
    ] {
        let output = bench.output(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(said.contains(reason), "{arguments}: {said}");
        assert!(
            code == 2
                || said
                    .lines()
                    .filter(|line| line.starts_with("error: "))
                    .count()
                    == 1
        );
    }
    for file in ["warm.onnx", "curve.svg", "curve.png"] {
        assert!(!bench.path(file).exists(), "{file} was written");
    }
}

/// One image, and images of one class: what is not defined is told, and nothing fails.
#[test]
fn one_image_and_one_class_are_measured_as_far_as_they_go() {
    let bench = Bench::new();
    let answer = bench.json(&format!("{} --limit 1", evaluate(3)));
    assert_eq!(answer["images"], 1);
    assert!(answer["clean"]["macro_auroc"].is_null());
    assert!(answer["clean"].get("accuracy_interval").is_none());
    let text = bench.ok(&format!(
        "{} --limit 1 --operating-point c2=0.5",
        evaluate(3)
    ));
    assert!(text.contains("not defined for c0, c1, c2"), "{text}");
    assert!(text.contains("no image here shows it"), "{text}");
}
