//! Graphs as they come that are short enough to be built here: pads that only the run tells, maps with channels last, rounding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ndarray::{Array4, ArrayD, arr1};
use pellucid_shared::attribution::{
    FeatureMap, Job, Method, PixelSpace, ScoreCam, Target, Weighting,
};
use pellucid_shared::autodiff::{
    COTANGENT, GRAD, Options, QUANTIZED, Quantized, activations, differentiate,
};
use pellucid_shared::onnx::pb::{TensorProto, tensor_proto::DataType};
use pellucid_shared::onnx::{AttributeValue, Dim, GraphBuilder, Model};
use pellucid_tests::{explaining, relative_distance, uniform};
use pellucid_trainer::engines::{EngineKind, open};

const ENGINES: [EngineKind; 2] = [EngineKind::Ort, EngineKind::Tract];
const ROUNDING: f64 = 1e-5;

fn named(name: &str) -> Dim {
    Dim::Named(name.into())
}

fn gradient(
    kind: EngineKind,
    model: &Model,
    image: &ArrayD<f32>,
    cotangent: &ArrayD<f32>,
    options: &Options,
) -> ArrayD<f32> {
    let graph = differentiate(model.clone(), options).unwrap();
    let feeds = [("image", image.view()), (COTANGENT, cotangent.view())];
    open(kind, &graph)
        .unwrap()
        .run(&feeds)
        .unwrap()
        .remove(GRAD)
        .unwrap()
}

fn distance(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f64 {
    relative_distance(&a.mapv(f64::from), &b.mapv(f64::from))
}

/// Pads the image by two before and one behind (or cuts a row off), and takes a weighted mean; `open` hides the pads from
/// inference behind the image's own size.
fn padded(mode: &str, pads: [i64; 4], open: bool) -> Model {
    let mut graph = GraphBuilder::new("pad");
    let side = |name| if open { named(name) } else { Dim::Known(7) };
    graph.input(
        "image",
        &[Dim::Known(1), Dim::Known(3), side("H"), side("W")],
    );
    let [top, left, bottom, right] = pads;
    let given = [0, 0, top, left, 0, 0, bottom, right];
    let pads = if open {
        // n · H / H: whatever H is, and not known before it is.
        let shape = graph.node("Shape", "shape", &["image"], []);
        let two = graph.ints("two", &[2]);
        let height = graph.node("Gather", "height", &[&shape, &two], []);
        let wanted = graph.ints("wanted", &given);
        let times = graph.node("Mul", "times", &[&wanted, &height], []);
        graph.node("Div", "pads", &[&times, &height], [])
    } else {
        graph.ints("pads", &given)
    };
    let how: [(&str, AttributeValue); 1] = [("mode", mode.into())];
    graph.node("Pad", "padded", &["image", &pads], how);
    graph.node("Mul", "square", &["padded", "padded"], []);
    let strides: [(&str, AttributeValue); 2] = [
        ("kernel_shape", vec![3, 2].into()),
        ("strides", vec![2, 2].into()),
    ];
    graph.node("AveragePool", "pool", &["square"], strides);
    graph.node("GlobalMaxPool", "mean", &["pool"], []);
    graph.node("Flatten", "logits", &["mean"], []);
    graph.output("logits", None);
    graph.finish().unwrap()
}

#[test]
fn pads_that_only_the_run_tells_have_the_gradient_of_those_that_are_known() {
    let image = uniform(&[1, 3, 7, 7], 0.1, 1.0, 1);
    let cotangent = uniform(&[1, 3], -1.0, 1.0, 2);
    for (mode, pads) in [
        ("constant", [2, 0, 1, 3]),
        ("constant", [-1, 2, 0, -2]),
        ("reflect", [2, 1, 0, 3]),
        ("edge", [2, 1, 0, 3]),
    ] {
        let options = Options::default();
        let known = padded(mode, pads, false);
        let expected = gradient(EngineKind::Ort, &known, &image, &cotangent, &options);
        let cuts_off = pads.iter().any(|&pad| pad < 0);
        for kind in ENGINES {
            // tract only adds: known pads it is given otherwise, and these it cannot be given.
            let open = kind == EngineKind::Ort || !cuts_off;
            let found = gradient(
                kind,
                &padded(mode, pads, open),
                &image,
                &cotangent,
                &options,
            );
            let distance = distance(&found, &expected);
            assert!(
                distance < ROUNDING,
                "{mode} {pads:?}, {kind:?}: {distance:e}"
            );
        }
    }
}

/// A convolutional network whose last activation has channels last.
fn with_channels_last() -> Model {
    let mut graph = GraphBuilder::new("last");
    graph.input("image", &[1, 3, 12, 12].map(Dim::Known));
    let w = graph.floats("w", &uniform(&[5, 3, 3, 3], -0.5, 0.5, 3));
    let strides: [(&str, AttributeValue); 1] = [("strides", vec![2, 1].into())];
    graph.node("Conv", "conv", &["image", &w], strides);
    graph.node("Relu", "first", &["conv"], []);
    let to_last: [(&str, AttributeValue); 1] = [("perm", vec![0, 2, 3, 1].into())];
    graph.node("Transpose", "turned", &["first"], to_last);
    graph.node("Identity", "last", &["turned"], []);
    let how: [(&str, AttributeValue); 2] = [("axes", vec![1, 2].into()), ("keepdims", 0.into())];
    graph.node("ReduceMean", "mean", &["last"], how);
    let head = graph.floats("head", &uniform(&[5, 2], -1.0, 1.0, 4));
    graph.node("MatMul", "logits", &["mean", &head], []);
    graph.output("logits", None);
    graph.finish().unwrap()
}

#[test]
fn a_feature_map_with_channels_last_gives_the_map_of_one_with_channels_first() {
    let image: Array4<f32> = uniform(&[1, 3, 12, 12], 0.0, 1.0, 5)
        .into_dimensionality()
        .unwrap();
    let map = |method: Method| {
        let mut explainer = explaining(EngineKind::Tract, with_channels_last()).unwrap();
        let (target, space, job) = (Target::class(1), PixelSpace::default(), Job::default());
        explainer
            .explain(&method, image.view(), target, space, job)
            .unwrap()
    };
    let close = |a: ArrayD<f32>, b: ArrayD<f32>| assert!(distance(&a, &b) < ROUNDING);
    for weighting in [
        Weighting::GradCam,
        Weighting::GradCamPlusPlus,
        Weighting::LayerCam,
    ] {
        let of = |layer: &str| {
            let layer = Some(layer.to_owned());
            map(Method::FeatureMap(FeatureMap { weighting, layer }))
        };
        let (first, last) = (of("first"), of("last"));
        assert_eq!(last.features.as_ref().unwrap().shape, [5, 5, 10]);
        close(
            last.map.channels().into_dyn(),
            first.map.channels().into_dyn(),
        );
    }
    let seen = |layer: &str| {
        map(Method::ScoreCam(ScoreCam {
            layer: Some(layer.to_owned()),
            ..ScoreCam::default()
        }))
    };
    close(
        seen("last").map.channels().into_dyn(),
        seen("first").map.channels().into_dyn(),
    );
    // CAM is Grad-CAM before its ReLU, times the number of positions, and looks at what the head pools.
    let cam = map(Method::FeatureMap(FeatureMap {
        weighting: Weighting::Cam,
        layer: None,
    }));
    let grad_cam = map(Method::FeatureMap(FeatureMap {
        weighting: Weighting::GradCam,
        layer: Some("first".to_owned()),
    }));
    let rectified = cam.features.unwrap().coarse.mapv(|v| v.max(0.0) / 50.0);
    close(
        rectified.into_dyn(),
        grad_cam.features.unwrap().coarse.into_dyn(),
    );
}

/// The image in levels of 1/510 up to 255/510, times weights in whole numbers with a scale per output channel.
fn quantized() -> Model {
    let mut graph = GraphBuilder::new("quantized");
    graph.input(
        "image",
        &[Dim::Known(1), Dim::Known(3), Dim::Known(4), Dim::Known(4)],
    );
    let scale = graph.scalar("scale", 1.0 / 510.0);
    let integers = |name: &str, kind: DataType, dims: Vec<i64>, values: &[i8]| TensorProto {
        name: name.into(),
        dims,
        data_type: kind as i32,
        raw_data: values.iter().map(|&v| v as u8).collect(),
        ..TensorProto::default()
    };
    let zero = graph.shared("zero", integers("", DataType::Uint8, vec![], &[0]));
    graph.node("QuantizeLinear", "levels", &["image", &scale, &zero], []);
    graph.node("DequantizeLinear", "pixels", &["levels", &scale, &zero], []);
    let weights = integers(
        "",
        DataType::Int8,
        vec![2, 3, 1, 1],
        &[10, -20, 30, -4, 5, 6],
    );
    let weights = graph.shared("weights", weights);
    let scales = graph.floats("scales", &arr1(&[0.1, 0.5]).into_dyn());
    let zeros = graph.shared("zeros", integers("", DataType::Int8, vec![2], &[0, 0]));
    let along: [(&str, AttributeValue); 1] = [("axis", 0.into())];
    graph.node("DequantizeLinear", "w", &[&weights, &scales, &zeros], along);
    graph.node("Conv", "conv", &["pixels", "w"], []);
    graph.node("GlobalAveragePool", "mean", &["conv"], []);
    graph.node("Flatten", "logits", &["mean"], []);
    graph.output("logits", None);
    graph.finish().unwrap()
}

#[test]
fn rounding_is_refused_unless_it_is_to_be_taken_for_the_identity() {
    let model = quantized();
    let error = differentiate(model.clone(), &Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("QuantizeLinear") && error.contains("straight-through"),
        "{error}"
    );

    let options = Options {
        quantized: Quantized::StraightThrough,
        ..Options::default()
    };
    let graph = differentiate(model.clone(), &options).unwrap();
    assert_eq!(graph.metadata(QUANTIZED), Some("straight-through"));
    assert_eq!(activations(&graph), None);
    let image = uniform(&[1, 3, 4, 4], 0.0, 1.0, 7);
    let cotangent = arr1(&[2.0, -1.0]).insert_axis(ndarray::Axis(0)).into_dyn();
    // By hand: 1/16 of the weights where the pixel is not cut off at 255.5/510, else 0.
    let weights = [[1.0, -2.0, 3.0], [-2.0, 2.5, 3.0]];
    let expected = ArrayD::from_shape_fn(image.raw_dim(), |at| {
        let slope = 2.0 * weights[0][at[1]] - weights[1][at[1]];
        if image[&at] < 0.501 {
            slope / 16.0
        } else {
            0.0
        }
    });
    for kind in ENGINES {
        let found = gradient(kind, &model, &image, &cotangent, &options);
        assert!(distance(&found, &expected) < ROUNDING, "{kind:?}");
    }
}
