//! The real binary: exit codes, what it says, and what it writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ndarray::{Array4, ArrayD, arr2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use pellucid_shared::card::{Card, Class, Input};
use pellucid_shared::image::{Preprocessing, Rgb, RgbImage, decode, encode_png};
use pellucid_shared::onnx::{Batch, Dim, GraphBuilder, Model, raise_opset, set_batch};
use pellucid_shared::render::{GREEN, RED};
use pellucid_shared::zoo::{Architecture, Blueprint, build};
use serde_json::Value;

const SIZE: usize = 32;
/// The linear classifier's weights: class by channel.
const WEIGHTS: [[f32; 3]; 3] = [[1.0, -2.0, 0.5], [0.0, 3.0, 4.0], [-1.0, 0.0, 2.0]];
/// One colour, 0.2, 0.4 and 0.8 of 255.
const COLOUR: [u8; 3] = [51, 102, 204];

/// A folder with models and images of every kind that the tests need.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let picture = encode_png(&RgbImage::from_pixel(50, 40, Rgb(COLOUR))).unwrap();
        std::fs::write(bench.path("plain.png"), &picture).unwrap();
        std::fs::write(bench.path("half.png"), &picture[..picture.len() / 2]).unwrap();
        let dot = encode_png(&RgbImage::new(1, 1)).unwrap();
        std::fs::write(bench.path("dot.png"), dot).unwrap();
        std::fs::write(bench.path("notes.txt"), "not a model, not an image").unwrap();
        linear(SIZE).save(&bench.path("linear.onnx")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pellucid"));
        command
            .current_dir(self.folder.path())
            .args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a job that must go well.
    fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// The one sentence of a job that must fail with this exit code.
    fn error(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {error}");
        assert!(output.stdout.is_empty(), "{arguments} printed an answer");
        assert!(
            !error.contains("panicked") && !error.contains("backtrace"),
            "{error}"
        );
        if code == 1 {
            let sentences = error.lines().filter(|l| !l.starts_with("note: ")).count();
            assert_eq!(sentences, 1, "{error}");
        }
        error
    }

    fn npy(&self, name: &str) -> ArrayD<f32> {
        ArrayD::read_npy(std::fs::File::open(self.path(name)).unwrap()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// logit k = Σ w[k, c] · the mean of channel c: value and gradient are known by hand.
fn linear(size: usize) -> Model {
    let mut graph = GraphBuilder::new("linear");
    let side = Dim::Known(size);
    graph.input(
        "image",
        &[Dim::Named("N".into()), Dim::Known(3), side.clone(), side],
    );
    let pooled = graph.node("GlobalAveragePool", "pool", &["image"], []);
    let flat = graph.node("Flatten", "flat", &[&pooled], []);
    let weights = graph.floats("weights", &arr2(&WEIGHTS).into_dyn());
    let logits = graph.node("Gemm", "logits", &[&flat, &weights], [("transB", 1.into())]);
    graph.output(&logits, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
    graph.finish().unwrap()
}

fn logits(answer: &Value) -> Vec<f64> {
    let classes = answer["classes"].as_array().unwrap();
    classes
        .iter()
        .map(|c| c["logit"].as_f64().unwrap())
        .collect()
}

fn by_hand(input: [f32; 3]) -> Vec<f64> {
    let row = |row: &[f32; 3]| row.iter().zip(input).map(|(w, x)| f64::from(w * x)).sum();
    WEIGHTS.iter().map(row).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        // Sums of a thousand float32 numbers.
        assert!(
            (a - b).abs() < 1e-5 * (1.0 + b.abs()),
            "{found:?} is not {expected:?}"
        );
    }
}

#[cfg(feature = "torch")]
const ENGINES: [&str; 3] = ["tract", "ort", "torch"];
#[cfg(not(feature = "torch"))]
const ENGINES: [&str; 2] = ["tract", "ort"];

#[test]
fn every_engine_gives_the_logits_and_the_gradient_that_are_known_by_hand() {
    let bench = Bench::new();
    for engine in ENGINES {
        let answer = bench.json(&format!(
            "explain linear.onnx plain.png --range 0..1 --engine {engine} --target 1 --raw grad.npy --json"
        ));
        assert_close(&logits(&answer), &by_hand([0.2, 0.4, 0.8]));
        assert_eq!(answer["predicted"], 1);
        let grad = bench.npy("grad.npy");
        assert_eq!(grad.shape(), [1, 3, SIZE, SIZE]);
        for (at, value) in grad.indexed_iter() {
            let exact = WEIGHTS[1][at[1]] / (SIZE * SIZE) as f32;
            assert!(
                (value - exact).abs() < 1e-9,
                "{engine}: {value} is not {exact}"
            );
        }
    }
}

#[test]
fn mean_and_std_are_applied_outside_the_graph_and_the_gradient_is_the_networks_own() {
    let bench = Bench::new();
    let answer = bench.json(
        "explain linear.onnx plain.png --size 32 --mean 0.1,0.5,0.4 --std 0.5,0.25,0.2 --target 0 --raw grad.npy --json",
    );
    assert_close(&logits(&answer), &by_hand([0.2, -0.4, 2.0]));
    // With respect to what the network is fed, not to the pixel: the std does not come in.
    let exact = WEIGHTS[0][0] / (SIZE * SIZE) as f32;
    assert!((bench.npy("grad.npy")[[0, 0, 5, 5]] - exact).abs() < 1e-9);
}

#[test]
fn a_tensor_is_fed_as_it_is() {
    let bench = Bench::new();
    let colours = [-3.0, 0.5, 7.0];
    let tensor = Array4::from_shape_fn((1, 3, SIZE, SIZE), |(_, c, _, _)| colours[c]);
    let file = std::fs::File::create(bench.path("input.npy")).unwrap();
    tensor.write_npy(file).unwrap();
    let answer = bench.json("explain linear.onnx input.npy --json -o map.png");
    assert_close(&logits(&answer), &by_hand(colours));
    let map = decode(&std::fs::read(bench.path("map.png")).unwrap()).unwrap();
    assert_eq!(map.dimensions(), (SIZE as u32, SIZE as u32));
}

#[test]
fn engines_agree_on_a_network_and_with_its_differentiated_file() {
    let bench = Bench::new();
    let network = build(&Blueprint::new(Architecture::ResnetSmall, 3, SIZE, 3)).unwrap();
    network.save(&bench.path("small.onnx")).unwrap();
    let image = RgbImage::from_fn(48, 48, |x, y| {
        Rgb([(x * 5) as u8, (y * 5) as u8, (x * y) as u8])
    });
    std::fs::write(bench.path("image.png"), encode_png(&image).unwrap()).unwrap();
    bench.ok("differentiate small.onnx -o small-grad.onnx");
    bench.ok("explain small-grad.onnx image.png --target 2 --raw file.npy");
    let file = bench.npy("file.npy");
    let norm = file.iter().map(|g| g * g).sum::<f32>().sqrt();
    assert!(norm > 0.0);
    for engine in ENGINES {
        bench.ok(&format!(
            "explain small.onnx image.png --target 2 --engine {engine} --raw {engine}.npy"
        ));
        let difference = &bench.npy(&format!("{engine}.npy")) - &file;
        let distance = difference.iter().map(|d| d * d).sum::<f32>().sqrt();
        // An engine that puts a pre-activation of 1e-7 on the other side of zero differs by more than rounding.
        assert!(distance < 1e-2 * norm, "{engine}: {}", distance / norm);
    }
}

#[test]
fn the_card_names_classes_and_size_and_the_text_shows_them() {
    let bench = Bench::new();
    let mut model = linear(64);
    let class = |code: &str, name: &str| Class {
        code: code.into(),
        name: name.into(),
    };
    let classes = vec![
        class("nv", "nevus"),
        class("mel", "melanoma"),
        class("bkl", ""),
    ];
    let card = Card::new("linear", classes, Input::plain(Preprocessing::square(64)));
    card.write_into(&mut model).unwrap();
    model.save(&bench.path("carded.onnx")).unwrap();

    let text = bench.ok("explain carded.onnx plain.png --target Nevus -o over.png");
    assert!(text.lines().next().unwrap().contains("melanoma"), "{text}");
    let explained = text.lines().find(|l| l.contains("explained")).unwrap();
    assert!(explained.contains("nevus"), "{text}");
    let over = decode(&std::fs::read(bench.path("over.png")).unwrap()).unwrap();
    assert_eq!(over.dimensions(), (64, 64));
    assert!(
        bench
            .error(1, "explain carded.onnx plain.png --target scc")
            .contains("there are nv, mel, bkl")
    );
    assert!(bench.ok("inspect carded.onnx").contains("melanoma"));

    // The same card from a file beside a model that has none.
    std::fs::write(bench.path("card.json"), card.to_json().unwrap()).unwrap();
    linear(64).save(&bench.path("bare.onnx")).unwrap();
    let answer = bench.json("explain bare.onnx plain.png --card card.json --target mel --json");
    assert_eq!(answer["attribution"]["target"], 1);
    assert_eq!(answer["classes"][2]["code"], "bkl");
}

/// Two images in HAM10000's layout: one that the linear classifier takes for its true class, `mel`, and one that it takes for
/// `mel`, too, but is `nv`. Both have the same mask, as a 1-bit PNG that Pillow 13.0.0 wrote:
/// `Image.new("1", (64, 48))` with a rectangle from column 40, row 8 to column 51, row 19, both included.
fn lesions(bench: &Bench) {
    const MASK: [u8; 79] = [
        137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 64, 0, 0, 0, 48, 1,
        0, 0, 0, 0, 137, 48, 65, 178, 0, 0, 0, 22, 73, 68, 65, 84, 120, 156, 99, 96, 160, 38, 248,
        255, 129, 129, 9, 198, 166, 29, 99, 36, 3, 0, 199, 168, 2, 6, 17, 172, 141, 191, 0, 0, 0,
        0, 73, 69, 78, 68, 174, 66, 96, 130,
    ];
    let folders = [
        "HAM10000_images_part_1",
        "HAM10000_segmentations_lesion_tschandl",
    ];
    let [images, masks] = folders.map(|name| bench.path("ham").join(name));
    std::fs::create_dir_all(&images).unwrap();
    std::fs::create_dir_all(&masks).unwrap();
    let mut table = "lesion_id,image_id,dx\n".to_owned();
    for (id, dx) in [("I1", "mel"), ("I2", "nv")] {
        let shade = if id == "I1" { COLOUR } else { [52, 103, 205] };
        let picture = encode_png(&RgbImage::from_pixel(64, 48, Rgb(shade))).unwrap();
        std::fs::write(images.join(format!("{id}.jpg")), picture).unwrap();
        std::fs::write(masks.join(format!("{id}_segmentation.png")), MASK).unwrap();
        table += &format!("L{id},{id},{dx}\n");
    }
    std::fs::write(bench.path("ham/HAM10000_metadata.csv"), table).unwrap();
    let classes = ["nv", "mel", "bkl"].map(|code| Class {
        code: code.into(),
        name: code.into(),
    });
    let input = Input::plain(Preprocessing::square(SIZE as u32));
    let mut model = linear(SIZE);
    let card = Card::new("linear", classes.to_vec(), input);
    card.write_into(&mut model).unwrap();
    model.save(&bench.path("lesions.onnx")).unwrap();
}

#[test]
fn report_draws_the_lesion_where_the_mask_file_has_it() {
    let bench = Bench::new();
    lesions(&bench);
    let text = bench
        .ok("report --model lesions.onnx --data ham10000:ham --maps-only --side 96 -o maps.png");
    assert!(text.contains("lesions.onnx: 1 of 2 right"), "{text}");
    let sheet = decode(&std::fs::read(bench.path("maps.png")).unwrap()).unwrap();
    // Two maps of 32 pixels three times as large, in frames of 3, with gaps of 6.
    assert_eq!(sheet.dimensions(), (3 * 6 + 2 * 102, 2 * 6 + 102));
    for (left, frame) in [(6, GREEN), (6 + 102 + 6, RED)] {
        assert_eq!(*sheet.get_pixel(left, 6), frame);
        let map = |x: u32, y: u32| *sheet.get_pixel(left + 3 + x, 9 + y);
        // Pillow's crop((8, 0, 56, 48)).resize((32, 32), NEAREST) of the mask: columns 21 to 28, rows 5 to 12; drawn thrice as
        // large.
        let outline = Rgb([90, 90, 90]);
        let grey: Vec<(u32, u32)> = (0..96 * 96)
            .map(|at| (at % 96, at / 96))
            .filter(|&(x, y)| map(x, y) == outline)
            .collect();
        let columns = (
            grey.iter().map(|p| p.0).min(),
            grey.iter().map(|p| p.0).max(),
        );
        let rows = (
            grey.iter().map(|p| p.1).min(),
            grey.iter().map(|p| p.1).max(),
        );
        assert_eq!(columns, (Some(63), Some(86)));
        assert_eq!(rows, (Some(15), Some(38)));
    }
}

/// The linear classifier's gradient is the same everywhere, and so its share inside is the lesion's share of the area.
#[test]
fn report_tells_how_much_of_the_attribution_is_inside() {
    let bench = Bench::new();
    lesions(&bench);
    let before = bench.files();
    let answer = bench.json("report --model lesions.onnx --data ham10000:ham --json");
    assert_eq!(bench.files(), before);
    let answer = &answer[0];
    assert_eq!(
        (&answer["images"], &answer["right"]),
        (&2.into(), &1.into())
    );
    let inside = &answer["inside"];
    assert_eq!(inside["images"], 2);
    // 8×8 of 32×32 pixels.
    assert_close(
        &[
            inside["attribution"].as_f64().unwrap(),
            inside["area"].as_f64().unwrap(),
        ],
        &[0.0625, 0.0625],
    );
    let phantoms = bench.json("report --model lesions.onnx --data phantom:6 --json");
    assert_eq!(phantoms[0]["inside"]["images"], 6);
}

#[test]
fn report_names_what_it_cannot_draw() {
    let bench = Bench::new();
    lesions(&bench);
    let mask = bench.path("ham/HAM10000_segmentations_lesion_tschandl/I1_segmentation.png");
    let report = "report --model lesions.onnx --data ham10000:ham -o maps.png";
    let before = bench.files();
    std::fs::write(&mask, &std::fs::read(&mask).unwrap()[..60]).unwrap();
    let error = bench.error(1, report);
    assert!(
        error.contains("I1_segmentation.png") && error.contains("ends early"),
        "{error}"
    );
    std::fs::write(&mask, encode_png(&RgbImage::new(48, 48)).unwrap()).unwrap();
    let error = bench.error(1, report);
    assert!(
        error.contains("48×48 pixels and its image 64×48"),
        "{error}"
    );
    for (arguments, part) in [
        (
            "report --model linear.onnx --data ham10000:ham",
            "linear.onnx does not name its classes",
        ),
        (
            "report --model lesions.onnx --data ham10000:nowhere",
            "no folder nowhere",
        ),
        (
            "report --model lesions.onnx --data ham10000:ham -o lesions.onnx",
            "overwritten",
        ),
    ] {
        let error = bench.error(1, arguments);
        assert!(error.contains(part), "{error}");
    }
    bench.error(
        2,
        "report --model lesions.onnx --data ham10000:ham --count 0",
    );
    assert_eq!(bench.files(), before);
}

#[test]
fn labels_must_be_as_many_as_the_logits() {
    let bench = Bench::new();
    std::fs::write(bench.path("three.txt"), "cat\ndog\nnewt\n").unwrap();
    std::fs::write(bench.path("two.txt"), "cat\ndog").unwrap();
    let answer = bench.json("explain linear.onnx plain.png --labels three.txt --target dog --json");
    assert_eq!(answer["classes"][1]["code"], "dog");
    let error = bench.error(1, "explain linear.onnx plain.png --labels two.txt");
    assert!(
        error.contains("2 classes are named, but the model distinguishes 3"),
        "{error}"
    );
}

const METHODS: [(&str, usize); 18] = [
    ("gradient", 3),
    ("gradient-absolute", 3),
    ("gradient-squared", 3),
    ("input-x-gradient", 3),
    ("smoothgrad --samples 3", 3),
    ("smoothgrad-squared --samples 3 --sigma 0.1", 3),
    ("vargrad --samples 3", 3),
    (
        "integrated-gradients --steps 4 --baseline black --baseline blur:3",
        3,
    ),
    ("expected-gradients --samples 3 --baseline uniform", 3),
    ("guided-backprop", 3),
    ("deconvolution", 3),
    ("grad-cam", 1),
    ("grad-cam-plus-plus", 1),
    ("layer-cam --features relu", 1),
    ("cam", 1),
    ("score-cam", 1),
    ("occlusion --window 16 --stride 16", 1),
    ("rise --masks 4 --cells 3", 1),
];

#[test]
fn every_method_writes_a_map_and_tells_its_facts() {
    let bench = Bench::new();
    let network = build(&Blueprint::new(Architecture::ResnetSmall, 3, SIZE, 3)).unwrap();
    network.save(&bench.path("small.onnx")).unwrap();
    for (method, channels) in METHODS {
        let answer = bench.json(&format!(
            "explain small.onnx plain.png --method {method} --target 1 --against 2 --raw raw.npy -o map.png --json"
        ));
        assert_eq!(
            bench.npy("raw.npy").shape(),
            [1, channels, SIZE, SIZE],
            "{method}"
        );
        let attribution = &answer["attribution"];
        let name = method.split(' ').next().unwrap();
        assert_eq!(attribution["method"], name);
        assert_eq!(
            (&attribution["target"], &attribution["against"]),
            (&1.into(), &2.into())
        );
        assert!(attribution["evaluations"].as_u64().unwrap() >= 1);
        let count = attribution["convergence"].as_array().map_or(0, Vec::len);
        assert_eq!(count, if name == "integrated-gradients" { 2 } else { 0 });
        assert_eq!(
            attribution["features"].is_object(),
            channels == 1 && !["occlusion", "rise"].contains(&name)
        );
    }
    // logits = W · mean, from black: the attributions add up to the logit, and occlusion finds it too.
    let answer = bench.json("explain linear.onnx plain.png --range 0..1 --method integrated-gradients --target 1 --raw raw.npy --json");
    let whole = by_hand([0.2, 0.4, 0.8])[1];
    assert!((f64::from(bench.npy("raw.npy").sum()) - whole).abs() < 1e-4);
    assert!(
        (answer["attribution"]["convergence"][0]["difference"]
            .as_f64()
            .unwrap()
            - whole)
            .abs()
            < 1e-5
    );
    bench.ok("explain linear.onnx plain.png --range 0..1 --method occlusion --window 8 --stride 8 --baseline black --target 1 --raw raw.npy");
    assert!((f64::from(bench.npy("raw.npy").sum()) / 64.0 - whole).abs() < 1e-4);
}

#[test]
fn options_that_a_method_does_not_read_are_wrong_usage() {
    let bench = Bench::new();
    for (arguments, part) in [
        ("--steps 3", "integrated-gradients"),
        ("--method smoothgrad --features relu", "grad-cam"),
        (
            "--method occlusion --baseline black --baseline white",
            "one --baseline",
        ),
    ] {
        let error = bench.error(2, &format!("explain linear.onnx plain.png {arguments}"));
        assert!(error.contains(part), "{error}");
    }
    let refused = bench.error(
        1,
        "explain linear.onnx plain.png --method grad-cam -o map.png",
    );
    assert!(refused.contains("no feature map"), "{refused}");
}

#[test]
fn inspect_tells_what_is_in_the_file() {
    let bench = Bench::new();
    let network = build(&Blueprint::new(Architecture::Resnet18, 3, 224, 0)).unwrap();
    network.save(&bench.path("resnet18.onnx")).unwrap();
    let answer = bench.json("inspect resnet18.onnx --json");
    assert_eq!(answer["opset"], 17);
    assert_eq!(answer["inputs"][0]["shape"], "[N, 3, 224, 224]");
    assert_eq!(answer["inputs"][0]["type"], "float");
    let count = |op: &str| {
        let operators = answer["operators"].as_array().unwrap();
        operators.iter().find(|o| o["name"] == op).unwrap()["count"].clone()
    };
    // He et al. (2016), table 1: 17 convolutions and three projections.
    assert_eq!(count("Conv"), 20);
    assert_eq!(count("Relu"), 17);
    assert_eq!(answer["gradient"]["possible"], true);
    assert_eq!(answer["card"], Value::Null);
    assert!(bench.ok("inspect resnet18.onnx").contains("can be derived"));
}

#[test]
fn differentiate_says_what_it_added_and_never_replaces_its_input() {
    let bench = Bench::new();
    let before = std::fs::read(bench.path("linear.onnx")).unwrap();
    let text = bench.ok("differentiate linear.onnx -o grad.onnx");
    assert!(text.contains("`cotangent` [N, 3]"), "{text}");
    assert!(text.contains("`grad` [N, 3, 32, 32]"), "{text}");
    assert_eq!(
        bench.json("inspect grad.onnx --json")["gradient"]["included"],
        true
    );
    for same in ["linear.onnx", "./linear.onnx"] {
        let error = bench.error(1, &format!("differentiate linear.onnx -o {same}"));
        assert!(error.contains("overwritten"), "{error}");
    }
    assert_eq!(std::fs::read(bench.path("linear.onnx")).unwrap(), before);
    let twice = bench.error(
        1,
        "differentiate grad.onnx -o more.onnx --input image --output logits",
    );
    assert!(twice.contains("differentiated already"), "{twice}");
}

#[test]
fn differentiate_sets_the_batch_and_raises_the_operator_set() {
    let bench = Bench::new();
    let eight = Batch::Fixed(NonZeroUsize::new(8).unwrap());
    let fixed = set_batch(linear(SIZE), eight).unwrap();
    fixed.save(&bench.path("eight.onnx")).unwrap();
    for (arguments, batch, opset) in [
        ("linear.onnx -o grad.onnx --batch 4 --opset 21", "4", 21),
        ("eight.onnx -o grad.onnx --opset 18", "8", 18),
        ("eight.onnx -o grad.onnx --batch dynamic", "N", 17),
        ("eight.onnx -o grad.onnx --batch 1", "1", 17),
    ] {
        let text = bench.ok(&format!("differentiate {arguments}"));
        assert!(
            text.contains(&format!("`cotangent` [{batch}, 3]")),
            "{text}"
        );
        assert!(
            text.contains(&format!("`grad` [{batch}, 3, 32, 32]")),
            "{text}"
        );
        assert_eq!(bench.json("inspect grad.onnx --json")["opset"], opset);
    }
    let newer = raise_opset(fixed, 21).unwrap();
    newer.save(&bench.path("newer.onnx")).unwrap();
    let error = bench.error(1, "differentiate newer.onnx -o grad.onnx --opset 20");
    assert!(error.contains("operator set 21 already"), "{error}");
}

#[test]
fn weights_in_a_second_file_are_read_and_never_replaced() {
    let bench = Bench::new();
    let network = build(&Blueprint::new(Architecture::ResnetSmall, 3, SIZE, 1)).unwrap();
    network.save(&bench.path("one.onnx")).unwrap();
    network
        .save_within(&bench.path("two.onnx"), 100_000)
        .unwrap();
    for name in ["one", "two"] {
        bench.ok(&format!("differentiate {name}.onnx -o {name}-grad.onnx"));
    }
    let derived = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert!(derived("one-grad.onnx") == derived("two-grad.onnx"));
    let size = |name: &str| bench.json(&format!("inspect {name} --json"))["bytes"].clone();
    assert!(size("two.onnx").as_u64() >= size("one.onnx").as_u64());

    let error = bench.error(1, "differentiate two.onnx -o two.onnx.data");
    assert!(error.contains("overwritten"), "{error}");
    std::fs::remove_file(bench.path("two.onnx.data")).unwrap();
    let error = bench.error(1, "explain two.onnx plain.png");
    for part in ["two.onnx: tensor `", "two.onnx.data", "copy it there too"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn bad_input_gets_one_sentence_and_leaves_nothing() {
    let bench = Bench::new();
    let odd = |name: &str, op: &str, second: bool| {
        let mut graph = GraphBuilder::new("odd");
        let shape = [1, 3, 8, 8].map(Dim::Known);
        graph.input("image", &shape);
        let mut x = graph.node(op, "strange_one", &["image"], []);
        if second {
            graph.input("other", &shape);
            x = graph.node("Add", "sum", &[&x, "other"], []);
        }
        let y = graph.node("Flatten", "y", &[&x], []);
        graph.output(&y, Some(&[1, 3 * 8 * 8].map(Dim::Known)));
        graph.finish().unwrap().save(&bench.path(name)).unwrap();
    };
    // An operator that there will never be a rule for.
    odd("strange.onnx", "NoSuchOperator", false);
    odd("two.onnx", "Relu", true);
    let before = bench.files();
    for (arguments, parts) in [
        (
            "explain notes.txt plain.png",
            &["notes.txt", "not an ONNX model", "export it again"][..],
        ),
        (
            "explain missing.onnx plain.png",
            &["missing.onnx", "No such file"],
        ),
        (
            "explain linear.onnx missing.png",
            &["missing.png", "No such file"],
        ),
        (
            "explain linear.onnx half.png -o map.png",
            &["half.png", "ends early"],
        ),
        (
            "explain linear.onnx dot.png -o map.png",
            &["dot.png", "1×1"],
        ),
        (
            "explain linear.onnx notes.txt",
            &["notes.txt", "not an image"],
        ),
        ("explain linear.onnx .", &["cannot read ."]),
        (
            "explain linear.onnx plain.png --target 7",
            &["class 7 of 3"],
        ),
        (
            "explain linear.onnx plain.png --size 48",
            &["32×32 pixels, not 48×48"],
        ),
        (
            "explain linear.onnx plain.png -o no/such/map.png",
            &["no/such/map.png"],
        ),
        (
            "explain linear.onnx plain.png -o plain.png",
            &["overwritten"],
        ),
        (
            "explain linear.onnx plain.png --card notes.txt",
            &["notes.txt", "docs/model-file.md"],
        ),
        (
            "explain two.onnx plain.png",
            &["two.onnx", "2 inputs (image, other)"],
        ),
        (
            "explain strange.onnx plain.png",
            &["NoSuchOperator", "strange_one"],
        ),
        (
            "differentiate strange.onnx -o out.onnx",
            &["strange.onnx", "NoSuchOperator", "strange_one"],
        ),
        (
            "differentiate two.onnx -o out.onnx",
            &["two.onnx", "image, other", "name one"],
        ),
        (
            "differentiate linear.onnx -o out.onnx --input nonsense",
            &["nonsense"],
        ),
        ("inspect notes.txt", &["notes.txt", "not an ONNX model"]),
        ("serve missing-folder", &["missing-folder is not a folder"]),
    ] {
        let error = bench.error(1, arguments);
        for part in parts {
            assert!(
                error.contains(part),
                "`{arguments}` lacks `{part}`: {error}"
            );
        }
    }
    assert_eq!(bench.files(), before);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let bench = Bench::new();
    for arguments in [
        "",
        "explane linear.onnx plain.png",
        "explain linear.onnx plain.png --opacity 2",
    ] {
        bench.error(2, arguments);
    }
    assert!(bench.ok("--version").starts_with("pellucid "));
    assert!(bench.ok("explain --help").contains("Examples:"));
}

/// Whether the binary can write into a pipe that nobody reads any more.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = bench
        .command("inspect linear.onnx")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && error.is_empty(), "{error}");
}

/// From a command line in one process to a page in another.
#[test]
fn serve_prints_its_address_and_stops_when_asked() {
    use std::io::{BufRead, BufReader, Read, Write};
    let bench = Bench::new();
    std::fs::write(bench.path("index.html"), "<title>hello</title>").unwrap();
    let mut child = bench
        .command("serve . --port 0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap();
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("<title>hello</title>") && answer.contains("default-src 'none'"),
        "{answer}"
    );

    let port = authority.rsplit(':').next().unwrap();
    let taken = bench.error(1, &format!("serve . --port {port}"));
    assert!(taken.contains("in use"), "{taken}");

    if cfg!(unix) {
        let id = child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(child.wait().unwrap().success());
    } else {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// GNU OpenMP itself says what it has read, each time that it is loaded.
#[cfg(all(feature = "torch", target_os = "linux"))]
#[test]
fn threads_of_libtorch_sleep_while_they_wait_unless_the_user_wants_otherwise() {
    let bench = Bench::new();
    let policies = |given: Option<&str>| -> Vec<String> {
        let mut command = bench.command("explain linear.onnx plain.png --engine torch");
        command
            .env_remove("OMP_WAIT_POLICY")
            .env("THP_MEM_ALLOC_ENABLE", "1")
            .env("OMP_DISPLAY_ENV", "true");
        command.envs(given.map(|policy| ("OMP_WAIT_POLICY", policy)));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let lines = said.lines().filter(|line| line.contains("OMP_WAIT_POLICY"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(
        policies(None).last().unwrap(),
        "OMP_WAIT_POLICY = 'PASSIVE'"
    );
    assert_eq!(policies(Some("active")), ["OMP_WAIT_POLICY = 'ACTIVE'"]);
}

/// A library that is not there is a sentence and no panic; so is one that is something else.
#[test]
fn a_missing_or_wrong_onnx_runtime_says_how_to_get_it() {
    let bench = Bench::new();
    let with = |variable: &Path| {
        let mut command = bench.command("explain linear.onnx plain.png --engine ort");
        // No cache folder of this user's either.
        command
            .env("ORT_DYLIB_PATH", variable)
            .env("XDG_CACHE_HOME", bench.path("empty"))
            .env("HOME", bench.path("empty"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = with(&bench.path("missing.so"));
    assert!(missing.contains("cargo xtask deps"), "{missing}");
    let wrong = with(&bench.path("notes.txt"));
    assert!(
        wrong.contains("cargo xtask deps") && !wrong.contains("panicked"),
        "{wrong}"
    );
}
