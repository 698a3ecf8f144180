//! Graphs as they come: files that ONNX Runtime runs and that are not as the specification or another engine wants them
//! (`graphs/`). Every engine gives the values that ONNX Runtime gives for the file itself, and the gradient that finite
//! differences give; broken networks give no answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use ndarray::{Array4, ArrayD, IxDyn};
use pellucid_shared::attribution::{Job, Map, Method, PixelSpace, Target};
use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, ReluRule, activations, differentiate};
use pellucid_shared::engine::{Engine, TractTape};
use pellucid_shared::onnx::{Model, raise_opset, single_precision};
use pellucid_tests::{explaining, finite_differences, relative_distance, uniform};
use pellucid_trainer::engines::{EngineKind, OrtEngine, open};

const GRAPH_ENGINES: [EngineKind; 2] = [EngineKind::Ort, EngineKind::Tract];
const ENGINES: [EngineKind; 3] = [EngineKind::Ort, EngineKind::Tract, EngineKind::Torch];
/// Float32 rounding through a few small layers, relative.
const ROUNDING: f64 = 2e-5;

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("graphs");
    folder.join(format!("{name}.onnx"))
}

fn read(name: &str) -> Model {
    Model::load(&file(name)).unwrap()
}

fn image(side: usize) -> ArrayD<f32> {
    uniform(&[1, 3, side, side], 0.0, 1.0, 5)
}

fn cotangent(classes: usize) -> ArrayD<f32> {
    uniform(&[1, classes], -1.0, 1.0, 6)
}

/// The values that ONNX Runtime gives for the file, which nothing of ours has touched.
fn as_the_file_says(name: &str, image: &ArrayD<f32>) -> ArrayD<f32> {
    let mut engine = OrtEngine::from_file(&file(name), None).unwrap();
    let outputs = engine.run(&[("image", image.view())]).unwrap();
    outputs["logits"].clone()
}

fn distance(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f64 {
    relative_distance(&a.mapv(f64::from), &b.mapv(f64::from))
}

/// Values and gradient of the differentiated file in an engine.
fn answer(kind: EngineKind, model: &Model, image: &ArrayD<f32>) -> (ArrayD<f32>, ArrayD<f32>) {
    let graph = differentiate(model.clone(), &Options::default()).unwrap();
    // What is written is what is run.
    let graph = Model::parse(&graph.to_bytes()).unwrap();
    let classes = image_classes(model);
    let direction = cotangent(classes);
    let feeds = [("image", image.view()), (COTANGENT, direction.view())];
    let mut outputs = open(kind, &graph).unwrap().run(&feeds).unwrap();
    (
        outputs.remove("logits").unwrap(),
        outputs.remove(GRAD).unwrap(),
    )
}

fn image_classes(model: &Model) -> usize {
    let shapes = pellucid_shared::onnx::infer_shapes(model).unwrap();
    shapes.get("logits").unwrap()[1].known().unwrap()
}

/// Files that are right once they are read; the side of their image.
const READ: &[(&str, usize)] = &[
    ("nodes-unsorted", 16),
    ("node-named-like-initializer", 16),
    ("nameless-softmax-opset12", 16),
    ("stale-value-info", 16),
    ("operator-set-imported-twice", 16),
    ("function-named-relu", 16),
    ("constantofshape-2x2-tract-f64", 16),
    ("resize-then-average", 16),
    ("reflect-pad-then-average", 16),
    ("relu6-as-clip", 16),
    ("slopes-of-1e-25", 16),
];

#[test]
fn values_are_those_of_the_file_in_onnx_runtime() {
    for &(name, side) in READ {
        let image = image(side);
        let expected = as_the_file_says(name, &image);
        for kind in GRAPH_ENGINES {
            let (found, _) = answer(kind, &read(name), &image);
            let distance = distance(&found, &expected);
            assert!(distance < ROUNDING, "{name}, {kind:?}: {distance:e}");
        }
    }
}

/// Differences of the file's own values in ONNX Runtime would drown in rounding; libtorch computes the same graph in float64.
#[test]
fn gradients_are_those_of_finite_differences() {
    for &(name, side) in READ {
        let (model, image) = (read(name), image(side));
        let raised = raise_opset(model.clone(), 17).unwrap();
        let direction = cotangent(image_classes(&model));
        let slopes = match finite_differences(&raised, &image, &direction) {
            Ok(slopes) => slopes,
            // Operators that libtorch does not execute here: the engines are compared with each other below.
            Err(error) => {
                let text = format!("{error:#}");
                assert!(
                    text.contains("cannot execute these operators"),
                    "{name}: {text}"
                );
                continue;
            }
        };
        for kind in GRAPH_ENGINES {
            let (_, grad) = answer(kind, &model, &image);
            let distance = relative_distance(&grad.mapv(f64::from), &slopes);
            assert!(distance < ROUNDING, "{name}, {kind:?}: {distance:e}");
        }
    }
}

#[test]
fn both_engines_give_the_same_gradient() {
    for &(name, side) in READ {
        let (model, image) = (read(name), image(side));
        let [(_, ort), (_, tract)] = GRAPH_ENGINES.map(|kind| answer(kind, &model, &image));
        assert!(
            distance(&ort, &tract) < ROUNDING,
            "{name}: {:e}",
            distance(&ort, &tract)
        );
    }
}

/// Below operator set 19 ONNX Runtime counts such windows otherwise than the specification: the file is raised.
#[test]
fn an_average_over_the_border_means_the_same_in_every_engine() {
    let (model, image) = (read("average-pool-ceil-opset11"), image(9));
    assert_eq!(model.opset(), 19);
    let [(ort, ort_grad), (tract, tract_grad)] =
        GRAPH_ENGINES.map(|kind| answer(kind, &model, &image));
    assert!(distance(&ort, &tract) < ROUNDING);
    assert!(distance(&ort_grad, &tract_grad) < ROUNDING);
    // The map is linear: the gradient times the image is the score.
    let score: f64 = (&ort * &cotangent(2)).iter().map(|&v| f64::from(v)).sum();
    let product: f64 = (&ort_grad * &image).iter().map(|&v| f64::from(v)).sum();
    assert!(
        (score - product).abs() < 1e-4 * score.abs(),
        "{score} {product}"
    );
}

/// Half precision rounds to 11 bits: the widened file and ONNX Runtime's own half agree as far as that.
#[test]
fn half_precision_inside_has_values_and_a_gradient_in_every_engine() {
    const HALF: f64 = 4e-3;
    let (model, image) = (read("float16-inside"), image(16));
    let expected = as_the_file_says("float16-inside", &image);
    let wide = single_precision(model.clone()).unwrap();
    let slopes = finite_differences(&wide, &image, &cotangent(3)).unwrap();
    for kind in GRAPH_ENGINES {
        let (logits, grad) = answer(kind, &model, &image);
        assert!(
            distance(&logits, &expected) < HALF,
            "{kind:?}: {:e}",
            distance(&logits, &expected)
        );
        let off = relative_distance(&grad.mapv(f64::from), &slopes);
        assert!(off < 10.0 * HALF, "{kind:?}: {off:e}");
    }
    let values = explaining(EngineKind::Torch, model)
        .unwrap()
        .logits(four(&image).view());
    let logits = ArrayD::from_shape_vec(IxDyn(&[1, 3]), values.unwrap()).unwrap();
    assert!(distance(&logits, &expected) < HALF);
}

fn four(image: &ArrayD<f32>) -> Array4<f32> {
    image.clone().into_dimensionality().unwrap()
}

#[test]
fn a_network_without_numbers_gives_no_answer_in_any_engine() {
    let image = four(&image(16));
    for kind in ENGINES {
        let broken = explaining(kind, read("weights-all-nan"))
            .and_then(|mut explainer| Ok(explainer.logits(image.view())?));
        let error = format!("{:#}", broken.unwrap_err());
        assert!(
            error.contains("`w1`") && error.contains("162"),
            "{kind:?}: {error}"
        );

        let beyond = explaining(kind, read("weights-3e38"))
            .unwrap()
            .logits(image.view());
        let error = beyond.unwrap_err().to_string();
        assert!(error.contains("number (NaN"), "{kind:?}: {error}");

        let mut pixels = image.clone();
        pixels[[0, 1, 3, 3]] = f32::NAN;
        let mut sound = explaining(kind, read("nodes-unsorted")).unwrap();
        let error = sound.logits(pixels.view()).unwrap_err().to_string();
        assert!(error.contains("NaN or infinite"), "{kind:?}: {error}");
    }
    let tape = TractTape::new(
        read("weights-3e38"),
        ("image", &[1, 3, 16, 16]),
        ("logits", &[1, 3]),
        (COTANGENT, GRAD),
    );
    assert!(tape.unwrap().forward(image.view().into_dyn()).is_err());
}

/// With a clip at 6 that no unit reaches, the rules must give what they give for a plain Relu.
#[test]
fn the_rules_for_relu_take_relu6_and_the_maximum_with_zero_for_one() {
    let clipped = read("relu6-as-clip");
    let with = |op: &str, bound: bool| {
        let mut proto = clipped.clone().into_proto();
        let nodes = &mut proto.graph.as_mut().unwrap().node;
        for node in nodes.iter_mut().filter(|node| node.op_type == "Clip") {
            node.op_type = op.into();
            node.input.truncate(if bound { 2 } else { 1 });
        }
        Model::from_proto(proto).unwrap()
    };
    let image = four(&image(16));
    let map = |model: &Model, method: &Method| {
        let mut explainer = explaining(EngineKind::Ort, model.clone()).unwrap();
        let (target, space, job) = (Target::class(1), PixelSpace::default(), Job::default());
        explainer
            .explain(method, image.view(), target, space, job)
            .unwrap()
    };
    for method in [Method::GuidedBackprop, Method::Deconvolution] {
        let expected = map(&with("Relu", false), &method);
        assert_eq!(expected.activations, Some(2));
        for other in [&clipped, &with("Max", true)] {
            let found = map(other, &method);
            assert_eq!(found.activations, Some(2));
            assert_eq!(found.map, expected.map);
        }
        assert_ne!(map(&clipped, &Method::Gradient).map, expected.map);
    }
    let options = Options {
        relu: ReluRule::Guided,
        ..Options::default()
    };
    let graph = differentiate(clipped.clone(), &options).unwrap();
    assert_eq!(activations(&graph), Some(2));
    let error = differentiate(with("Sigmoid", false), &options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("guided back-propagation") && error.contains("2 × Sigmoid"),
        "{error}"
    );
}

#[test]
fn squares_of_tiny_slopes_are_a_map_with_a_factor() {
    let image = four(&image(16));
    for kind in ENGINES {
        let mut explainer = explaining(kind, read("slopes-of-1e-25")).unwrap();
        let mut map = |method: &Method| {
            let (target, space, job) = (Target::class(0), PixelSpace::default(), Job::default());
            explainer
                .explain(method, image.view(), target, space, job)
                .unwrap()
        };
        let (plain, squared) = (map(&Method::Gradient), map(&Method::GradientSquared));
        let (Map::Channels(plain), Map::Channels(squares)) = (plain.map, squared.map) else {
            panic!("both are per channel");
        };
        assert!(squared.factor < 1e-40);
        for (&slope, &square) in plain.iter().zip(&squares) {
            let exact = f64::from(slope).powi(2);
            let found = f64::from(square) * squared.factor;
            assert!((found - exact).abs() <= 1e-6 * exact, "{found:e} {exact:e}");
        }
    }
}

/// The same network with float16 for its image and its logits too.
fn half_throughout() -> Model {
    use pellucid_shared::onnx::pb::{tensor_proto::DataType, type_proto::Value};
    let mut proto = read("float16-inside").into_proto();
    let graph = proto.graph.as_mut().unwrap();
    graph.node.retain(|node| node.op_type != "Cast");
    graph.node[0].input[0] = "image".into();
    graph.node.last_mut().unwrap().output[0] = "logits".into();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        let Some(Value::TensorType(tensor)) = kind else {
            panic!("a tensor");
        };
        tensor.elem_type = DataType::Float16 as i32;
    }
    Model::from_proto(proto).unwrap()
}

#[test]
fn half_precision_throughout_is_the_same_network() {
    const HALF: f64 = 4e-3;
    let (model, image) = (half_throughout(), image(16));
    let expected = as_the_file_says("float16-inside", &image);
    let wide = single_precision(model.clone()).unwrap();
    let slopes = finite_differences(&wide, &image, &cotangent(3)).unwrap();
    for kind in GRAPH_ENGINES {
        let (logits, grad) = answer(kind, &model, &image);
        assert!(distance(&logits, &expected) < HALF, "{kind:?}");
        let off = relative_distance(&grad.mapv(f64::from), &slopes);
        assert!(off < HALF, "{kind:?}: {off:e}");
    }
    // The file stays one of half precision: its gradient has the type of its image.
    let graph = differentiate(model, &Options::default()).unwrap();
    let kinds: Vec<_> = graph
        .outputs()
        .iter()
        .chain(graph.inputs())
        .cloned()
        .collect();
    assert_eq!(kinds.len(), 4);
    assert!(!pellucid_shared::onnx::speaks_single_precision(&graph));
}
