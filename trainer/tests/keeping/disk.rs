//! A full disk, and a limit on files.

use std::process::Output;

use super::bench::{Bench, said};

/// Commands with the one file that they write.
const COMMANDS: [(&str, &str); 4] = [
    ("explain small.onnx plain.png -o out/map.png", "out/map.png"),
    (
        "explain small.onnx plain.png --raw out/map.npy",
        "out/map.npy",
    ),
    (
        "report --model small.onnx --data folder:images -o out/sheet.png",
        "out/sheet.png",
    ),
    ("differentiate small.onnx -o out/grad.onnx", "out/grad.onnx"),
];

/// One sentence that names the file and what the system said; the old file as it was, and nothing else.
fn check(bench: &Bench, arguments: &str, file: &str, limit: u64, output: &Output, reason: &str) {
    let error = said(1, arguments, output);
    for part in [file, reason] {
        assert!(error.contains(part), "{arguments} with {limit}: {error}");
    }
    let left: Vec<String> = std::fs::read_dir(bench.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        left,
        [file.trim_start_matches("out/")],
        "{arguments} with {limit}"
    );
    assert_eq!(std::fs::read(bench.path(file)).unwrap(), b"old");
}

#[test]
fn a_file_that_may_not_grow_is_one_sentence_and_the_old_one_stays() {
    let bench = Bench::new();
    for (arguments, file) in COMMANDS {
        std::fs::create_dir(bench.path("out")).unwrap();
        bench.ok(arguments);
        let whole = std::fs::metadata(bench.path(file)).unwrap().len();
        std::fs::write(bench.path(file), "old").unwrap();
        for limit in [0, 1, whole / 2, whole - 1] {
            let limited = format!("--fsize={limit}");
            let output = bench
                .through(&["prlimit", &limited], arguments)
                .output()
                .unwrap();
            check(&bench, arguments, file, limit, &output, "File too large");
        }
        // As much as it takes is enough.
        let limited = format!("--fsize={whole}");
        let output = bench.through(&["prlimit", &limited], arguments).output();
        assert!(output.unwrap().status.success(), "{arguments}");
        std::fs::remove_dir_all(bench.path("out")).unwrap();
    }
}

/// Runs a command whose folder `out` is a disk of so many bytes; what it leaves there is copied to where it was.
fn on_a_small_disk(bench: &Bench, bytes: u64, arguments: &str) -> Output {
    // The disk goes with the process that mounted it, so what lies on it is copied from within.
    let script = format!(
        "cp -a out kept && mount -t tmpfs -o size={bytes} disk out && cp -a kept/. out || exit 77
        \"$0\" \"$@\"; code=$?; rm -rf kept && cp -a out kept; exit $code"
    );
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
    ];
    let output = bench.through(&wrapper, arguments).output().unwrap();
    assert!(
        output.status.code() != Some(77) && bench.path("kept").exists(),
        "this system gives nobody a disk of one's own (unshare, mount): run as root, or leave this test out"
    );
    std::fs::remove_dir_all(bench.path("out")).unwrap();
    std::fs::rename(bench.path("kept"), bench.path("out")).unwrap();
    output
}

/// What tmpfs counts in.
const PAGE: u64 = 4096;

#[test]
fn a_full_disk_is_one_sentence_and_the_old_file_stays() {
    let bench = Bench::new();
    for (arguments, file) in COMMANDS {
        std::fs::create_dir(bench.path("out")).unwrap();
        bench.ok(arguments);
        let pages = std::fs::metadata(bench.path(file))
            .unwrap()
            .len()
            .div_ceil(PAGE);
        std::fs::write(bench.path(file), "old").unwrap();
        // A page for the old file, and for the new one none, a half of it, and all but one.
        let mut sizes = vec![0, pages / 2, pages - 1];
        sizes.dedup();
        for free in sizes {
            let output = on_a_small_disk(&bench, (1 + free) * PAGE, arguments);
            check(
                &bench,
                arguments,
                file,
                free,
                &output,
                "No space left on device",
            );
        }
        let output = on_a_small_disk(&bench, (1 + pages) * PAGE, arguments);
        assert!(output.status.success(), "{arguments}: {output:?}");
        std::fs::remove_dir_all(bench.path("out")).unwrap();
    }
}

#[cfg(feature = "torch")]
mod training {
    use super::super::bench::{TRAIN, begun, contents};
    use super::*;

    fn names(bench: &Bench) -> String {
        let files = contents(&bench.path("out"));
        let names = files.keys().map(|path| {
            let inner = path.strip_prefix(bench.path("out")).unwrap();
            inner.display().to_string()
        });
        names.collect::<Vec<_>>().join(" ")
    }

    /// The disk fills while a checkpoint is written, while the best network is, and while the verified one is.
    #[test]
    fn a_full_disk_ends_a_training_with_what_it_has_reached() {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("out")).unwrap();
        bench.ok(&format!("{TRAIN} --out out/run"));
        let model = std::fs::metadata(bench.path("out/run/latest.onnx"))
            .unwrap()
            .len();
        std::fs::remove_dir_all(bench.path("out/run")).unwrap();
        let checkpoint = begun(&bench, "out/run");
        std::fs::remove_dir_all(bench.path("out/run")).unwrap();
        let small = "run/log.jsonl run/settings.json run/split.csv";
        let position = "run/checkpoint.safetensors";
        let latest = "the checkpoint out/run/latest.onnx cannot be written";
        let where_it_is = "the checkpoint out/run/checkpoint.safetensors cannot be written";
        for (bytes, expected, reason) in [
            (checkpoint / 2, small.to_owned(), where_it_is),
            (
                checkpoint + model / 2,
                format!("{position} {small}"),
                latest,
            ),
            (
                // What was measured is written beside what was not.
                checkpoint + 3 * model / 2,
                format!("{position} run/latest.onnx {small}"),
                latest,
            ),
            (
                // The next position beside the one before.
                checkpoint + 5 * model / 2,
                format!("{position} run/latest.onnx {small} run/unverified.onnx"),
                where_it_is,
            ),
        ] {
            // A page for each small file.
            let bytes = bytes + 4 * PAGE;
            let arguments = format!("{TRAIN} --out out/run");
            let output = on_a_small_disk(&bench, bytes, &arguments);
            let error = said(1, &arguments, &output);
            assert!(error.contains(reason), "{bytes}: {error}");
            assert!(error.contains("No space left on device"), "{error}");
            assert_eq!(names(&bench), expected);
            std::fs::remove_dir_all(bench.path("out/run")).unwrap();
        }
    }

    /// A good run stands there, and the next one finds no room, however little or much there is.
    #[test]
    fn a_good_run_stays_when_the_next_finds_no_room() {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("out")).unwrap();
        bench.ok(&format!("{TRAIN} --out out/run"));
        let good = bench.files();
        let model = std::fs::metadata(bench.path("out/run/best.onnx"))
            .unwrap()
            .len();
        let arguments = format!("{TRAIN} --seed 5 --out out/run --overwrite");
        for limit in [0, 1, 2000, model / 2, model * 9 / 10] {
            let limited = format!("--fsize={limit}");
            let output = bench
                .through(&["prlimit", &limited], &arguments)
                .output()
                .unwrap();
            let error = said(1, &arguments, &output);
            assert!(error.contains("File too large"), "{limit}: {error}");
            let after = bench.files();
            for (path, bytes) in &good {
                assert_eq!(after.get(path), Some(bytes), "{limit}: {}", path.display());
            }
            for path in after.keys().filter(|path| !good.contains_key(*path)) {
                let name = path.strip_prefix(bench.path("out/run/unfinished"));
                let small = ["log.jsonl", "settings.json", "split.csv"];
                assert!(
                    small.iter().any(|s| name == Ok(s.as_ref())),
                    "{limit}: {}",
                    path.display()
                );
            }
        }
    }
}
