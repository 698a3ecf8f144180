//! A training that is killed at any moment, by a signal that nobody can catch.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use ndarray::Array4;
use pellucid_shared::card::Card;
use pellucid_shared::onnx::Model;
use pellucid_trainer::export;

use super::bench::{Bench, TRAIN, begun, contents};

/// How often is killed where `PELLUCID_KILLS` does not say it.
const KILLS: u32 = 5;

fn kills() -> u32 {
    std::env::var("PELLUCID_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

/// Numbers of chance in [0, 1), whose beginning is told where a test fails.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seed = now.unwrap().as_nanos() as u64;
        println!("the instants begin with {seed}");
        Self(seed)
    }

    /// Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Starts a job and sends it a signal after so long, if it is not over before.
fn signal_after(bench: &Bench, arguments: &str, signal: &str, span: Duration) {
    let mut job = bench.command(arguments);
    let mut child = job
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(span);
    if child.try_wait().unwrap().is_none() {
        let mut kill = std::process::Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        // It may have ended in between.
        let _ = kill.status().unwrap();
    }
    child.wait().unwrap();
}

/// Every engine gives the file's logits and gradients, and its card has what is measured before a file is verified.
fn assert_verified(path: &Path) {
    let model = Model::load(path).unwrap();
    let card = Card::from_model(&model).unwrap().unwrap();
    assert!(
        card.metrics.contains_key("test.accuracy"),
        "{:?}",
        card.metrics
    );
    let images = Array4::from_shape_fn((2, 3, 32, 32), |(n, c, y, x)| {
        ((n * 7 + c * 5 + y * 3 + x) % 11) as f32 / 11.0
    });
    export::compare(&model, &model, &images).unwrap();
}

/// Every network in a folder is whole; one that is called the best is verified.
fn assert_sound(folder: &Path) {
    for path in contents(folder).keys() {
        if path.extension().is_some_and(|ending| ending == "onnx") {
            Model::load(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if path.ends_with("best.onnx") {
                assert_verified(path);
            }
        }
    }
}

fn leftovers(folder: &Path) -> usize {
    let files = contents(folder);
    let temporary = |path: &&std::path::PathBuf| path.to_string_lossy().contains("tmp");
    // The folder of the tests itself may be called so.
    let inner = files
        .keys()
        .filter_map(|path| path.strip_prefix(folder).ok());
    let inner: Vec<_> = inner.map(Path::to_owned).collect();
    inner.iter().filter(temporary).count()
}

#[test]
fn whatever_a_killed_training_leaves_is_whole_and_goes_on() {
    let bench = Bench::new();
    let train = format!("{TRAIN} --epsilon 1 --out").replace("--epochs 1", "--epochs 3");
    let begun = Instant::now();
    bench.ok(&format!("{train} good"));
    let span = begun.elapsed();
    let good = contents(&bench.path("good"));
    let old = |name: &str| good.get(&bench.path("good").join(name)).cloned();
    let mut chance = Chance::new();
    let mut reached = 0;
    for round in 0..kills() {
        let run = bench.path("run");
        // Every other time into the folder of a good run.
        let over = round % 2 == 1;
        let mut arguments = format!("{train} run --seed 7");
        if over {
            let copied = std::process::Command::new("cp")
                .arg("-a")
                .args([bench.path("good"), run.clone()])
                .status();
            assert!(copied.unwrap().success());
            arguments += " --overwrite";
        }
        signal_after(&bench, &arguments, "-KILL", span.mul_f64(chance.next()));
        if run.exists() {
            assert_sound(&run);
        }
        let read = |name: &str| std::fs::read(run.join(name)).ok();
        if over {
            // The old run, or in its place the new one, and no split that belongs to the other.
            let replaced = read("best.onnx") != old("best.onnx");
            assert!(read("best.onnx").is_some());
            if let Some(split) = read("split.csv") {
                assert_eq!(Some(split) != old("split.csv"), replaced);
            }
        }
        // What was reached goes on.
        for latest in [
            "run/unfinished/latest.onnx",
            "run/latest.onnx",
            "run/unverified.onnx",
        ] {
            if bench.path(latest).exists() {
                reached += 1;
                let on = TRAIN.replace("--arch resnet-small --size 32 ", "");
                bench.ok(&format!("{on} --init {latest} --out on"));
                std::fs::remove_dir_all(bench.path("on")).unwrap();
                break;
            }
        }
        // The next run in the same folder.
        bench.ok(&format!("{TRAIN} --out run --overwrite"));
        assert_eq!(leftovers(bench.folder()), 0);
        let mut names: Vec<String> = std::fs::read_dir(&run)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "best.onnx",
                "latest.onnx",
                "log.jsonl",
                "settings.json",
                "split.csv"
            ]
        );
        assert_sound(&run);
        std::fs::remove_dir_all(&run).unwrap();
    }
    println!("{reached} of {} left weights to go on from", kills());
}

#[test]
fn whatever_a_killed_differentiation_leaves_is_whole() {
    let bench = Bench::new();
    let large = pellucid_shared::zoo::Blueprint::new(
        pellucid_shared::zoo::Architecture::Resnet18,
        3,
        64,
        0,
    );
    let large = pellucid_shared::zoo::build(&large).unwrap();
    large.save(&bench.path("large.onnx")).unwrap();
    let differentiate = "differentiate large.onnx -o grad.onnx";
    let begun = Instant::now();
    bench.ok(differentiate);
    let span = begun.elapsed();
    let whole = std::fs::read(bench.path("grad.onnx")).unwrap();
    let mut chance = Chance::new();
    for round in 0..kills() {
        let before = if round % 2 == 0 {
            b"old".to_vec()
        } else {
            whole.clone()
        };
        std::fs::write(bench.path("grad.onnx"), &before).unwrap();
        signal_after(&bench, differentiate, "-KILL", span.mul_f64(chance.next()));
        let after = std::fs::read(bench.path("grad.onnx")).unwrap();
        assert!(after == before || after == whole);
        // The next command that writes there removes what is left.
        bench.ok("explain small.onnx plain.png -o map.png");
        assert_eq!(leftovers(bench.folder()), 0);
    }
}

/// Killed and stopped at any instants, a training that goes on ends with the files, to the bit, of one that nobody disturbed.
#[test]
fn a_training_that_goes_on_ends_as_if_nothing_had_happened() {
    let bench = Bench::new();
    let train = format!(
        "{TRAIN} --adversarial l2 --epsilon 1 --average 0.9 --head-epochs 1 --head-batch 8 --mixup 0.5 --out"
    )
    .replace("--epochs 1 ", "--epochs 3 ");
    let begun = Instant::now();
    bench.ok(&format!("{train} straight"));
    let span = begun.elapsed();
    let mut chance = Chance::new();
    let mut resumed = 0;
    for round in 0..kills() {
        let run = bench.path("run");
        for interruption in 0.. {
            let mut arguments = format!("{train} run");
            if run.join("checkpoint.safetensors").exists() {
                arguments += " --resume";
                resumed += 1;
            } else if run.join("best.onnx").exists() {
                break;
            }
            if interruption == 4 {
                bench.ok(&arguments);
                break;
            }
            let signal = if (round + interruption) % 2 == 0 {
                "-KILL"
            } else {
                "-TERM"
            };
            signal_after(&bench, &arguments, signal, span.mul_f64(chance.next()));
        }
        for file in ["best.onnx", "latest.onnx", "split.csv"] {
            let same = std::fs::read(run.join(file)).unwrap()
                == std::fs::read(bench.path("straight").join(file)).unwrap();
            assert!(same, "{file} differs");
        }
        let lines = |folder: &str| {
            let log = std::fs::read_to_string(bench.path(folder).join("log.jsonl")).unwrap();
            log.lines().count()
        };
        assert_eq!(lines("run"), lines("straight"));
        assert!(!run.join("checkpoint.safetensors").exists());
        std::fs::remove_dir_all(&run).unwrap();
    }
    println!("{resumed} interruptions left a checkpoint to go on from");
}

#[test]
fn what_cannot_go_on_is_told_why() {
    let bench = Bench::new();
    let train = TRAIN.replace("--epochs 1 ", "--epochs 200 ");
    let refused = |arguments: &str, reason: &str| {
        let told = bench.error(1, arguments);
        assert!(told.contains(reason), "{told}");
    };
    refused(
        &format!("{train} --out run --resume"),
        "no training was interrupted there",
    );
    let run = bench.path("run");
    begun(&bench, "run");
    refused(&format!("{train} --out run"), "holds a run already");
    refused(
        &format!("{train} --out run --resume --lr 0.1"),
        "begun otherwise",
    );
    let split = std::fs::read_to_string(run.join("split.csv")).unwrap();
    let other = train.replace("phantom:30", "phantom:60");
    refused(&format!("{other} --out run --resume"), "");
    assert_eq!(
        std::fs::read_to_string(run.join("split.csv")).unwrap(),
        split
    );
    let checkpoint = run.join("checkpoint.safetensors");
    let whole = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    refused(
        &format!("{train} --out run --resume"),
        "not a checkpoint of a training",
    );
}
