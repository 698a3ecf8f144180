//! `pellucid evaluate` on networks that were trained by PyTorch against attacks, with what published attacks found on the same weights and images.
//!
//! `gratings.png` holds a hundred images of 16×16 pixels, stripes in one of five directions under noise, from left to right and from top to bottom, of the classes 0 to 4 in
//! turn. `five.onnx` tells them apart, `three.onnx` those of the first three classes: two convolutions and a linear layer each, RGB in [0, 1]. `published.json` says which
//! images withstood (1), by network, ball, radius and attack: torchattacks 3.5.1 with torch 2.11.0, seed 0: `AutoAttack(version="standard")` and each of its attacks alone with
//! its settings (100 steps, 5000 queries), and `PGD` or `PGDL2` with 50 steps of 2.5 ε / 50. With three classes its `AutoAttack` and `APGDT` end with an `IndexError`, and are left out.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod engines;
mod options;
mod published;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

use pellucid_shared::image::{RgbImage, decode, encode_png};
use serde_json::Value;

const SIDE: u32 = 16;

struct Bench(tempfile::TempDir);

impl Bench {
    /// A folder with both networks and their images.
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        std::fs::write(bench.path("five.onnx"), include_bytes!("five.onnx")).unwrap();
        std::fs::write(bench.path("three.onnx"), include_bytes!("three.onnx")).unwrap();
        let sheet = decode(include_bytes!("gratings.png")).unwrap();
        for index in 0..100_u32 {
            let (left, top) = (index % 10 * SIDE, index / 10 * SIDE);
            let image = RgbImage::from_fn(SIDE, SIDE, |x, y| *sheet.get_pixel(left + x, top + y));
            for classes in [3, 5] {
                let class = index % 5;
                if class < classes {
                    let folder = bench.path(&format!("{}/c{class}", images(classes)));
                    std::fs::create_dir_all(&folder).unwrap();
                    let file = folder.join(format!("{index:03}.png"));
                    std::fs::write(file, encode_png(&image).unwrap()).unwrap();
                }
            }
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn output(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pellucid"))
            .current_dir(self.0.path())
            .args(arguments.split_whitespace())
            .output()
            .unwrap()
    }

    /// Standard output of a job that must go well.
    fn ok(&self, arguments: &str) -> String {
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).unwrap()
    }

    /// The rows of a table by the images' numbers.
    fn table(&self, name: &str) -> BTreeMap<u32, BTreeMap<String, String>> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        let mut rows = text.lines().map(|line| line.split(',').map(str::to_owned));
        let head: Vec<String> = rows.next().unwrap().collect();
        rows.map(|row| {
            let row: BTreeMap<String, String> = head.iter().cloned().zip(row).collect();
            let file = row["file"].rsplit('/').next().unwrap();
            (file.trim_end_matches(".png").parse().unwrap(), row)
        })
        .collect()
    }
}

fn images(classes: u32) -> &'static str {
    if classes == 3 {
        "three-images"
    } else {
        "five-images"
    }
}

/// What measures a network of so many classes.
fn evaluate(classes: u32) -> String {
    let network = if classes == 3 { "three" } else { "five" };
    let codes: Vec<String> = (0..classes).map(|class| format!("c{class}")).collect();
    format!(
        "evaluate {network}.onnx --data folder:{} --classes {} --size 16 --range 0..1 --scores softmax",
        images(classes),
        codes.join(",")
    )
}
