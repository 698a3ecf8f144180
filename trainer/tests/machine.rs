//! The real binary where the machine sets limits: no card, too little memory, another machine to take the data to.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use pellucid_shared::image::{Rgb, RgbImage, encode_png};
use serde_json::Value;

fn pellucid(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .current_dir(folder)
        .args(arguments.split_whitespace())
        // As a machine whose cards are hidden, if it has any.
        .env("CUDA_VISIBLE_DEVICES", "")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_card_that_is_not_there_is_one_sentence_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for arguments in [
        "train --data phantom:30 --arch resnet-small --size 32 --out run --device cuda",
        "bench --device cuda --size 32",
    ] {
        let output = pellucid(folder, arguments);
        let error = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
        assert!(error.contains("--device cpu"), "{error}");
    }
    let output = pellucid(folder, "check --device cuda --record found.jsonl");
    assert_eq!(output.status.code(), Some(1));
    let record = std::fs::read_to_string(folder.join("found.jsonl")).unwrap();
    let lines: Vec<Value> = record
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    // Nothing further is tried.
    assert_eq!(lines.len(), 1, "{record}");
    assert_eq!(
        (&lines[0]["item"], &lines[0]["passed"]),
        (&"machine".into(), &false.into())
    );
}

/// A real shortage: the address space of the process is limited, and libtorch cannot have what a large batch takes.
#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_does_not_fit_is_refused_with_one_that_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (class, shade) in [("a", 40), ("b", 200)] {
        std::fs::create_dir_all(folder.join("data").join(class)).unwrap();
        for number in 0..40_u8 {
            let picture = RgbImage::from_pixel(33, 33, Rgb([shade, number, 9]));
            let name = folder.join(format!("data/{class}/{number}.png"));
            std::fs::write(name, encode_png(&picture).unwrap()).unwrap();
        }
    }
    let train = "train --data folder:data --arch resnet-small --size 384 --epochs 1 --batch 48 --threads 1 --out run";
    let limited = |kibibytes: u64| {
        let script = format!("ulimit -v {kibibytes}; exec \"$0\" {train} --overwrite --device cpu");
        Command::new("sh")
            .current_dir(folder)
            .args(["-c", &script, env!("CARGO_BIN_EXE_pellucid")])
            .env("RAYON_NUM_THREADS", "1")
            // The C library otherwise keeps the address space of what was freed, which the limit counts.
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .output()
            .unwrap()
    };
    let output = limited(2_000_000);
    let error = said(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let sentence = error
        .lines()
        .find(|line| line.starts_with("error: "))
        .expect(&error);
    assert!(sentence.contains("--batch 48 does not fit"), "{error}");
    let named = sentence.split("--batch ").last().unwrap();
    let named: usize = named.split(' ').next().unwrap().parse().expect(sentence);
    assert!(
        (2..48).contains(&named) && sentence.contains("was tried and fits"),
        "{error}"
    );
    assert!(
        !error.contains("frame #") && !error.contains("panicked"),
        "{error}"
    );
}

#[test]
fn a_data_set_is_packed_for_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = pellucid(folder, "pack --data phantom:30 --size 64 --out small");
    assert!(output.status.success(), "{}", said(&output));
    let train =
        "train --data ham10000:small --arch resnet-small --size 64 --epochs 1 --batch 8 --out run";
    let output = pellucid(folder, train);
    assert!(output.status.success(), "{}", said(&output));
    let again = pellucid(folder, "pack --data phantom:30 --size 64 --out small");
    assert!(said(&again).contains("not empty"), "{}", said(&again));
    let unknown = pellucid(folder, "pack --data folder:nowhere --out other");
    assert_eq!(unknown.status.code(), Some(1));
}
