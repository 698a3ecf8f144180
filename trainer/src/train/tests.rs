//! Whole trainings, small.

use std::fs;
use std::path::Path;

use pellucid_shared::card::{Card, Norm};
use pellucid_shared::onnx::Model;
use pellucid_shared::zoo::Architecture;

use super::*;
use crate::attack::Attack;
use crate::data::{Balance, Shares};
use crate::device::DeviceChoice;
use crate::progress::Progress;
use crate::stop::Stop;

/// Two epochs of the small network on 30 phantoms at 32 pixels.
fn settings(out: &Path) -> Settings {
    let recipe = Recipe {
        epochs: 2,
        batch: 8,
        learning_rate: 1e-3,
    };
    Settings {
        data: "phantom:30".parse().unwrap(),
        classes: None,
        split: None,
        shares: Shares::default(),
        per_class: None,
        out: out.to_owned(),
        overwrite: false,
        resume: false,
        name: None,
        start: Start {
            architecture: Some(Architecture::ResnetSmall),
            size: Some(32),
            init: None,
            dropout: None,
        },
        seed: 1,
        split_seed: 1,
        head_epochs: None,
        head: Recipe {
            epochs: 0,
            ..recipe
        },
        whole: recipe,
        trainable: vec![],
        optimization: Optimization::default(),
        rate: Rate::new(Schedule::Cosine),
        average: None,
        early_stop: 0,
        augment: Augment::Paper,
        mixup: None,
        balance: Balance::Auto,
        class_weights: ClassWeights::Off,
        objective: Objective::default(),
        adversarial: Some(Attack::for_training(Norm::L2, 0.5, 2, None).unwrap()),
        ramp: 0.5,
        validation_attack: Some(Attack::for_evaluation(Norm::L2, 0.5, 2, None).unwrap()),
        validation_images: Some(4),
        device: DeviceChoice::Cpu,
        threads: None,
        max_minutes: None,
    }
}

fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    train(settings, &Progress::silent(), &Stop::new())
}

fn weights(path: &Path) -> Model {
    Model::load(path).unwrap()
}

#[test]
fn a_run_leaves_its_files_and_the_same_seed_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = ["a", "b", "c"].map(|name| settings(&folder.path().join(name)));
    let outcome = run(&first).unwrap();
    assert_eq!(outcome.epochs.len(), 2);
    assert_eq!(outcome.verification.as_ref().unwrap().engines.len(), 3);
    assert!(outcome.epochs.iter().any(|record| record.best));
    let log = fs::read_to_string(first.out.join("log.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let records = outcome.epochs.iter();
    let expected: Vec<String> = records.map(|r| serde_json::to_string(r).unwrap()).collect();
    assert_eq!(lines, expected);
    assert!(
        outcome
            .epochs
            .iter()
            .all(|r| r.adversarial_accuracy.is_some())
    );
    let split = fs::read_to_string(first.out.join("split.csv")).unwrap();
    assert_eq!(split.lines().count(), 31);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(first.out.join("settings.json")).unwrap()).unwrap();
    assert_eq!(json["adversarial"]["steps"], 2);

    let best = weights(&outcome.best);
    let card = Card::from_model(&best).unwrap().unwrap();
    assert_eq!(card.name, "robust resnet-small");
    assert_eq!(card.classes[1].code, "mel");
    let training = card.training.unwrap();
    assert_eq!((training.images, training.seed), (18, 1));
    let accuracy = &card.metrics["test.accuracy"];
    assert_eq!(accuracy.value, outcome.test.unwrap().clean.accuracy);
    assert!(
        card.metrics["test.adversarial.accuracy"]
            .note
            .contains("PGD-20, L2")
    );

    run(&second).unwrap();
    assert_eq!(
        weights(&second.out.join("latest.onnx")),
        weights(&first.out.join("latest.onnx"))
    );
    assert_eq!(weights(&second.out.join("best.onnx")), best);
    run(&Settings {
        seed: 2,
        ..third.clone()
    })
    .unwrap();
    assert_ne!(
        weights(&third.out.join("latest.onnx")),
        weights(&first.out.join("latest.onnx"))
    );
}

/// The split of one run in another: what was tested on is not trained on.
#[test]
fn a_split_is_used_again_and_weights_are_trained_further() {
    let folder = tempfile::tempdir().unwrap();
    let first = settings(&folder.path().join("a"));
    run(&first).unwrap();
    let again = Settings {
        split: Some(first.out.join("split.csv")),
        start: Start {
            architecture: None,
            size: None,
            init: Some(Init::File(first.out.join("best.onnx"))),
            dropout: None,
        },
        adversarial: None,
        validation_attack: None,
        seed: 9,
        ..settings(&folder.path().join("b"))
    };
    let outcome = run(&again).unwrap();
    assert!(outcome.test.unwrap().adversarial.is_none());
    assert_eq!(
        fs::read(first.out.join("split.csv")).unwrap(),
        fs::read(again.out.join("split.csv")).unwrap()
    );
    let card = Card::from_model(&weights(&outcome.best)).unwrap().unwrap();
    assert_eq!(card.name, "standard resnet-small");
    assert_eq!(card.input.preprocessing.size, 32);
}

/// Names and values of the initializers that differ between two files.
fn changed(a: &Path, b: &Path) -> Vec<String> {
    let (a, b) = (weights(a), weights(b));
    let pairs = a.graph().initializer.iter().zip(&b.graph().initializer);
    pairs
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.name.clone())
        .collect()
}

#[test]
fn the_heads_stage_and_the_chosen_layers_change_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let first = settings(&folder.path().join("a"));
    run(&first).unwrap();
    let start = first.out.join("latest.onnx");
    let from = |name: &str| Settings {
        start: Start {
            architecture: None,
            size: None,
            init: Some(Init::File(start.clone())),
            dropout: None,
        },
        ..settings(&folder.path().join(name))
    };
    // The head's stage alone: the second is over before it begins.
    let mut head = from("head");
    head.head_epochs = Some(1);
    head.max_minutes = Some(1e-9);
    let outcome = run(&head).unwrap();
    assert_eq!(outcome.epochs.len(), 1);
    assert_eq!(outcome.epochs[0].stage, "head");
    assert_eq!(
        changed(&start, &head.out.join("latest.onnx")),
        ["fc.weight", "fc.bias"]
    );

    let last = Settings {
        trainable: vec!["layer4".into(), "fc".into()],
        ..from("last")
    };
    run(&last).unwrap();
    let names = changed(&start, &last.out.join("latest.onnx"));
    assert!(
        names
            .iter()
            .all(|n| n.starts_with("layer4") || n.starts_with("fc.")),
        "{names:?}"
    );
    assert!(
        names.contains(&"layer4.0.bn1.running_mean".to_owned()),
        "{names:?}"
    );

    let nothing = Settings {
        trainable: vec!["nonsense".into()],
        ..from("nothing")
    };
    let error = format!("{:#}", run(&nothing).unwrap_err());
    assert!(
        error.contains("--trainable nonsense names no layer"),
        "{error}"
    );
}

#[test]
fn an_interrupted_run_keeps_the_latest_weights() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("a"));
    let stop = Stop::new();
    stop.ask();
    let outcome = train(&settings, &Progress::silent(), &stop).unwrap();
    assert!(outcome.epochs.is_empty() && outcome.test.is_none());
    assert!(!outcome.best.exists());
    // One step was taken: the weights are no longer those of the seed.
    let latest = settings.out.join("latest.onnx");
    assert_eq!(outcome.latest, latest);
    // They were not measured.
    let card = Card::from_model(&weights(&latest)).unwrap().unwrap();
    assert!(card.metrics.is_empty(), "{:?}", card.metrics);
    let fresh = pellucid_shared::zoo::build(&pellucid_shared::zoo::Blueprint::new(
        Architecture::ResnetSmall,
        3,
        32,
        1,
    ));
    assert_ne!(
        weights(&latest).graph().initializer,
        fresh.unwrap().graph().initializer
    );
}

#[test]
fn what_cannot_be_trained_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a");
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(&out);
        change(&mut settings);
        format!("{:#}", run(&settings).unwrap_err())
    };
    for (error, reason) in [
        (
            with(&|s| s.whole.batch = 19),
            "--batch 19 is larger than the 18 training images",
        ),
        (with(&|s| s.whole.batch = 1), "needs 2 images"),
        (with(&|s| s.whole.epochs = 0), "--epochs 1"),
        (with(&|s| s.whole.learning_rate = f64::NAN), "--lr NaN"),
        (with(&|s| s.start.size = Some(8)), "--size 8"),
        (
            with(&|s| s.classes = Some(vec!["wart".into()])),
            "no class `wart`",
        ),
        (with(&|s| s.data = "folder:/none".parse().unwrap()), "/none"),
        (
            with(&|s| s.adversarial.as_mut().unwrap().epsilon = -1.0),
            "ε is -1",
        ),
        (with(&|s| s.split = Some("/none.csv".into())), "/none.csv"),
        (
            with(&|s| s.trainable = vec!["fc".into(), "zz".into()]),
            "--trainable zz names no layer",
        ),
    ] {
        assert!(error.contains(reason), "{error}");
    }
    assert!(!out.exists());
    let diverging = with(&|s| s.whole.learning_rate = 1e30);
    assert!(diverging.contains("choose a lower --lr"), "{diverging}");
    assert!(!out.exists());
}

/// What shows only in the first step.
#[test]
fn a_training_that_diverges_leaves_the_run_that_it_was_to_replace() {
    let folder = tempfile::tempdir().unwrap();
    let good = settings(folder.path());
    run(&good).unwrap();
    let files = || {
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let read = |path: std::path::PathBuf| (fs::read(&path).ok(), path);
        names.into_iter().map(read).collect::<Vec<_>>()
    };
    let before = files();
    let mut next = Settings {
        overwrite: true,
        ..good
    };
    next.whole.learning_rate = 1e30;
    let error = run(&next).unwrap_err().to_string();
    assert!(error.contains("choose a lower --lr"), "{error}");
    assert!(files() == before);
}

/// What adversarial training is for. Seen: 56 % of attacked images told rightly by the robust network, none by the
/// standard one, which tells 98 % of clean ones.
#[test]
fn a_robust_network_withstands_what_a_standard_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let attacked = |outcome: &Outcome| {
        outcome
            .test
            .as_ref()
            .unwrap()
            .adversarial
            .clone()
            .unwrap()
            .accuracy
    };
    let standard = Settings {
        data: "phantom:450".parse().unwrap(),
        whole: Recipe {
            epochs: 8,
            batch: 16,
            learning_rate: 3e-3,
        },
        seed: 0,
        augment: Augment::Flips,
        adversarial: None,
        validation_attack: Some(Attack::for_evaluation(Norm::L2, 0.3, 2, None).unwrap()),
        validation_images: Some(60),
        ..settings(&folder.path().join("standard"))
    };
    let robust = Settings {
        out: folder.path().join("robust"),
        whole: Recipe {
            epochs: 15,
            ..standard.whole
        },
        adversarial: Some(Attack::for_training(Norm::L2, 0.3, 2, None).unwrap()),
        ramp: 0.3,
        ..standard.clone()
    };
    let (standard, robust) = (run(&standard).unwrap(), run(&robust).unwrap());
    assert!(standard.test.as_ref().unwrap().clean.accuracy > 0.85);
    let (weak, strong) = (attacked(&standard), attacked(&robust));
    assert!(strong > weak + 0.3, "robust {strong}, standard {weak}");
}

/// Weights that grow with every step: at a rate above 2 a decay of 1 is more than takes them away.
#[test]
fn a_training_that_goes_astray_keeps_the_best_network_before() {
    let folder = tempfile::tempdir().unwrap();
    let astray = Settings {
        whole: Recipe {
            epochs: 100,
            batch: 8,
            learning_rate: 50.0,
        },
        optimization: Optimization {
            optimizer: OptimizerChoice::Sgd,
            momentum: 0.0,
            weight_decay: 1.0,
            ..Optimization::default()
        },
        rate: Rate::new(Schedule::Cyclic),
        adversarial: None,
        validation_attack: None,
        ..settings(&folder.path().join("astray"))
    };
    let outcome = run(&astray).unwrap();
    let epoch = outcome.astray.unwrap();
    assert_eq!(outcome.epochs.len(), epoch - 1);
    assert!(outcome.epochs.iter().any(|record| record.best));
    assert!(
        outcome
            .epochs
            .iter()
            .all(|record| record.train_loss.is_finite())
    );
    assert!(outcome.verification.is_some() && outcome.test.is_some());
    assert!(outcome.best.ends_with("best.onnx") && outcome.best.exists());
}
