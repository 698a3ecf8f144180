//! The real binary from phantoms to a measured network.
#![cfg(feature = "torch")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn pellucid(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .unwrap()
}

/// Standard output of a job that must go well.
fn ok(folder: &Path, arguments: &str) -> String {
    let output = pellucid(folder, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What is said of a job that must fail with this exit code.
fn fails(folder: &Path, code: i32, arguments: &str) -> String {
    let output = pellucid(folder, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

#[test]
fn phantoms_are_drawn_trained_on_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ok(
        folder,
        "phantom drawn --count 30 --size 32 --shortcut ruler --shortcut-class bkl",
    );
    let small = "--arch resnet-small --size 32 --epochs 1 --batch 8 --threads 1";
    let train = format!(
        "train --data ham10000:drawn --out run {small} --adversarial linf --epsilon 0.02 --steps 1"
    );
    let said = ok(folder, &train);
    assert!(said.contains("PGD-20, L∞, ε = 0.02"), "{said}");
    let error = fails(folder, 1, &train);
    assert!(error.contains("--overwrite"), "{error}");

    let evaluate = "evaluate run/best.onnx --data ham10000:drawn --split run/split.csv --json";
    let clean: Value = serde_json::from_str(&ok(folder, evaluate)).unwrap();
    assert_eq!(clean["images"], 6);
    assert_eq!(clean["classes"][2], "bkl");
    assert_eq!(clean["adversarial"], Value::Null);
    let attack = format!("{evaluate} --norm linf --epsilon 0.02 --steps 3 --restarts 2");
    let attacked: Value = serde_json::from_str(&ok(folder, &attack)).unwrap();
    assert_eq!(attacked["clean"], clean["clean"]);
    let name = attacked["adversarial"]["attack"].as_str().unwrap();
    assert_eq!(name, "PGD-3, L∞, ε = 0.02, worst of 2");
    let accuracy = |part: &str| attacked[part]["accuracy"].as_f64().unwrap();
    assert!(accuracy("adversarial") <= accuracy("clean"));
    let table = ok(folder, "evaluate run/best.onnx --data phantom:12 --limit 6");
    assert!(
        table.starts_with("run/best.onnx on 6 images of phantom:12\n"),
        "{table}"
    );
}

/// Of the test images, too, which are looked at only when all the training is done.
#[test]
fn an_image_that_cannot_be_used_ends_a_training_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ok(folder, "phantom drawn --count 12 --size 32");
    let table = std::fs::read_to_string(folder.join("drawn/HAM10000_metadata.csv")).unwrap();
    let mut split = "image_id,label,group,split\n".to_owned();
    let mut last = "";
    for (row, part) in table
        .lines()
        .skip(1)
        .zip(["train", "train", "validation", "test"].repeat(3))
    {
        let fields: Vec<&str> = row.split(',').collect();
        split += &format!("{},{},{},{part}\n", fields[1], fields[2], fields[0]);
        last = fields[1];
    }
    std::fs::write(folder.join("split.csv"), split).unwrap();
    let image = format!("drawn/HAM10000_images_part_1/{last}.png");
    std::fs::write(folder.join(&image), "no image").unwrap();
    let error = fails(
        folder,
        1,
        "train --data ham10000:drawn --split split.csv --out run --arch resnet-small --size 32 --batch 2",
    );
    assert!(
        error.contains(&image) && error.contains("not an image"),
        "{error}"
    );
    assert!(!folder.join("run").exists());
}

#[test]
fn wrong_usage_is_2_and_a_failed_job_1() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, reason) in [
        (
            "train --data phantom:30 --out run --epsilon -1",
            "0 or more",
        ),
        (
            "train --data phantom:30 --out run --adversarial l2",
            "--epsilon",
        ),
        ("train --data cifar --out run", "is not a data source"),
        ("phantom drawn --size 8", "32..=4096"),
        ("phantom drawn --shortcut patch", "--shortcut-class"),
        ("evaluate a.onnx --data phantom:3 --norm l3", "l2, linf"),
    ] {
        let error = fails(folder, 2, arguments);
        assert!(error.contains(reason), "{arguments}: {error}");
    }
    std::fs::write(folder.join("notes.txt"), "not a model").unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    for (arguments, reason) in [
        ("train --data folder:none --out run", "no folder none"),
        (
            "train --data ham10000:empty --out run",
            "HAM10000_metadata.csv",
        ),
        (
            "train --data phantom:30 --out run --arch resnet-small --batch 100",
            "--batch 100 is larger",
        ),
        (
            "train --data phantom:30 --out run --init notes.txt",
            "not an ONNX model",
        ),
        (
            "train --data phantom:30 --out notes.txt --arch resnet-small --batch 4",
            "choose another --out",
        ),
        ("phantom empty/../notes.txt", "notes.txt"),
        ("evaluate none.onnx --data phantom:3", "none.onnx"),
        ("evaluate notes.txt --data phantom:3", "not an ONNX model"),
    ] {
        let error = fails(folder, 1, arguments);
        assert!(error.contains(reason), "{arguments}: {error}");
        assert_eq!(
            error.lines().filter(|l| l.starts_with("error: ")).count(),
            1
        );
    }
    assert!(!folder.join("run").exists());
}
