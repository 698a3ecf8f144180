//! Ctrl-C, and what a batch system sends.

#[cfg(feature = "torch")]
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::time::Duration;

use super::bench::{Bench, said};
#[cfg(feature = "torch")]
use super::bench::{TRAIN, contents};
use pellucid_shared::card::Card;
use pellucid_shared::onnx::Model;

/// Signals with their exit codes.
const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];
/// Hours of masks.
const LONG: &str =
    "explain small.onnx plain.png --method rise --masks 1000000 -o map.png --raw map.npy";

/// Whether a process waits for SIGINT (signal 2) in a thread of its own.
fn waits_for_signals(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(blocked.unwrap().trim(), 16).unwrap() & 2 != 0
}

/// Starts a job and waits until signals are its own.
fn start(command: &mut Command) -> Child {
    let child = command.spawn().unwrap();
    while !waits_for_signals(child.id()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &id])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn long_jobs_end_with_the_signals_code_and_leave_nothing() {
    let bench = Bench::new();
    let mut model = Model::load(&bench.path("small.onnx")).unwrap();
    let mut card = Card::from_model(&model).unwrap().unwrap();
    for (class, code) in card.classes.iter_mut().zip(["nv", "mel"]) {
        class.code = code.into();
    }
    card.write_into(&mut model).unwrap();
    model.save(&bench.path("phantoms.onnx")).unwrap();
    let before = bench.files();
    for job in [
        LONG,
        "evaluate phantoms.onnx --data phantom:1000000",
        "report --model phantoms.onnx --data phantom:1000000 --count 1000000",
        "report --model phantoms.onnx --data phantom:1000000 --count 2000 --side 32 -o sheet.png",
    ] {
        for (signal, code) in SIGNALS {
            let child = start(&mut bench.command(job));
            send(&child, signal);
            let error = said(code, job, &child.wait_with_output().unwrap());
            assert!(
                error.ends_with("interrupted: nothing was written\n"),
                "{error}"
            );
            assert_eq!(bench.files(), before);
        }
    }
}

#[test]
fn half_a_data_set_does_not_stay() {
    let bench = Bench::new();
    let before = bench.files();
    for job in [
        "phantom drawn --count 1000000 --size 32",
        "pack --data phantom:1000000 --size 32 --out packed",
    ] {
        for (signal, code) in SIGNALS {
            let child = start(&mut bench.command(job));
            let folder = bench.path(
                job.split_whitespace()
                    .find(|w| w.starts_with("drawn") || w.starts_with("packed"))
                    .unwrap(),
            );
            // Some of it is there.
            while std::fs::read_dir(folder.join("HAM10000_images_part_1"))
                .map_or(0, Iterator::count)
                == 0
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            send(&child, signal);
            let error = said(code, job, &child.wait_with_output().unwrap());
            assert!(
                error.ends_with("interrupted: nothing is left behind\n"),
                "{error}"
            );
            assert_eq!(bench.files(), before);
            assert!(std::fs::read_dir(&folder).map_or(true, |mut left| left.next().is_none()));
        }
    }
}

/// As `nohup` starts it.
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let bench = Bench::new();
    let job = "explain small.onnx plain.png --method rise --masks 300 -o map.png";
    let script = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let child = start(&mut bench.through(&script, job));
    send(&child, "HUP");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(bench.path("map.png").exists());
}

/// Reads what a job says until a line holds this.
#[cfg(feature = "torch")]
fn listen(child: &mut Child, part: &str) {
    let mut said = String::new();
    let mut reader = BufReader::new(child.stderr.as_mut().unwrap());
    while !said.contains(part) {
        said.clear();
        assert!(
            reader.read_line(&mut said).unwrap() > 0,
            "it never said `{part}`"
        );
    }
}

/// What is left to be said, and the exit code.
#[cfg(feature = "torch")]
fn rest(mut child: Child) -> (String, Option<i32>) {
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let code = child.wait().unwrap().code();
    (said, code)
}

#[cfg(feature = "torch")]
#[test]
fn a_training_keeps_what_it_has_reached_and_goes_on_from_there() {
    let bench = Bench::new();
    for (signal, code) in SIGNALS {
        let out = format!("run-{signal}");
        let train = format!("{TRAIN} --epochs 100000 --out {out}").replace("--epochs 1 ", "");
        let mut child = start(&mut bench.command(&train));
        listen(&mut child, "epoch  2/100000");
        send(&child, signal);
        let (error, found) = rest(child);
        assert_eq!(found, Some(code), "{error}");
        let last = error.lines().last().unwrap();
        assert!(
            last.starts_with("interrupted ")
                && last.contains(&format!("{out}/latest.onnx"))
                && last.contains("--resume"),
            "{error}"
        );
        let names: Vec<String> = contents(&bench.path(&out))
            .keys()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        // The best so far is not verified, and does not stand under the name of one that is.
        assert_eq!(
            names,
            [
                "checkpoint.safetensors",
                "latest.onnx",
                "log.jsonl",
                "settings.json",
                "split.csv",
                "unverified.onnx"
            ]
        );
        bench.ok(&format!(
            "{TRAIN} --out on-{signal} --init {out}/latest.onnx --split {out}/split.csv"
        )
        .replace("--arch resnet-small --size 32 ", ""));
        assert!(bench.path(&format!("on-{signal}/best.onnx")).exists());
        assert!(!bench.path(&format!("on-{signal}/unverified.onnx")).exists());
    }
}

/// A step of hours.
#[cfg(feature = "torch")]
#[test]
fn a_second_signal_does_not_wait_for_the_step() {
    let bench = Bench::new();
    let train = format!("{TRAIN} --adversarial l2 --epsilon 1 --steps 10000 --ramp 0 --out run");
    for (signals, code) in [(["INT", "INT"], 130), (["TERM", "INT"], 143)] {
        let mut child = start(&mut bench.command(&train));
        listen(&mut child, "training 18");
        // The folder is made when the first step is about to be taken.
        while !bench.path("run").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        send(&child, signals[0]);
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        send(&child, signals[1]);
        let (error, found) = rest(child);
        assert_eq!(found, Some(code), "{error}");
        assert!(
            error.ends_with("interrupted: nothing was written\n"),
            "{error}"
        );
        assert!(contents(&bench.path("run")).is_empty());
        std::fs::remove_dir(bench.path("run")).unwrap();
    }
}

/// The epochs are over; ninety test images are attacked with twenty steps each, and three engines compared.
#[cfg(feature = "torch")]
#[test]
fn the_last_measuring_can_be_interrupted_and_is_told_as_not_verified() {
    let bench = Bench::new();
    let train = format!("{TRAIN} --epsilon 1 --out run").replace("phantom:30", "phantom:600");
    for (signal, code) in SIGNALS {
        let mut child = start(&mut bench.command(&train));
        listen(&mut child, "epoch  1/1");
        send(&child, signal);
        let (error, found) = rest(child);
        assert_eq!(found, Some(code), "{error}");
        assert!(
            error.contains("before the best network was verified"),
            "{error}"
        );
        assert!(error.contains("run/unverified.onnx") && error.contains("run/latest.onnx"));
        assert!(!bench.path("run/best.onnx").exists());
        let model = Model::load(&bench.path("run/unverified.onnx")).unwrap();
        let card = Card::from_model(&model).unwrap().unwrap();
        assert!(card.metrics.contains_key("validation.accuracy"));
        std::fs::remove_dir_all(bench.path("run")).unwrap();
    }
}
