//! Figures held to scikit-learn's and to numbers worked apart.

use pellucid_shared::card::{Class, Scores};

use super::figures::{Figures, Question};
use super::predict::{Answer, Measured};
use super::*;

fn class(code: &str, name: &str) -> Class {
    Class {
        code: code.into(),
        name: name.into(),
    }
}

/// Forty answers of a rule, three classes, sure of themselves and often wrong.
fn measured() -> Measured {
    let answers = (0..40_usize).map(|image| {
        let truth = match image % 7 {
            0 => 2,
            _ => [0, 1, 2, 0, 0][image % 5],
        };
        let mut logits: Vec<f32> = (0..3)
            .map(|class| {
                let number = (image * 37 + class * 101 + image * image * (class + 3)) % 97;
                number as f32 / 16.0 - 3.0
            })
            .collect();
        logits[truth] += if image % 3 == 0 { 0.5 } else { 2.0 };
        Answer::new(truth, logits).unwrap()
    });
    Measured::of(3, answers.collect())
}

fn question() -> Question {
    Question {
        bootstrap: Bootstrap {
            resamples: 4000,
            seed: 1,
        },
        ..Question::plain(None)
    }
}

fn classes() -> [Class; 3] {
    [class("a", ""), class("b", ""), class("c", "")]
}

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() < within, "{found} {expected}");
}

/// By scikit-learn 1.9.1: `accuracy_score`, `balanced_accuracy_score`, `f1_score(average="macro")`, `roc_auc_score` of each class and
/// `multi_class="ovr"`, `log_loss`; Brier's score and the calibration error by numpy from their definitions.
#[test]
fn figures_are_scikit_learns() {
    let figures = Figures::of_clean(&measured(), &classes(), &question());
    close(figures.accuracy, 0.575, 1e-12);
    close(figures.balanced_accuracy, 0.600_915_750_915_750_9, 1e-12);
    close(figures.macro_f1, 0.562_857_142_857_142_8, 1e-12);
    let scored = figures.scored.unwrap();
    let areas = [0.708_75, 0.757_575_757_575_757_6, 0.713_675_213_675_213_7];
    for (found, expected) in scored.class_auroc.iter().zip(areas) {
        close(found.unwrap(), expected, 1e-12);
    }
    close(scored.macro_auroc.unwrap(), 0.726_666_990_416_990_5, 1e-12);
    let calibration = scored.calibration.unwrap();
    close(calibration.nll, 1.156_433_562_170_103_4, 1e-10);
    close(figures.loss, calibration.nll, 1e-12);
    close(calibration.brier, 0.631_908_717_551_080_8, 1e-10);
    close(calibration.ece, 0.241_048_054_429_671_3, 1e-10);
}

/// By scipy's bounded minimisation of the cross-entropy, whose derivative is flat there: the temperature to six digits.
#[test]
fn the_temperature_is_the_one_with_the_least_loss() {
    let measured = measured();
    let temperature = fit_temperature(&measured.answers).unwrap();
    close(temperature, 2.514_572_738_656_008, 1e-5);
    let question = Question {
        temperature: Some((temperature, true)),
        ..question()
    };
    let scored = Figures::of_clean(&measured, &classes(), &question)
        .scored
        .unwrap();
    let tempered = scored.temperature.unwrap();
    assert!(tempered.fitted_here);
    close(tempered.calibration.nll, 0.961_431_268_677_560_7, 1e-10);
    close(tempered.calibration.brier, 0.568_738_988_808_095, 1e-6);
    close(tempered.calibration.ece, 0.172_525_505_090_731_83, 1e-6);
}

#[test]
fn answers_that_say_nothing_of_it_have_no_temperature() {
    let of = |rows: &[(usize, [f32; 2])]| {
        let answers = rows
            .iter()
            .map(|(t, l)| Answer::new(*t, l.to_vec()).unwrap());
        fit_temperature(&answers.collect::<Vec<_>>())
    };
    // All right; all wrong; no difference; no image.
    assert_eq!(of(&[(0, [2.0, 1.0]), (1, [0.0, 1.0])]), None);
    assert_eq!(of(&[(1, [2.0, 1.0]), (0, [0.0, 1.0])]), None);
    assert_eq!(of(&[(1, [1.0, 1.0])]), None);
    assert_eq!(of(&[]), None);
    // Three of four right by a margin of 1: the sigmoid of 1 / T is 3/4 at T = 1 / ln 3.
    let rows = [
        (0, [1.0, 0.0]),
        (0, [1.0, 0.0]),
        (0, [1.0, 0.0]),
        (1, [1.0, 0.0]),
    ];
    close(of(&rows).unwrap(), 1.0 / 3.0_f64.ln(), 1e-9);
    // The same with logits that a large number was added to.
    let far = rows.map(|(truth, logits)| (truth, logits.map(|logit| logit + 1000.0)));
    close(of(&far).unwrap(), 1.0 / 3.0_f64.ln(), 1e-9);
}

/// By numpy, 20,000 resamples within each class for accuracy and calibration error and 4,000 for the others, of another generator: percentiles of so many draws
/// agree to a step or two.
#[test]
fn intervals_are_percentiles_of_resamples() {
    let figures = Figures::of_clean(&measured(), &classes(), &question());
    let intervals = figures.intervals.clone().unwrap();
    for ([low, high], expected) in [
        (intervals.accuracy, BOOTSTRAPPED[0]),
        (intervals.balanced_accuracy, BOOTSTRAPPED[1]),
        (intervals.macro_f1, BOOTSTRAPPED[2]),
        (intervals.macro_auroc.unwrap(), BOOTSTRAPPED[3]),
        (intervals.ece.unwrap(), BOOTSTRAPPED[4]),
    ] {
        close(low, expected[0], 0.026);
        close(high, expected[1], 0.026);
    }
    assert_eq!(
        Figures::of_clean(&measured(), &classes(), &question()),
        figures
    );
    let mut other = question();
    other.bootstrap.seed = 2;
    assert_ne!(
        Figures::of_clean(&measured(), &classes(), &other).intervals,
        Some(intervals)
    );
}

const BOOTSTRAPPED: [[f64; 2]; 5] = [
    [0.425, 0.725],
    [0.435_348, 0.757_541],
    [0.407_729, 0.712_222],
    [0.582_581, 0.864_080],
    [0.156_958, 0.402_943],
];

#[test]
fn a_class_without_images_has_no_area_and_one_with_a_single_image_no_interval() {
    let answer = |truth, logits: [f32; 3]| Answer::new(truth, logits.to_vec()).unwrap();
    let answers = vec![
        answer(0, [2.0, 1.0, 0.0]),
        answer(0, [1.0, 2.0, 0.0]),
        answer(1, [0.0, 2.0, 1.0]),
    ];
    let question = Question {
        points: vec![(2, "c=0.9".parse().unwrap()), (1, "b=0.9".parse().unwrap())],
        ..question()
    };
    let figures = Figures::of_clean(&Measured::of(3, answers.clone()), &classes(), &question);
    assert_eq!(figures.intervals, None);
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["class_auroc"][2], serde_json::Value::Null);
    assert_eq!(
        json["operating_points"][0]["threshold"],
        serde_json::Value::Null
    );
    assert!(json["class_auroc"][0].is_number() && json["macro_auroc"].is_number());
    let text = evaluation(figures).to_text(&classes());
    assert!(text.contains("not defined for bkl"), "{text}");
    assert!(
        text.contains("c found with a sensitivity of 90 %: no image here shows it"),
        "{text}"
    );

    // One image alone is measured, too.
    let one = Figures::of_clean(
        &Measured::of(3, answers[..1].to_vec()),
        &classes(),
        &question,
    );
    let scored = one.scored.as_ref().unwrap();
    assert_eq!((scored.macro_auroc, one.accuracy), (None, 1.0));
    let text = evaluation(one).to_text(&classes());
    assert!(
        text.contains("macro AUROC –, not defined for nv, mel, bkl"),
        "{text}"
    );
}

#[test]
fn scores_that_are_no_logits_are_ordered_by_themselves_and_have_no_calibration() {
    for kind in [Scores::Values, Scores::Sigmoid] {
        let question = Question {
            scores: kind,
            temperature: Some((2.0, false)),
            ..question()
        };
        let scored = Figures::of_clean(&measured(), &classes(), &question)
            .scored
            .unwrap();
        assert_eq!((scored.calibration, scored.temperature), (None, None));
        let areas = scored.class_auroc;
        let logits = |class: usize| {
            measured()
                .answers
                .iter()
                .map(|a| f64::from(a.logits[class]))
                .collect::<Vec<_>>()
        };
        let is: Vec<bool> = measured().answers.iter().map(|a| a.truth == 1).collect();
        let expected = super::ranking::Ranking::of(&logits(1)).area(&is, &[1; 40]);
        close(areas[1].unwrap(), expected.unwrap(), 1e-12);
    }
}

fn evaluation(clean: Figures) -> Evaluation {
    Evaluation {
        model: "best.onnx".into(),
        data: "phantom:4".into(),
        images: 4,
        classes: vec!["nv".into(), "mel".into(), "bkl".into()][..clean.confusion.len()].into(),
        clean,
        adversarial: None,
        curve: vec![],
    }
}

#[test]
fn the_tables_read_as_written_here() {
    let answer = |truth, logits: [f32; 2]| Answer::new(truth, logits.to_vec()).unwrap();
    let measured = Measured::of(
        2,
        vec![
            answer(0, [1.0, 0.0]),
            answer(0, [1.0, 0.0]),
            answer(0, [0.0, 1.0]),
            answer(1, [0.0, 1.0]),
        ],
    );
    let names = [class("nv", "nevus"), class("mel", "melanoma")];
    let question = Question {
        points: vec![(1, "mel=0.95".parse().unwrap())],
        ..Question::plain(Some(2.0))
    };
    let mut evaluation = evaluation(Figures::of_clean(&measured, &names, &question));
    let expected = "\
best.onnx on 4 images of phantom:4

Clean
  class     images      right    precise         F1      AUROC   answered as      nv     mel
  nv             3     66.7 %    100.0 %     80.0 %      0.833                     2       1  nevus
  mel            1    100.0 %     50.0 %     66.7 %      0.833                     0       1  melanoma
  accuracy 75.0 %, balanced 83.3 %, macro F1 73.3 %, loss 0.563
  macro AUROC 0.833
  calibration: ECE 1.9 % in 15 bins, NLL 0.563, Brier 0.376
  at the temperature 2.000 of the card: ECE 12.8 %, NLL 0.599, Brier 0.408
  mel found with a sensitivity of 95 %: from a score of 0.7311, chosen on these images; sensitivity 100.0 % [20.7, 100.0], specificity 66.7 % [20.8, 93.9]
";
    assert_eq!(evaluation.to_text(&names), expected);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["clean"]["confusion"][0][1], 1);
    assert_eq!(json["adversarial"], serde_json::Value::Null);

    let bootstrap = Bootstrap {
        resamples: 0,
        seed: 0,
    };
    let attacked = Figures::of_attacked(&measured, "PGD-3, L2, ε = 2".into(), bootstrap);
    for epsilon in [1.0, 2.0] {
        evaluation.curve.push(Rung {
            epsilon,
            figures: attacked.clone(),
            #[cfg(feature = "torch")]
            turned: vec![],
        });
    }
    evaluation.adversarial = Some(attacked);
    evaluation.model = "a & <b>.onnx".into();
    let text = evaluation.to_text(&names);
    assert!(
        text.contains(
            "PGD-3, L2, ε = 2\n  class     images      right    precise         F1   answered as"
        ),
        "{text}"
    );
    assert!(
        text.contains("           2    75.0 %                     83.3 %\n"),
        "{text}"
    );
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["curve"][1]["robust_accuracy"], 0.75);
    let svg = plot(&evaluation);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("a &amp; &lt;b&gt;.onnx") && !svg.contains("<b>"));
    // Clean at the left, where 75 % are at a quarter of the height from above; the largest ball at the right.
    assert!(
        svg.contains("points=\"64.0,121.0 282.0,121.0 500.0,121.0\""),
        "{svg}"
    );
}
