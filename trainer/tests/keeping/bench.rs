//! A folder with what the tests need, and the binary that runs in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pellucid_shared::card::{Card, Class, Input};
use pellucid_shared::image::{Preprocessing, Rgb, RgbImage, encode_png};
use pellucid_shared::zoo::{Architecture, Blueprint, build};

/// A small training of one epoch, without its folder.
#[cfg(feature = "torch")]
pub(crate) const TRAIN: &str = "train --data phantom:30 --arch resnet-small --size 32 --epochs 1 --batch 8 --threads 1 --device cpu";

/// Models and images in a folder of their own.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// `small.onnx`, whose weights lie in `small.onnx.data`; its `card.json`, `labels.txt` and `plain.png`; `images`, a data set
    /// of the same classes, with `split.csv`.
    pub(crate) fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let class = |code: &str| Class {
            code: code.into(),
            name: String::new(),
        };
        let input = Input::plain(Preprocessing::square(32));
        let card = Card::new("small", ["a", "b"].map(class).to_vec(), input);
        let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 2, 32, 1)).unwrap();
        card.write_into(&mut model).unwrap();
        model
            .save_within(&bench.path("small.onnx"), 100_000)
            .unwrap();
        assert!(bench.path("small.onnx.data").exists());
        std::fs::write(bench.path("card.json"), card.to_json().unwrap()).unwrap();
        std::fs::write(bench.path("labels.txt"), "a\nb\n").unwrap();
        let mut split = "image_id,label,group,split\n".to_owned();
        for (code, shade) in [("a", 40), ("b", 200)] {
            std::fs::create_dir_all(bench.path("images").join(code)).unwrap();
            for number in 0..3_u8 {
                let picture =
                    RgbImage::from_fn(40, 40, |x, y| Rgb([shade, number + x as u8, y as u8]));
                let picture = encode_png(&picture).unwrap();
                std::fs::write(bench.path(&format!("images/{code}/{number}.png")), &picture)
                    .unwrap();
                std::fs::write(bench.path("plain.png"), picture).unwrap();
                split += &format!("{code}/{number}.png,{code},{code}{number},test\n");
            }
        }
        std::fs::write(bench.path("split.csv"), split).unwrap();
        bench
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.through(&[], arguments)
    }

    /// The binary, started by another program.
    pub(crate) fn through(&self, wrapper: &[&str], arguments: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_pellucid");
        let words = wrapper
            .iter()
            .copied()
            .chain([program])
            .chain(arguments.split_whitespace());
        let words: Vec<&str> = words.collect();
        let mut command = Command::new(words[0]);
        command
            .current_dir(self.folder())
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Standard output of a job that must go well.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let output = self.command(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said of a job that must fail with this exit code.
    pub(crate) fn error(&self, code: i32, arguments: &str) -> String {
        said(code, arguments, &self.command(arguments).output().unwrap())
    }

    /// Every file in the folder and below it, with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(self.folder())
    }
}

/// What a failed job said: one sentence, with exit code 1, and no answer.
pub(crate) fn said(code: i32, arguments: &str, output: &Output) -> String {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {error}");
    assert!(output.stdout.is_empty(), "{arguments} printed an answer");
    assert!(!error.contains("panicked"), "{arguments}: {error}");
    let errors = error.lines().filter(|line| line.starts_with("error: "));
    if code == 1 {
        assert_eq!(errors.count(), 1, "{arguments}: {error}");
    }
    error
}

/// Every ordinary file in a folder and below it.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                files.insert(path, bytes);
            }
        }
    }
    files
}

/// Begins a training into a folder and kills it once it could go on; the size in bytes of the file that it would go on from.
#[cfg(feature = "torch")]
pub(crate) fn begun(bench: &Bench, out: &str) -> u64 {
    let train = TRAIN.replace("--epochs 1 ", "--epochs 200 ");
    let mut child = bench
        .command(&format!("{train} --out {out}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let checkpoint = bench.path(out).join("checkpoint.safetensors");
    while !checkpoint.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::metadata(&checkpoint).unwrap().len()
}
