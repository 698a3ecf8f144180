//! Files that ask for too much, crash an engine, or carry control characters: the command line answers each in one short
//! sentence, or rightly. The files lie in `tests/hostile/cases`; each brought a fault to light.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use pellucid_shared::image::{Rgb, RgbImage, encode_png};
use pellucid_shared::onnx::Model;
use pellucid_shared::said::is_hidden;
use pellucid_trainer::engines::OrtEngine;
use serde_json::Value;

/// The longest answer, in bytes.
const LONGEST: usize = 700;

/// What the answer to a file has to be.
enum Right {
    /// A sentence with these words.
    Refused(&'static str),
    /// The scores of the model without what is odd about it.
    Scores([f64; 3]),
}
use Right::{Refused, Scores};

/// What ONNX Runtime answers in Python, with the picture normalised by hand; the models have the same weights.
const SOUND: [f64; 3] = [-2.114_75, -0.345_46, -2.012_91];

const FILES: &[(&str, Right)] = &[
    (
        "001-conv-pads-2147483647.onnx",
        Refused("node `conv1` (Conv)"),
    ),
    ("037-pool-pads-1099511627776.onnx", Refused("")),
    ("058-tile-1e5.onnx", Refused("node `mid` (Tile)")),
    ("060-pad-2e4.onnx", Refused("node `mid` (Pad)")),
    ("061-pad-neg.onnx", Refused("node `mid` (Pad)")),
    ("064-resize-1e3.onnx", Refused("node `mid` (Resize)")),
    ("071-range-huge.onnx", Refused("node `rg` (Range)")),
    (
        "072-constofshape-huge.onnx",
        Refused("node `rg` (ConstantOfShape)"),
    ),
    (
        "073-constofshape-4e8.onnx",
        Refused("node `rg` (ConstantOfShape)"),
    ),
    (
        "074-constofshape-neg.onnx",
        Refused("node `rg` (ConstantOfShape)"),
    ),
    ("077-einsum-nul.onnx", Refused("node `mid` (Einsum)")),
    ("086-convT-huge.onnx", Refused("node `mid` (ConvTranspose)")),
    ("170-ext-nul.onnx", Refused("w.bin\\u{0}")),
    ("201-loop-30-d6.onnx", Refused("node `mid` (Loop)")),
    ("216-const-concat-doubling-35.onnx", Refused("(Concat)")),
    ("card-std-1e-45.onnx", Refused("model card")),
    ("pool-pads.onnx", Refused("")),
    ("weights-3e38.onnx", Refused("number (NaN")),
    (
        "033-pool-strides-1099511627776.onnx",
        Scores([-1.035_61, -0.669_79, -1.737_17]),
    ),
    ("091-trilu-ort-segv.onnx", Scores(SOUND)),
    ("220-producer-escape.onnx", Scores(SOUND)),
    ("221-input-escape.onnx", Scores(SOUND)),
    ("function-named-relu.onnx", Scores(SOUND)),
    ("operator-set-imported-twice.onnx", Scores(SOUND)),
    // The odd operator multiplies with zeros: the biases are left.
    (
        "constantofshape-2x2-tract-f64.onnx",
        Scores([-0.078_14, -0.133_74, -0.097_56]),
    ),
];

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile/cases")
}

/// Output and exit code; whatever is printed is short and holds no control characters.
fn pellucid(folder: &Path, words: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .current_dir(folder)
        .args(words)
        .output()
        .unwrap();
    let code = output.status.code().expect("ends by itself");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    for text in [&out, &err] {
        assert!(!text.contains(|c| is_hidden(c) && c != '\n'), "{text:?}");
    }
    assert!(err.len() <= LONGEST, "{} bytes: {err}", err.len());
    match code {
        0 => (out, code),
        _ => (err, code),
    }
}

fn answered_rightly_by(engine: &str) {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(16, 16, |x, y| {
        Rgb([x, y, x + y].map(|v| u8::try_from(8 * v).unwrap()))
    });
    std::fs::write(folder.path().join("x.png"), encode_png(&picture).unwrap()).unwrap();
    for (file, right) in FILES {
        let path = cases().join(file);
        let path = path.to_str().unwrap();
        let words = [
            "explain", path, "x.png", "--size", "16", "--engine", engine, "--json", "-o", "map.png",
        ];
        let (said, code) = pellucid(folder.path(), &words);
        match right {
            Refused(words) => {
                assert_eq!(code, 1, "{file}: {said}");
                assert!(
                    said.starts_with("error: ") && said.lines().count() == 1,
                    "{file}: {said}"
                );
                // ONNX Runtime has the first word on what it does not load.
                assert!(said.contains(words) || engine == "ort", "{file}: {said}");
                assert!(!folder.path().join("map.png").exists(), "{file}");
            }
            Scores(right) => {
                assert_eq!(code, 0, "{file}: {said}");
                std::fs::remove_file(folder.path().join("map.png")).unwrap();
                let answer: Value = serde_json::from_str(&said).unwrap();
                for (class, right) in answer["classes"].as_array().unwrap().iter().zip(right) {
                    let score = class["score"].as_f64().unwrap();
                    assert!((score - right).abs() < 1e-3, "{file}: {answer}");
                }
            }
        }
    }
}

#[test]
fn tract_answers_every_file_rightly() {
    answered_rightly_by("tract");
}

#[test]
fn onnx_runtime_answers_every_file_rightly() {
    answered_rightly_by("ort");
}

/// What is written loads, and what cannot be written leaves nothing.
#[test]
fn every_file_is_inspected_and_differentiated_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("grad.onnx");
    let mut loaded = 0;
    for entry in std::fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "onnx") {
            continue;
        }
        let name = path.to_str().unwrap();
        pellucid(folder.path(), &["inspect", name]);
        pellucid(folder.path(), &["inspect", name, "--json"]);
        let (said, code) = pellucid(folder.path(), &["differentiate", name, "-o", "grad.onnx"]);
        assert_eq!(code == 0, written.exists(), "{name}: {said}");
        if code == 0 {
            let (source, result) = [&path, &written]
                .map(|path| Model::load(path).unwrap())
                .into();
            let loads = |model: &Model| OrtEngine::new(model, Some(1)).is_ok();
            assert!(!loads(&source) || loads(&result), "{name}");
            loaded += usize::from(loads(&result));
            std::fs::remove_file(&written).unwrap();
        }
    }
    assert!(loaded > 8, "only {loaded}");
}

/// An image of 16×16 pixels of which one is no number.
fn one_nan() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 16, 16), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for index in 0..3 * 16 * 16 {
        let value = if index == 100 { f32::NAN } else { 0.5 };
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

/// A header is no program: what numpy would not write is not read.
#[test]
fn hostile_arrays_are_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |header: &str| {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [
            b"\x93NUMPY\x01\x00",
            &length[..],
            header.as_bytes(),
            &[0; 64],
        ]
        .concat()
    };
    let nested = format!("{{'descr': {}", "(".repeat(60_000));
    let code = "__import__('os').system('true')";
    let arrays = [
        std::fs::read(cases().join("n-shape-0huge.npy")).unwrap(),
        one_nan(),
        file(&nested),
        file(code),
    ];
    let model = cases().join("220-producer-escape.onnx");
    for (index, bytes) in arrays.iter().enumerate() {
        std::fs::write(folder.path().join("x.npy"), bytes).unwrap();
        for engine in ["tract", "ort"] {
            let words = [
                "explain",
                model.to_str().unwrap(),
                "x.npy",
                "--engine",
                engine,
            ];
            let (said, code) = pellucid(folder.path(), &words);
            assert_eq!((code, said.lines().count()), (1, 1), "{index}: {said}");
        }
    }
}
