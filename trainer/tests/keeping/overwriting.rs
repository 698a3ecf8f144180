//! Nothing that a command reads, and no run, is lost to what it writes.

use std::os::unix::fs::symlink;

use super::bench::Bench;
#[cfg(feature = "torch")]
use super::bench::{TRAIN, contents};

#[test]
fn no_command_writes_over_what_it_reads_under_any_name() {
    let bench = Bench::new();
    let path = |name: &str| bench.path(name);
    std::fs::create_dir(path("sub")).unwrap();
    std::fs::hard_link(path("small.onnx.data"), path("sub/hard-weights")).unwrap();
    std::fs::hard_link(path("images/b/1.png"), path("sub/hard-image")).unwrap();
    symlink(path("plain.png"), path("soft-image")).unwrap();
    symlink(path("small.onnx"), path("soft-model")).unwrap();
    symlink(path("images"), path("soft-folder")).unwrap();
    let before = bench.files();
    let explain = "explain small.onnx plain.png";
    let report = "report --model small.onnx --data folder:images";
    for arguments in [
        format!("{explain} -o small.onnx"),
        format!("{explain} -o small.onnx.data"),
        format!("{explain} -o sub/../small.onnx.data"),
        format!("{explain} -o sub/hard-weights"),
        format!("{explain} --raw soft-model"),
        format!("{explain} --raw plain.png"),
        format!("{explain} -o soft-image"),
        "explain soft-model soft-image -o plain.png".to_owned(),
        format!("{explain} --card card.json -o card.json"),
        format!("{explain} --labels labels.txt --raw labels.txt"),
        "differentiate small.onnx -o small.onnx.data".to_owned(),
        "differentiate small.onnx -o sub/hard-weights".to_owned(),
        "differentiate soft-model -o small.onnx".to_owned(),
        format!("{report} -o small.onnx.data"),
        format!("{report} -o images/a/0.png"),
        format!("{report} -o soft-folder/a/0.png"),
        format!("{report} -o sub/hard-image"),
        format!("{report} --split split.csv -o split.csv"),
        format!("{report} --card card.json -o card.json"),
    ] {
        let error = bench.error(1, &arguments);
        assert!(
            error.contains("would be overwritten") && error.contains("another file"),
            "{arguments}: {error}"
        );
        assert_eq!(bench.files(), before, "{arguments}");
    }
    // The same commands with outputs of their own.
    bench.ok(&format!(
        "{explain} --card card.json -o map.png --raw map.npy"
    ));
    bench.ok(&format!("{report} --split split.csv -o sheet.png"));
    bench.ok("differentiate small.onnx -o grad.onnx");
    for (path, bytes) in before {
        assert_eq!(std::fs::read(path).unwrap(), bytes);
    }
}

#[test]
fn two_outputs_are_two_files() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("sub")).unwrap();
    std::fs::write(bench.path("old"), "old").unwrap();
    symlink(bench.path("old"), bench.path("soft")).unwrap();
    std::fs::hard_link(bench.path("old"), bench.path("hard")).unwrap();
    let before = bench.files();
    for (one, other) in [
        ("new", "new"),
        ("new", "sub/../new"),
        ("old", "soft"),
        ("hard", "old"),
    ] {
        let arguments = format!("explain small.onnx plain.png -o {one} --raw {other}");
        let error = bench.error(1, &arguments);
        assert!(error.contains("a file of its own"), "{error}");
        assert_eq!(bench.files(), before);
    }
    for (output, reason) in [
        ("sub", "sub is a folder"),
        ("none/map.png", "there is no folder none"),
    ] {
        let error = bench.error(1, &format!("explain small.onnx plain.png -o {output}"));
        assert!(error.contains(reason), "{error}");
    }
    bench.ok("explain small.onnx plain.png -o /dev/null --raw /dev/null");
    assert_eq!(bench.files(), before);
}

/// A map whose name is as long as a name may be.
#[test]
fn names_of_any_length_are_written() {
    let bench = Bench::new();
    for length in [250, 255] {
        let name = format!("{}.png", "m".repeat(length - 4));
        bench.ok(&format!("explain small.onnx plain.png -o {name}"));
        assert!(bench.path(&name).is_file());
    }
    let names = bench
        .files()
        .into_keys()
        .map(|path| path.file_name().unwrap().to_owned());
    let mut names = names.map(|name| name.to_string_lossy().into_owned());
    assert!(names.all(|name| !name.ends_with("tmp")));
}

#[cfg(feature = "torch")]
#[test]
fn a_good_run_stays_whatever_is_wrong_with_the_next() {
    let bench = Bench::new();
    bench.ok(&format!("{TRAIN} --out run"));
    let before = bench.files();
    let again = format!("{TRAIN} --out run --overwrite");
    for (code, more, reason) in [
        (1, "--trainable zz", "--trainable zz names no layer"),
        (1, "--trainable fc,zz", "--trainable zz names no layer"),
        (2, "--lr 1e30", "at most 1000"),
        (2, "--balance 99999999999", "from 1 to 10000000"),
        (1, "--classes wart", "no class `wart`"),
        (1, "--init none.onnx --head-epochs 0", "none.onnx"),
        (
            1,
            "--init run/best.onnx --head-epochs 0",
            "would be overwritten",
        ),
        (1, "--split run/split.csv", "would be overwritten"),
        (1, "--validation 0.9", "leave something for training"),
    ] {
        let error = bench.error(code, &format!("{again} {more}"));
        assert!(error.contains(reason), "{more}: {error}");
        assert_eq!(bench.files(), before, "{more}");
    }
    let error = bench.error(1, &format!("{TRAIN} --out run"));
    assert!(error.contains("--overwrite"), "{error}");
    assert_eq!(bench.files(), before);
    // A folder with an empty log is no run.
    std::fs::create_dir(bench.path("died")).unwrap();
    std::fs::write(bench.path("died/log.jsonl"), "").unwrap();
    bench.ok(&format!("{TRAIN} --out died"));
    // One that goes well takes the old one's place, and what is not the run's stays.
    std::fs::write(bench.path("run/notes.txt"), "mine").unwrap();
    bench.ok(&format!("{again} --seed 9"));
    let after = contents(&bench.path("run"));
    let names: Vec<String> = after
        .keys()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "best.onnx",
            "latest.onnx",
            "log.jsonl",
            "notes.txt",
            "settings.json",
            "split.csv"
        ]
    );
    for (path, bytes) in after {
        assert!(before.get(&path) != Some(&bytes), "{}", path.display());
    }
    assert!(!bench.path("run/unfinished").exists());
}

#[cfg(feature = "torch")]
#[test]
fn a_record_is_not_written_into_the_script_that_is_measured() {
    let bench = Bench::new();
    std::fs::write(bench.path("baseline.py"), "print(1)\n").unwrap();
    let before = bench.files();
    let error = bench.error(
        1,
        "bench --device cpu --size 32 --baseline baseline.py --record baseline.py",
    );
    assert!(error.contains("--record"), "{error}");
    assert_eq!(bench.files(), before);
}
