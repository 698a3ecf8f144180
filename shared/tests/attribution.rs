//! Attribution methods against what is known without them: models whose attributions follow from a formula, and what must
//! hold whatever the model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::ControlFlow;

use ndarray::{Array3, Array4, Axis, arr2};
use pellucid_shared::attribution::{
    Attribution, AttributionError, Baseline, ExpectedGradients, Explainer, FeatureMap,
    IntegratedGradients, Job, Map, Masks, Method, Noise, Occlusion, Paths, PixelSpace, Rise,
    ScoreCam, SmoothGrad, Statistic, Target, Weighting,
};
use pellucid_shared::engine::TractEngine;
use pellucid_shared::onnx::{Dim, GraphBuilder, Model, floats, set_floats};
use pellucid_shared::zoo::{Architecture, Blueprint, build};

const SIDE: usize = 32;

fn explainer(model: Model) -> Explainer {
    Explainer::new(model, |graph| Ok(Box::new(TractEngine::new(graph)?))).unwrap()
}

fn small() -> Model {
    build(&Blueprint::new(Architecture::ResnetSmall, 3, SIDE, 7)).unwrap()
}

fn image() -> Array4<f32> {
    Array4::from_shape_fn((1, 3, SIDE, SIDE), |(_, c, y, x)| {
        (((c * 7 + y * 5 + x * 3) % 17) as f32) / 17.0
    })
}

fn job(seed: u64, batch: usize) -> Job<'static> {
    Job {
        seed,
        batch,
        ..Job::default()
    }
}

fn explain(
    model: Model,
    method: &Method,
    image: &Array4<f32>,
) -> Result<Attribution, AttributionError> {
    ask(&mut explainer(model), method, image)
}

fn ask(
    explainer: &mut Explainer,
    method: &Method,
    image: &Array4<f32>,
) -> Result<Attribution, AttributionError> {
    let (target, space) = (Target::class(1), PixelSpace::default());
    explainer.explain(method, image.view(), target, space, job(0, 8))
}

fn smoothgrad(samples: usize, statistic: Statistic) -> Method {
    let noise = Noise::Gaussian {
        samples,
        share: 0.2,
    };
    Method::SmoothGrad(SmoothGrad { noise, statistic })
}

fn integrated(steps: usize, baselines: &[Baseline]) -> Method {
    Method::IntegratedGradients(IntegratedGradients {
        steps,
        baselines: baselines.to_vec(),
        ..IntegratedGradients::default()
    })
}

fn expected(samples: usize, baselines: &[Baseline]) -> Method {
    Method::ExpectedGradients(ExpectedGradients {
        paths: Paths::Random(samples),
        baselines: baselines.to_vec(),
    })
}

fn rise(count: usize) -> Method {
    Method::Rise(Rise {
        masks: Masks::Random { count, cells: 4 },
        probability: 0.5,
        fill: Baseline::Black,
    })
}

fn every_method() -> Vec<Method> {
    use Weighting::{Cam, GradCam, GradCamPlusPlus, LayerCam};
    let mut methods = vec![
        Method::Gradient,
        Method::GradientAbsolute,
        Method::GradientSquared,
        Method::InputTimesGradient,
        Method::GuidedBackprop,
        Method::Deconvolution,
        Method::ScoreCam(ScoreCam::default()),
        Method::Occlusion(Occlusion::square(12, 10)),
        integrated(
            3,
            &[Baseline::Black, Baseline::Uniform, Baseline::Blur(2.0)],
        ),
        expected(5, &[Baseline::White, Baseline::Noise(0.3)]),
        rise(5),
    ];
    methods.extend(
        [Statistic::Mean, Statistic::Square, Statistic::Variance].map(|s| smoothgrad(3, s)),
    );
    methods.extend([GradCam, GradCamPlusPlus, LayerCam, Cam].map(|weighting| {
        Method::FeatureMap(FeatureMap {
            weighting,
            layer: None,
        })
    }));
    methods
}

/// Relative L2 distance; absolute where `b` is zero.
fn distance(a: &Array3<f32>, b: &Array3<f32>) -> f64 {
    let norm = |values: &Array3<f32>| {
        values
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let size = norm(b);
    norm(&(a - b)) / if size == 0.0 { 1.0 } else { size }
}

/// logit k = Σ_c w[k, c] · the mean of the square of channel c: the gradient is 2 w x / (H W).
fn quadratic() -> Model {
    let mut graph = GraphBuilder::new("quadratic");
    let side = || Dim::Known(SIDE);
    graph.input(
        "image",
        &[Dim::Named("N".into()), Dim::Known(3), side(), side()],
    );
    let square = graph.node("Mul", "square", &["image", "image"], []);
    let pooled = graph.node("GlobalAveragePool", "pool", &[&square], []);
    let flat = graph.node("Flatten", "flat", &[&pooled], []);
    let w = graph.floats("w", &arr2(&WEIGHTS).into_dyn());
    let logits = graph.node("Gemm", "logits", &[&flat, &w], [("transB", 1.into())]);
    graph.output(&logits, None);
    graph.finish().unwrap()
}

const WEIGHTS: [[f32; 3]; 2] = [[1.0, -2.0, 0.5], [4.0, 3.0, -1.0]];

/// SmoothGrad of a quadratic function is its gradient, VarGrad (2 w σ / (H W))², SmoothGrad-squared the sum of the former's
/// square and the latter. Five standard errors of 400 samples, over 3,072 pixels.
#[test]
fn smoothgrad_of_a_quadratic_function_is_known() {
    let n = 400;
    let x = image();
    let sigma = 0.2 * 16.0 / 17.0;
    let scale = |c: usize| 2.0 * WEIGHTS[1][c] / (SIDE * SIDE) as f32;
    let found = |statistic| {
        let found = explain(quadratic(), &smoothgrad(n, statistic), &x).unwrap();
        found.map.channels()
    };
    let (mean, square) = (found(Statistic::Mean), found(Statistic::Square));
    let variance = found(Statistic::Variance);
    let mut sum = 0.0;
    for ((c, y, x_), &value) in mean.indexed_iter() {
        let deviation = (scale(c) * sigma).abs();
        let error = 5.0 * deviation / f32::sqrt(n as f32);
        assert!((value - scale(c) * x[[0, c, y, x_]]).abs() < error);
        let relative = variance[[c, y, x_]] / deviation.powi(2);
        assert!(
            (relative - 1.0).abs() < 5.0 * f32::sqrt(2.0 / n as f32),
            "{relative}"
        );
        sum += f64::from(relative);
        let parts = value.powi(2) + variance[[c, y, x_]];
        assert!((square[[c, y, x_]] - parts).abs() < 1e-4 * parts);
    }
    // The biased variance of n samples, averaged over the pixels.
    let exact = 1.0 - 1.0 / n as f64;
    assert!((sum / mean.len() as f64 - exact).abs() < 5.0 * f64::sqrt(2.0 / (400.0 * 3072.0)));
}

/// For w x², Integrated Gradients from x′ are w (x² − x′²) / (H W), whatever the number of Gauss–Legendre points.
#[test]
fn integrated_and_expected_gradients_of_a_quadratic_function_are_known() {
    let x = image();
    let exact = |baseline: f32| {
        Array3::from_shape_fn((3, SIDE, SIDE), |(c, y, x_)| {
            WEIGHTS[1][c] * (x[[0, c, y, x_]].powi(2) - baseline.powi(2)) / (SIDE * SIDE) as f32
        })
    };
    for (baseline, value) in [
        (Baseline::Black, 0.0),
        (Baseline::White, 1.0),
        (Baseline::Value(0.25), 0.25),
    ] {
        let found = explain(quadratic(), &integrated(2, &[baseline]), &x).unwrap();
        assert!(distance(&found.map.channels(), &exact(value)) < 1e-5);
        assert!(found.convergence[0].delta.abs() < 1e-5);
        let sum = f64::from(exact(value).sum());
        assert!((found.convergence[0].difference - sum).abs() < 1e-4 * sum.abs());
    }
    // The gradient is linear along the way, so a sample's deviation is that of α: a pixel's error shrinks with √n.
    let mean = (exact(0.0) + exact(1.0)) / 2.0;
    let error = |samples| {
        let found = explain(
            quadratic(),
            &expected(samples, &[Baseline::Black, Baseline::White]),
            &x,
        );
        distance(&found.unwrap().map.channels(), &mean)
    };
    assert!(error(4000) < 0.05, "{}", error(4000));
    assert!(error(4000) < error(10));
}

/// What normalization is done outside the graph must not change what black, white and a noise's strength mean.
#[test]
fn black_is_black_whether_the_graph_or_the_caller_normalises() {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let blueprint = |mean, std| Blueprint {
        mean,
        std,
        ..Blueprint::new(Architecture::ResnetSmall, 3, SIDE, 7)
    };
    let mut inside = explainer(build(&blueprint(mean, std)).unwrap());
    let mut outside = explainer(build(&blueprint([0.0; 3], [1.0; 3])).unwrap());
    let pixels = image();
    let space = PixelSpace::normalised(mean, std);
    let fed = space
        .input(pixels.index_axis(Axis(0), 0).to_owned())
        .insert_axis(Axis(0));
    let channels = Array3::from_shape_fn((3, 1, 1), |(c, _, _)| std[c]);
    for method in every_method() {
        let target = Target::class(1);
        let a = inside.explain(
            &method,
            pixels.view(),
            target,
            PixelSpace::default(),
            job(3, 8),
        );
        let b = outside.explain(&method, fed.view(), target, space, job(3, 8));
        let (a, b) = (a.unwrap().map.channels(), b.unwrap().map.channels());
        // An attribution per unit of the input is by the standard deviation larger per unit of the pixel.
        let a = match &method {
            Method::Gradient | Method::GradientAbsolute => a * &channels,
            Method::GuidedBackprop | Method::Deconvolution => a * &channels,
            Method::GradientSquared => a * &channels * &channels,
            Method::SmoothGrad(smooth) if smooth.statistic == Statistic::Mean => a * &channels,
            Method::SmoothGrad(_) => a * &channels * &channels,
            // x itself is another.
            Method::InputTimesGradient => continue,
            _ => a,
        };
        // A pre-activation of 1e-6 may fall on the other side of zero.
        assert!(distance(&b, &a) < 1e-3, "{method:?}: {}", distance(&b, &a));
    }
}

#[test]
fn the_seed_decides_and_the_batch_does_not() {
    let random = |method: &Method| {
        matches!(
            method,
            Method::SmoothGrad(_)
                | Method::IntegratedGradients(_)
                | Method::ExpectedGradients(_)
                | Method::Rise(_)
        )
    };
    let mut explainer = explainer(small());
    let x = image();
    for method in every_method() {
        let mut map = |seed, batch| {
            let (target, space) = (Target::class(2), PixelSpace::default());
            let found = explainer.explain(&method, x.view(), target, space, job(seed, batch));
            found.unwrap().map.channels()
        };
        let one = map(1, 4);
        assert_eq!(one, map(1, 4), "{method:?}");
        assert!(distance(&map(1, 1), &one) < 1e-3, "{method:?}");
        if random(&method) {
            assert!(distance(&map(2, 4), &one) > 1e-2, "{method:?}");
        }
    }
}

#[test]
fn progress_is_told_and_can_cancel() {
    let mut explainer = explainer(small());
    let x = image();
    for method in every_method() {
        let mut told = vec![];
        let mut tell = |progress: pellucid_shared::attribution::Progress| {
            told.push(progress);
            ControlFlow::Continue(())
        };
        let job = Job {
            batch: 2,
            progress: Some(&mut tell),
            ..Job::default()
        };
        let (target, space) = (Target::predicted(), PixelSpace::default());
        let found = explainer
            .explain(&method, x.view(), target, space, job)
            .unwrap();
        assert!(told.windows(2).all(|pair| pair[0].done < pair[1].done));
        assert!(told.iter().all(|progress| progress.done <= progress.total));
        let last = told.last().unwrap();
        assert_eq!(
            (last.done, last.total),
            (found.evaluations, found.evaluations),
            "{method:?}"
        );

        let mut stop = |_| ControlFlow::Break(());
        let job = Job {
            progress: Some(&mut stop),
            ..Job::default()
        };
        let stopped = explainer.explain(&method, x.view(), target, space, job);
        assert!(
            matches!(stopped, Err(AttributionError::Cancelled)),
            "{method:?}"
        );
    }
}

/// A network whose batch is fixed to 1 in the graph.
#[test]
fn a_fixed_batch_is_run_one_by_one() {
    let mut proto = small().into_proto();
    let graph = proto.graph.as_mut().unwrap();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        use pellucid_shared::onnx::pb::{tensor_shape_proto::dimension, type_proto};
        let kind = value.r#type.as_mut().unwrap().value.as_mut();
        let Some(type_proto::Value::TensorType(tensor)) = kind else {
            panic!("not a tensor")
        };
        tensor.shape.as_mut().unwrap().dim[0].value = Some(dimension::Value::DimValue(1));
    }
    let fixed = Model::from_proto(proto).unwrap();
    let (mut free, mut fixed) = (explainer(small()), explainer(fixed));
    for method in every_method() {
        let free = ask(&mut free, &method, &image()).unwrap();
        let found = ask(&mut fixed, &method, &image()).unwrap();
        assert!(
            distance(&found.map.channels(), &free.map.channels()) < 1e-3,
            "{method:?}"
        );
    }
}

#[test]
fn blank_networks_give_blank_maps_and_broken_images_are_refused() {
    let mut blank = small();
    for tensor in blank.initializers_mut() {
        if let Ok(values) = floats(tensor)
            && tensor.name.ends_with(".weight")
        {
            set_floats(tensor, &vec![0.0; values.len()]).unwrap();
        }
    }
    let broken = Array4::from_elem((1, 3, SIDE, SIDE), f32::NAN);
    let even = Array4::from_elem((1, 3, SIDE, SIDE), 0.5);
    let (mut blank, mut network) = (explainer(blank), explainer(small()));
    for method in every_method() {
        let found = ask(&mut blank, &method, &image()).unwrap();
        let numbers = found.map.channels();
        match method {
            // Masks of equal weight.
            Method::Rise(_) => assert!(numbers.iter().all(|value| value.is_finite())),
            _ => assert!(numbers.iter().all(|value| *value == 0.0), "{method:?}"),
        }
        let refused = ask(&mut network, &method, &broken).unwrap_err().to_string();
        assert!(refused.contains("NaN or infinite"), "{refused}");
        ask(&mut network, &method, &even).unwrap();
    }
}

/// `Floor` has no gradient, but a score that can be watched.
#[test]
fn methods_without_a_gradient_explain_what_cannot_be_differentiated() {
    let model = || {
        let mut graph = GraphBuilder::new("steps");
        let side = || Dim::Known(SIDE);
        graph.input(
            "image",
            &[Dim::Named("N".into()), Dim::Known(3), side(), side()],
        );
        let ten = graph.scalar("ten", 10.0);
        let scaled = graph.node("Mul", "scaled", &["image", &ten], []);
        let steps = graph.node("Floor", "steps", &[&scaled], []);
        let pooled = graph.node("GlobalAveragePool", "pool", &[&steps], []);
        let logits = graph.node("Flatten", "logits", &[&pooled], []);
        graph.output(&logits, None);
        graph.finish().unwrap()
    };
    assert!(explain(model(), &Method::Gradient, &image()).is_err());
    let occlusion = Method::Occlusion(Occlusion {
        fill: Baseline::Black,
        ..Occlusion::square(8, 8)
    });
    let found = explain(model(), &occlusion, &image()).unwrap();
    let Map::Pixels(map) = found.map else {
        panic!("occlusion gives a number per pixel")
    };
    // Each window takes its own part of the score away: they add up to all of it.
    let total: f32 = map.iter().sum::<f32>() / 64.0;
    assert!((total - found.logits[1]).abs() < 1e-4 * total, "{total}");
    explain(model(), &rise(4), &image()).unwrap();
}

#[test]
fn parameters_that_make_no_sense_are_refused_in_a_sentence() {
    let image_of = |side| Baseline::Image(Array3::zeros((3, side, side)));
    let occlusion = |window, stride| Method::Occlusion(Occlusion::square(window, stride));
    let grid = |cells, probability| {
        Method::Rise(Rise {
            masks: Masks::Random { count: 1, cells },
            probability,
            fill: Baseline::Black,
        })
    };
    let given = |shape: [usize; 3]| {
        Method::Rise(Rise {
            masks: Masks::Given(Array3::zeros(shape)),
            probability: 0.5,
            fill: Baseline::Black,
        })
    };
    let layer = |weighting, name: &str| {
        Method::FeatureMap(FeatureMap {
            weighting,
            layer: Some(name.into()),
        })
    };
    for (method, part) in [
        (smoothgrad(0, Statistic::Mean), "at least one sample"),
        (integrated(0, &[Baseline::Black]), "at least one step"),
        (integrated(3, &[]), "need a baseline"),
        (integrated(3, &[image_of(4)]), "[3, 4, 4]"),
        (expected(0, &[Baseline::Black]), "at least one sample"),
        (expected(3, &[]), "need a baseline"),
        (occlusion(0, 1), "at least one pixel"),
        (occlusion(1, 0), "at least one pixel"),
        (rise(0), "at least one mask"),
        (grid(0, 0.5), "cells"),
        (grid(1 << 40, 0.5), "cells"),
        (grid(4, 0.0), "probability"),
        (grid(4, f32::NAN), "probability"),
        (given([2, 5, 5]), "[5, 5]"),
        (layer(Weighting::GradCam, "nowhere"), "nowhere"),
        (layer(Weighting::Cam, "relu"), "which is pooled"),
        (layer(Weighting::GradCam, "flatten"), "[1, 128]"),
    ] {
        let error = explain(small(), &method, &image()).unwrap_err().to_string();
        assert!(error.contains(part), "{method:?}: {error}");
    }
}

/// A file that holds its gradient already answers every method, those on feature maps too.
#[test]
fn a_differentiated_file_answers_every_method() {
    use pellucid_shared::autodiff::{Options, differentiate};
    let options = Options {
        features: Some("relu".into()),
        ..Options::default()
    };
    let differentiated = differentiate(small(), &options).unwrap();
    let (mut file, mut plain) = (explainer(differentiated), explainer(small()));
    for method in every_method() {
        let of_file = ask(&mut file, &method, &image()).unwrap();
        let of_plain = ask(&mut plain, &method, &image()).unwrap();
        assert!(
            distance(&of_file.map.channels(), &of_plain.map.channels()) < 1e-3,
            "{method:?}"
        );
    }
}
