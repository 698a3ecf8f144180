//! The script where the machine is not as it should be. Where it is, `cargo xtask test --only gpu` runs it.

use crate::checkout::Checkout;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The script in a folder of its own, called with these words, and LD_LIBRARY_PATH and a Python that has no torch.
fn script(folder: &Path, libraries: &Path, words: &[&str]) -> Output {
    let scripts = Checkout::here().unwrap().root().join("trainer/gpu");
    fs::create_dir_all(folder).unwrap();
    for name in ["run.sh", "baseline.py"] {
        fs::copy(scripts.join(name), folder.join(name)).unwrap();
    }
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("lib/libonnxruntime.so"), "").unwrap();
    Command::new("bash")
        .arg(folder.join("run.sh"))
        .args(words)
        .current_dir(folder)
        .env("LD_LIBRARY_PATH", libraries)
        .env("PYTHON", "/no/such/python")
        .env_remove("OUT")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn another_libtorch_or_none_is_one_sentence_for_every_stage() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("torch/lib");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("libtorch_cpu.so"), "").unwrap();
    fs::write(
        folder.path().join("torch/version.py"),
        "__version__ = '2.9.0+cu128'\n",
    )
    .unwrap();
    let none = folder.path().join("empty");
    for (libraries, words) in [
        (&other, "torch 2.9.0 is in"),
        (&none, "no libtorch 2.11.0 was found"),
    ] {
        let output = script(
            &folder.path().join("gpu"),
            libraries,
            &["--device", "cpu", "--quick"],
        );
        assert_eq!(output.status.code(), Some(1));
        let results = fs::read_to_string(folder.path().join("gpu/results/results.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = results
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for stage in ["check", "speed", "train"] {
            let failed = lines
                .iter()
                .find(|line| line["stage"] == stage && line["failed"].is_string());
            let sentence = failed.unwrap_or_else(|| panic!("{results}"))["failed"]
                .as_str()
                .unwrap();
            assert!(sentence.contains(words), "{sentence}");
        }
        let summary = fs::read_to_string(folder.path().join("gpu/results/summary.txt")).unwrap();
        assert!(summary.contains("FAILED: check speed train"), "{summary}");
    }
}

#[test]
fn wrong_usage_is_told_with_status_2() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["fly"][..],
        &["--device", "tpu"],
        &["--out"],
        &["--patience", "0"],
    ] {
        let output = script(folder.path(), folder.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(
            text(&output.stderr).lines().count(),
            1,
            "{}",
            text(&output.stderr)
        );
    }
    let help = script(folder.path(), folder.path(), &["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("--quick"));
}

/// A disk that is really full, where the system lets us make one.
#[test]
fn a_full_disk_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |words: &[&str]| {
        Command::new("mount")
            .args(words)
            .arg(&disk)
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=16k", "tmpfs"]) {
        // Not root, or a container: nothing can be mounted here.
        return;
    }
    let full = fs::write(disk.join("filler"), vec![0; 1 << 16]);
    let out = disk.display().to_string();
    let output = script(
        &folder.path().join("gpu"),
        &disk,
        &["--device", "cpu", "--out", &out],
    );
    let said = text(&output.stderr);
    let _ = Command::new("umount").arg(&disk).output();
    assert!(full.is_err(), "the disk is not full");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("cannot be written: free some space") && said.lines().count() == 1,
        "{said}"
    );
}
