//! What a classifier is fed and what its numbers mean, in every engine and command: small networks whose scores and gradients
//! are known by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;

use ndarray::{Array4, ArrayD, IxDyn, arr2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use pellucid_shared::image::{Rgb, RgbImage, encode_png};
use pellucid_shared::onnx::{Dim, GraphBuilder};
use serde_json::Value;

const SIDE: usize = 8;
/// One colour, 0.2, 0.4 and 0.8 of 255.
const COLOUR: [f64; 3] = [0.2, 0.4, 0.8];
const WEIGHTS: [[f32; 3]; 3] = [[1.0, -2.0, 0.5], [0.0, 3.0, 4.0], [-1.0, 0.0, 2.0]];
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

#[cfg(feature = "torch")]
const ENGINES: [&str; 3] = ["tract", "ort", "torch"];
#[cfg(not(feature = "torch"))]
const ENGINES: [&str; 2] = ["tract", "ort"];

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let pixel = Rgb(COLOUR.map(|c| (c * 255.0).round() as u8));
        let picture = encode_png(&RgbImage::from_pixel(20, 20, pixel)).unwrap();
        std::fs::write(bench.path("plain.png"), picture).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Result<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_pellucid"))
            .current_dir(self.0.path())
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }

    fn json(&self, arguments: &str) -> Value {
        let answer = self.run(&format!("{arguments} --json"));
        serde_json::from_str(&answer.unwrap()).unwrap()
    }

    fn npy(&self, name: &str) -> ArrayD<f32> {
        ArrayD::read_npy(std::fs::File::open(self.path(name)).unwrap()).unwrap()
    }

    /// score k = Σ w[k, c] · mean of channel c over an input of that layout; `end` appends nodes to it.
    fn network(
        &self,
        name: &str,
        nhwc: bool,
        rows: &[[f32; 3]],
        end: impl FnOnce(&mut GraphBuilder, &str) -> String,
    ) {
        let mut graph = GraphBuilder::new("linear");
        let [n, c, s] = [Dim::Named("N".into()), Dim::Known(3), Dim::Known(SIDE)];
        let mut image = "image".to_owned();
        if nhwc {
            graph.input("image", &[n, s.clone(), s, c]);
            image = graph.node(
                "Transpose",
                "first",
                &["image"],
                [("perm", [0, 3, 1, 2].into())],
            );
        } else {
            graph.input("image", &[n, c, s.clone(), s]);
        }
        let pooled = graph.node("GlobalAveragePool", "pool", &[&image], []);
        let flat = graph.node("Flatten", "flat", &[&pooled], []);
        let values = rows.iter().flatten().copied().collect();
        let w = ArrayD::from_shape_vec(IxDyn(&[rows.len(), 3]), values).unwrap();
        let w = graph.floats("weights", &w);
        let raw = graph.node("Gemm", "raw", &[&flat, &w], [("transB", 1.into())]);
        let output = end(&mut graph, &raw);
        graph.output(&output, None);
        graph.finish().unwrap().save(&self.path(name)).unwrap();
    }
}

fn as_it_is(_: &mut GraphBuilder, scores: &str) -> String {
    scores.to_owned()
}

fn by_hand(fed: [f64; 3]) -> Vec<f64> {
    let row = |row: &[f32; 3]| row.iter().zip(fed).map(|(w, x)| f64::from(*w) * x).sum();
    WEIGHTS.iter().map(row).collect()
}

fn imagenet() -> [f64; 3] {
    [0, 1, 2].map(|c| (COLOUR[c] - MEAN[c]) / STD[c])
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let sum: f64 = scores.iter().map(|s| s.exp()).sum();
    scores.iter().map(|s| s.exp() / sum).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn column(answer: &Value, name: &str) -> Vec<f64> {
    let classes = answer["classes"].as_array().unwrap();
    classes
        .iter()
        .map(|class| class[name].as_f64().unwrap())
        .collect()
}

fn close(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{found:?} for {wanted:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(
            (found - wanted).abs() < 2e-5 * (1.0 + wanted.abs()),
            "{found} for {wanted}"
        );
    }
}

fn slope(grad: &ArrayD<f32>, at: [usize; 4], wanted: f32) {
    let found = grad[IxDyn(&at)];
    let wanted = wanted / (SIDE * SIDE) as f32;
    assert!((found - wanted).abs() < 1e-7, "{found} for {wanted}");
}

fn assumed(answer: &Value) -> Vec<&str> {
    let all = answer["assumed"].as_array().unwrap();
    all.iter()
        .map(|what| what["text"].as_str().unwrap())
        .collect()
}

#[test]
fn without_a_card_imagenets_normalization_is_assumed_and_said() {
    let bench = Bench::new();
    bench.network("linear.onnx", false, &WEIGHTS, as_it_is);
    for engine in ENGINES {
        let answer = bench.json(&format!("explain linear.onnx plain.png --engine {engine}"));
        close(&column(&answer, "logit"), &by_hand(imagenet()));
        assert!(
            assumed(&answer)
                .iter()
                .any(|text| text.contains("ImageNet's mean")),
            "{answer}"
        );
    }
    let text = bench.run("explain linear.onnx plain.png").unwrap();
    assert!(
        text.contains("assumed: Pixels are normalised with ImageNet's"),
        "{text}"
    );
    let signed = bench.json("explain linear.onnx plain.png --range -1..1");
    close(
        &column(&signed, "logit"),
        &by_hand(COLOUR.map(|c| 2.0 * c - 1.0)),
    );
    assert!(
        !assumed(&signed)
            .iter()
            .any(|text| text.contains("ImageNet"))
    );
    let bytes = bench.json("explain linear.onnx plain.png --range 0..255 --mean 100 --std 50");
    close(
        &column(&bytes, "logit"),
        &by_hand(COLOUR.map(|c| (255.0 * c - 100.0) / 50.0)),
    );
}

#[test]
fn a_softmax_at_the_end_is_not_taken_twice() {
    let bench = Bench::new();
    bench.network("softmax.onnx", false, &WEIGHTS, |graph, scores| {
        graph.node("Softmax", "probabilities", &[scores], [])
    });
    let logits = by_hand(COLOUR);
    for engine in ENGINES {
        let answer = bench.json(&format!("explain softmax.onnx plain.png --range 0..1 --engine {engine} --target 2 --raw grad.npy"));
        close(&column(&answer, "probability"), &softmax(&logits));
        slope(&bench.npy("grad.npy"), [0, 0, 1, 2], WEIGHTS[2][0]);
        let named = bench.json(&format!("explain softmax.onnx plain.png --range 0..1 --engine {engine} --output probabilities --target 2 --raw grad.npy"));
        let p = softmax(&logits);
        close(&column(&named, "probability"), &p);
        let wanted: f64 = (0..3)
            .map(|k| f64::from(WEIGHTS[k][0]) * p[2] * (f64::from(u8::from(k == 2)) - p[k]))
            .sum();
        slope(&bench.npy("grad.npy"), [0, 0, 1, 2], wanted as f32);
    }
    // The differentiated file holds the score's gradient and is used as it is.
    let text = bench
        .run("differentiate softmax.onnx -o grad.onnx")
        .unwrap();
    assert!(
        text.contains("differentiates `raw`") && text.contains("before the last Softmax"),
        "{text}"
    );
    assert_eq!(
        bench.json("inspect grad.onnx")["gradient"]["included"],
        true
    );
    let answer = bench.json("explain grad.onnx plain.png --range 0..1 --target 2 --raw grad.npy");
    close(&column(&answer, "probability"), &softmax(&logits));
    slope(&bench.npy("grad.npy"), [0, 0, 1, 2], WEIGHTS[2][0]);
}

#[test]
fn one_number_has_two_sides_in_every_engine() {
    let bench = Bench::new();
    bench.network("logit.onnx", false, &WEIGHTS[..1], as_it_is);
    bench.network("sigmoid.onnx", true, &WEIGHTS[..1], |graph, scores| {
        graph.node("Sigmoid", "probability", &[scores], [])
    });
    let z = by_hand(COLOUR)[0];
    for (model, red) in [("logit.onnx", [0, 0, 3, 4]), ("sigmoid.onnx", [0, 3, 4, 0])] {
        for engine in ENGINES {
            for (target, sign) in [(0, -1.0), (1, 1.0)] {
                let answer = bench.json(&format!("explain {model} plain.png --range 0..1 --engine {engine} --target {target} --raw grad.npy"));
                close(&column(&answer, "logit"), &[-z, z]);
                close(
                    &column(&answer, "probability"),
                    &[1.0 - sigmoid(z), sigmoid(z)],
                );
                slope(&bench.npy("grad.npy"), red, sign * WEIGHTS[0][0]);
            }
        }
        let inspected = bench.json(&format!("inspect {model}"));
        assert_eq!(inspected["gradient"]["possible"], true, "{inspected}");
    }
    let text = bench
        .run("explain logit.onnx plain.png --range 0..1 --scores values")
        .unwrap();
    assert!(text.starts_with("0") && !text.contains('%'), "{text}");
}

#[test]
fn channels_last_and_scores_of_any_shape_work_in_every_engine() {
    let bench = Bench::new();
    let shaped = |shape: &'static [i64]| {
        move |graph: &mut GraphBuilder, scores: &str| {
            let shape = graph.ints("shape", shape);
            graph.node("Reshape", "shaped", &[scores, &shape], [])
        }
    };
    bench.network("nhwc.onnx", true, &WEIGHTS, as_it_is);
    bench.network("maps.onnx", false, &WEIGHTS, shaped(&[-1, 3, 1, 1]));
    bench.network("flat.onnx", false, &WEIGHTS, shaped(&[3]));
    for (model, red) in [
        ("nhwc.onnx", [0, 5, 6, 0]),
        ("maps.onnx", [0, 0, 5, 6]),
        ("flat.onnx", [0, 0, 5, 6]),
    ] {
        for engine in ENGINES {
            let answer = bench.json(&format!(
                "explain {model} plain.png --range 0..1 --engine {engine} --target 0 --raw grad.npy"
            ));
            close(&column(&answer, "logit"), &by_hand(COLOUR));
            slope(&bench.npy("grad.npy"), red, WEIGHTS[0][0]);
        }
        assert_eq!(
            bench.json(&format!("inspect {model}"))["gradient"]["possible"],
            true
        );
        bench
            .run(&format!(
                "explain {model} plain.png --method smoothgrad --samples 5 --batch 2 -o map.png"
            ))
            .unwrap();
    }
    // A tensor is fed in the network's own layout.
    let tensor = Array4::from_shape_fn((1, SIDE, SIDE, 3), |(_, _, _, c)| [3.0_f32, -1.0, 0.5][c]);
    tensor
        .write_npy(std::fs::File::create(bench.path("input.npy")).unwrap())
        .unwrap();
    let answer = bench.json("explain nhwc.onnx input.npy");
    close(&column(&answer, "logit"), &by_hand([3.0, -1.0, 0.5]));
    // differentiate leaves the model's own layout alone.
    bench
        .run("differentiate nhwc.onnx -o nhwc-grad.onnx")
        .unwrap();
    let written = bench.json("inspect nhwc-grad.onnx");
    assert_eq!(written["outputs"][1]["shape"], "[N, 8, 8, 3]");
}

#[test]
fn a_score_at_the_baseline_that_is_no_number_is_said() {
    let bench = Bench::new();
    let mut graph = GraphBuilder::new("deviation");
    graph.input("image", &[1, 3, SIDE, SIDE].map(Dim::Known));
    let axes = || [("axes", [2, 3].into())];
    let mean = graph.node("ReduceMean", "mean", &["image"], axes());
    let centred = graph.node("Sub", "centred", &["image", &mean], []);
    let square = graph.node("Mul", "square", &[&centred, &centred], []);
    let variance = graph.node("ReduceMean", "variance", &[&square], axes());
    let deviation = graph.node("Sqrt", "deviation", &[&variance], []);
    let normal = graph.node("Div", "normal", &["image", &deviation], []);
    let pooled = graph.node("GlobalAveragePool", "pool", &[&normal], []);
    let flat = graph.node("Flatten", "flat", &[&pooled], []);
    let w = graph.floats("weights", &arr2(&WEIGHTS).into_dyn());
    let logits = graph.node("Gemm", "logits", &[&flat, &w], [("transB", 1.into())]);
    graph.output(&logits, None);
    graph
        .finish()
        .unwrap()
        .save(&bench.path("deviation.onnx"))
        .unwrap();
    let picture = RgbImage::from_fn(8, 8, |x, y| {
        Rgb([(x * 31) as u8, (y * 31) as u8, (x * y * 4) as u8])
    });
    std::fs::write(bench.path("picture.png"), encode_png(&picture).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pellucid"))
        .current_dir(bench.0.path())
        .args(
            "explain deviation.onnx picture.png --method integrated-gradients -o map.png"
                .split(' '),
        )
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("not a number") && !said.contains("--steps"),
        "{said}"
    );
}

#[test]
fn evaluate_feeds_the_same_and_counts_the_same_whatever_the_form() {
    let bench = Bench::new();
    for (class, shade) in [("a", [250, 10, 10]), ("b", [10, 200, 250])] {
        let folder = bench.path("images").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for index in 0..3_u8 {
            let pixel = Rgb(shade.map(|value: u8| value.saturating_add(index)));
            let picture = encode_png(&RgbImage::from_pixel(12, 12, pixel)).unwrap();
            std::fs::write(folder.join(format!("{index}.png")), picture).unwrap();
        }
    }
    let rows = [[-1.0, 1.0, 1.0]];
    bench.network("logit.onnx", false, &rows, as_it_is);
    bench.network("sigmoid.onnx", true, &rows, |graph, scores| {
        graph.node("Sigmoid", "p", &[scores], [])
    });
    bench.network(
        "softmax.onnx",
        false,
        &[[0.5, -0.5, -0.5], [-0.5, 0.5, 0.5]],
        |graph, scores| graph.node("Softmax", "p", &[scores], []),
    );
    let mut losses = vec![];
    for model in ["logit.onnx", "sigmoid.onnx", "softmax.onnx"] {
        let answer = bench.json(&format!(
            "evaluate {model} --data folder:images --classes a,b --range -1..1"
        ));
        assert_eq!(answer["clean"]["accuracy"], 1.0, "{answer}");
        losses.push(answer["clean"]["loss"].as_f64().unwrap());
        assert!(answer["assumed"].is_array());
    }
    // −ln σ(z) is the same as −ln softmax(−z/2, z/2).
    close(&losses[1..], &[losses[0]; 2]);
    // By hand: z = −(2r − 1) + (2g − 1) + (2b − 1).
    let loss: f64 = [([250.0, 10.0, 10.0], -1.0), ([10.0, 200.0, 250.0], 1.0)]
        .iter()
        .flat_map(|(shade, sign)| {
            (0..3).map(move |index| {
                let [r, g, b] =
                    shade.map(|v: f64| 2.0 * (v + f64::from(index)).min(255.0) / 255.0 - 1.0);
                -sigmoid(sign * (g + b - r)).ln()
            })
        })
        .sum();
    close(&losses[..1], &[loss / 6.0]);
}
