//! `pellucid release`: what a model is like that is readied for others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use pellucid_shared::card::{Card, Class, Input, Metric};
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::pb::tensor_proto::DataType;
use pellucid_shared::onnx::{Model, floats, single_precision};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use serde_json::Value;

fn pellucid(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pellucid"));
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = pellucid(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A network with a card that claims an accuracy, in a folder.
fn network() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap();
    let classes = ["nv", "mel", "bkl"].map(|code| Class {
        code: code.into(),
        name: String::new(),
    });
    let input = Input::plain(Preprocessing::square(32));
    let mut card = Card::new("small", classes.to_vec(), input);
    let metric = Metric {
        value: 0.75,
        note: "281 images".into(),
    };
    card.metrics.insert("test.accuracy".into(), metric);
    card.write_into(&mut model).unwrap();
    model.save(&folder.path().join("small.onnx")).unwrap();
    folder
}

#[test]
fn weights_take_half_the_bytes_and_every_engine_still_runs_them() {
    let folder = network();
    let said = ok(
        folder.path(),
        &[
            "release",
            "small.onnx",
            "-o",
            "half.onnx",
            "--float16",
            "--json",
        ],
    );
    let report: Value = serde_json::from_str(&said).unwrap();
    let bytes = |key: &str| report[key].as_f64().unwrap();
    assert!(
        bytes("bytes_after") < 0.55 * bytes("bytes_before"),
        "{report}"
    );
    let moved = &report["float16"]["moved"];
    assert_eq!(
        (&moved["images"], &moved["classes"]),
        (&16.into(), &0.into())
    );
    let logits = moved["logits"].as_f64().unwrap();
    assert!(logits > 0.0 && logits < 5e-3, "{report}");

    let read = |name: &str| Model::load(&folder.path().join(name)).unwrap();
    let (before, after) = (read("small.onnx"), read("half.onnx"));
    let narrow: usize = (after.graph().initializer.iter())
        .filter(|tensor| tensor.data_type == DataType::Float16 as i32)
        .map(|tensor| floats(tensor).unwrap().len())
        .sum();
    assert_eq!(report["float16"]["weights"], narrow);
    assert_eq!(before.outputs()[0].name, after.outputs()[0].name);

    let wide = single_precision(after).unwrap();
    assert_eq!(
        wide.graph().node,
        before.graph().node,
        "the graph is the same"
    );

    let note = &Card::from_model(&read("half.onnx"))
        .unwrap()
        .unwrap()
        .metrics["test.accuracy"]
        .note;
    assert_eq!(
        note,
        "281 images, before its weights were rounded to float16"
    );

    ok(
        folder.path(),
        &["phantom", "drawn", "--count", "1", "--size", "32"],
    );
    let drawn = std::fs::read_dir(folder.path().join("drawn/HAM10000_images_part_1")).unwrap();
    let drawn = drawn.map(|entry| entry.unwrap().path()).next().unwrap();
    let drawn = drawn.to_str().unwrap();
    let engines: &[&str] = if cfg!(feature = "torch") {
        &["tract", "ort", "torch"]
    } else {
        &["tract", "ort"]
    };
    let answers: Vec<String> = engines
        .iter()
        .map(|engine| {
            ok(
                folder.path(),
                &[
                    "explain",
                    "half.onnx",
                    drawn,
                    "--engine",
                    engine,
                    "-o",
                    "map.png",
                    "--json",
                ],
            )
        })
        .collect();
    let logits = |said: &String| -> Vec<f64> {
        let report: Value = serde_json::from_str(said).unwrap();
        let classes = report["classes"]
            .as_array()
            .unwrap_or_else(|| panic!("{report}"));
        classes
            .iter()
            .map(|class| class["score"].as_f64().unwrap())
            .collect()
    };
    for answer in &answers[1..] {
        for (ours, theirs) in logits(&answers[0]).iter().zip(logits(answer)) {
            assert!((ours - theirs).abs() < 1e-4, "{answers:?}");
        }
    }
}

#[test]
fn the_card_says_whose_it_is_and_what_for() {
    let folder = network();
    let arguments = [
        "release",
        "small.onnx",
        "-o",
        "shown.onnx",
        "--name",
        "Small",
        "--license",
        "CC-BY-NC-4.0",
        "--attribution",
        "Somebody",
        "--intended-use",
        "Tests.",
    ];
    ok(folder.path(), &arguments);
    let card = Card::from_model(&Model::load(&folder.path().join("shown.onnx")).unwrap());
    let card = card.unwrap().unwrap();
    assert_eq!(
        [
            &card.name,
            &card.license,
            &card.attribution,
            &card.intended_use
        ],
        ["Small", "CC-BY-NC-4.0", "Somebody", "Tests."]
    );
    assert_eq!(card.metrics["test.accuracy"].note, "281 images");
    let text = ok(folder.path(), &["inspect", "shown.onnx"]);
    for words in ["CC-BY-NC-4.0", "Somebody", "Tests."] {
        assert!(text.contains(words), "{text}");
    }
}

/// Whoever gets a released network can go on with it.
#[cfg(feature = "torch")]
#[test]
fn a_training_can_begin_with_a_released_network() {
    let folder = network();
    ok(
        folder.path(),
        &["release", "small.onnx", "-o", "half.onnx", "--float16"],
    );
    let arguments = [
        "train",
        "--data",
        "phantom:40",
        "--init",
        "half.onnx",
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--out",
        "run",
    ];
    ok(folder.path(), &arguments);
    assert!(folder.path().join("run/best.onnx").exists());
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_no_file() {
    let folder = network();
    let mut bare = Model::load(&folder.path().join("small.onnx")).unwrap();
    bare.set_metadata(pellucid_shared::card::KEY, String::new());
    let mut proto = bare.into_proto();
    proto.metadata_props.clear();
    let bare = Model::from_proto(proto).unwrap();
    bare.save(&folder.path().join("bare.onnx")).unwrap();
    ok(
        folder.path(),
        &["release", "small.onnx", "-o", "half.onnx", "--float16"],
    );
    for (arguments, word) in [
        (&["bare.onnx", "--license", "MIT"][..], "no card"),
        (&["half.onnx", "--float16"], "leave --float16 out"),
        (&["nothing.onnx", "--float16"], "nothing.onnx"),
    ] {
        let output = pellucid(
            folder.path(),
            &[&["release", "-o", "out.onnx"], arguments].concat(),
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(word) && said.trim().lines().count() == 1,
            "{said}"
        );
        assert!(!folder.path().join("out.onnx").exists());
    }
}
