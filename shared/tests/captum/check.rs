//! Every method against the values that Captum gives on the same network and image, or, where Captum has no such method,
//! against the paper's formula in torch (tests/reference/captum_values.py made them). Shared by the tests of the engines.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, ArrayD, ArrayViewD, Axis, Ix3, Ix4};
use ndarray_npy::ReadNpyExt;
use pellucid_shared::attribution::{
    Attribution, Baseline, ExpectedGradients, Explainer, FeatureMap, IntegratedGradients, Job, Map,
    Masks, Method, Noise, Occlusion, Paths, PixelSpace, Rise, Rule, ScoreCam, SmoothGrad,
    Statistic, Target, Weighting,
};
use pellucid_shared::engine::{Engine, EngineError};
use pellucid_shared::onnx::Model;
use serde_json::Value;

/// Float32 arithmetic on one side, float64 on the other: relative L2 distance.
const CLOSE: f64 = 2e-6;
/// The same for differences of logits, which are a hundredth of the logits that are rounded.
const DIFFERENCES: f64 = 1e-5;

/// The network, the image and what was computed from them.
pub(crate) struct Reference {
    folder: PathBuf,
    facts: Value,
    explainer: Explainer,
    image: Array4<f32>,
    /// Images per batch.
    batch: usize,
}

impl Reference {
    pub(crate) fn open(
        open: impl FnMut(&Model) -> Result<Box<dyn Engine>, EngineError> + 'static,
        batch: usize,
    ) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/captum");
        let facts = std::fs::read(folder.join("facts.json")).unwrap();
        let model = Model::load(&folder.join("network.onnx")).unwrap();
        let image = read(&folder, "image").into_dimensionality::<Ix3>().unwrap();
        Self {
            facts: serde_json::from_slice(&facts).unwrap(),
            explainer: Explainer::new(model, open).unwrap(),
            image: image.insert_axis(Axis(0)),
            folder,
            batch,
        }
    }

    fn three(&self, name: &str) -> Array3<f32> {
        read(&self.folder, name)
            .into_dimensionality::<Ix3>()
            .unwrap()
    }

    fn class(&self, name: &str) -> usize {
        self.facts[name].as_u64().unwrap() as usize
    }

    fn explain(&mut self, method: &Method, target: Target) -> Attribution {
        let job = Job {
            batch: self.batch,
            ..Job::default()
        };
        let image = self.image.view();
        let found = self
            .explainer
            .explain(method, image, target, PixelSpace::default(), job);
        found.unwrap()
    }

    /// The method's map for the reference's class must be the file's.
    fn compare(&mut self, name: &str, method: Method) -> Attribution {
        let target = Target::class(self.class("target"));
        let found = self.explain(&method, target);
        let bound = match method {
            Method::Occlusion(_) => DIFFERENCES,
            _ => CLOSE,
        };
        let expected = read(&self.folder, name);
        close_within(bound, name, view(&found.map), expected.view());
        found
    }

    fn close(&self, name: &str, map: &Map, factor: f32) {
        let expected = read(&self.folder, name) * factor;
        close(name, view(map), expected.view());
    }
}

fn read(folder: &Path, name: &str) -> ArrayD<f32> {
    let file = std::fs::File::open(folder.join(format!("{name}.npy"))).unwrap();
    ArrayD::read_npy(file).unwrap()
}

fn view(map: &Map) -> ArrayViewD<'_, f32> {
    match map {
        Map::Channels(map) => map.view().into_dyn(),
        Map::Pixels(map) => map.view().into_dyn(),
    }
}

fn close(name: &str, found: ArrayViewD<'_, f32>, expected: ArrayViewD<'_, f32>) {
    close_within(CLOSE, name, found, expected);
}

fn close_within(bound: f64, name: &str, found: ArrayViewD<'_, f32>, expected: ArrayViewD<'_, f32>) {
    assert_eq!(found.shape(), expected.shape(), "{name}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let size = norm(&mut expected.iter().map(|&v| f64::from(v)));
    let pairs = found.iter().zip(&expected);
    let distance = norm(&mut pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)));
    assert!(size > 0.0, "{name} is blank");
    let relative = distance / size;
    println!("{name}: {relative:.1e}");
    assert!(relative < bound, "{name}: {relative:e} off");
}

fn features(weighting: Weighting) -> Method {
    Method::FeatureMap(FeatureMap {
        weighting,
        layer: None,
    })
}

pub(crate) fn single_gradients(reference: &mut Reference) {
    let found = reference.compare("gradient", Method::Gradient);
    let logits = reference.facts["logits"].as_array().unwrap();
    for (found, exact) in found.logits.iter().zip(logits) {
        assert!((f64::from(*found) - exact.as_f64().unwrap()).abs() < 1e-6);
    }
    assert_eq!(found.evaluations, 1);
    reference.compare("gradient_absolute", Method::GradientAbsolute);
    reference.compare("input_x_gradient", Method::InputTimesGradient);
    let squared = reference.explain(&Method::GradientSquared, Target::class(2));
    let gradient = reference.three("gradient");
    close(
        "gradient_squared",
        squared.map.channels().view().into_dyn(),
        (&gradient * &gradient).view().into_dyn(),
    );
    let margin = Target::class(reference.class("target")).against(reference.class("against"));
    let found = reference.explain(&Method::Gradient, margin);
    reference.close("gradient_margin", &found.map, 1.0);
    // The reference's class is the predicted one.
    let found = reference.explain(&Method::Gradient, Target::predicted());
    assert_eq!((found.aim.class, found.evaluations), (2, 2));
    reference.close("gradient", &found.map, 1.0);
}

pub(crate) fn other_relu_rules(reference: &mut Reference) {
    reference.compare("guided", Method::GuidedBackprop);
    reference.compare("deconvolution", Method::Deconvolution);
}

pub(crate) fn noise_tunnels(reference: &mut Reference) {
    let noise = read(&reference.folder, "noise")
        .into_dimensionality::<Ix4>()
        .unwrap();
    for (name, statistic) in [
        ("smoothgrad", Statistic::Mean),
        ("smoothgrad_sq", Statistic::Square),
        ("vargrad", Statistic::Variance),
    ] {
        let method = Method::SmoothGrad(SmoothGrad {
            noise: Noise::Given(noise.clone()),
            statistic,
        });
        let found = reference.compare(name, method);
        assert_eq!(found.evaluations, 7);
    }
}

pub(crate) fn integrated_gradients(reference: &mut Reference) {
    let given = Baseline::Image(reference.three("baseline"));
    for (name, rule, baseline) in [
        ("gausslegendre_black", Rule::GaussLegendre, Baseline::Black),
        ("gausslegendre_white", Rule::GaussLegendre, Baseline::White),
        ("gausslegendre_given", Rule::GaussLegendre, given.clone()),
        ("riemann_left_black", Rule::RiemannLeft, Baseline::Black),
        ("riemann_middle_black", Rule::RiemannMiddle, Baseline::Black),
        ("riemann_right_black", Rule::RiemannRight, Baseline::Black),
    ] {
        let found = reference.compare(
            &format!("integrated_{name}"),
            integrated(rule, vec![baseline]),
        );
        let delta = reference.facts["deltas"][name].as_f64().unwrap();
        assert!((found.convergence[0].delta - delta).abs() < 1e-6, "{name}");
        assert_eq!(found.evaluations, 22);
    }
    // Captum's trapezoid has weights that sum to 19/20: theirs is ours times that.
    let found = reference.explain(
        &integrated(Rule::Trapezoid, vec![Baseline::Black]),
        Target::class(2),
    );
    reference.close(
        "integrated_riemann_trapezoid_black",
        &found.map,
        20.0 / 19.0,
    );

    let three = vec![Baseline::Black, Baseline::White, given];
    let found = reference.explain(&integrated(Rule::GaussLegendre, three), Target::class(2));
    let mean = ["black", "white", "given"]
        .map(|name| reference.three(&format!("integrated_gausslegendre_{name}")))
        .iter()
        .fold(Array3::zeros((3, 24, 24)), |sum, map| sum + map / 3.0);
    close(
        "several baselines",
        found.map.channels().view().into_dyn(),
        mean.view().into_dyn(),
    );
    assert_eq!(found.convergence.len(), 3);
}

fn integrated(rule: Rule, baselines: Vec<Baseline>) -> Method {
    Method::IntegratedGradients(IntegratedGradients {
        steps: 20,
        rule,
        baselines,
    })
}

pub(crate) fn expected_gradients(reference: &mut Reference) {
    let facts = &reference.facts["expected"];
    let chosen = facts["chosen"].as_array().unwrap().iter();
    let shares = facts["shares"].as_array().unwrap().iter();
    let paths = chosen.zip(shares);
    let paths = paths.map(|(index, share)| {
        (
            index.as_u64().unwrap() as usize,
            share.as_f64().unwrap() as f32,
        )
    });
    let method = Method::ExpectedGradients(ExpectedGradients {
        paths: Paths::Given(paths.collect()),
        baselines: vec![
            Baseline::Black,
            Baseline::White,
            Baseline::Image(reference.three("baseline")),
        ],
    });
    reference.compare("expected", method);
}

pub(crate) fn feature_maps(reference: &mut Reference) {
    let found = reference.compare("grad_cam", features(Weighting::GradCam));
    let layer = found.features.unwrap();
    assert_eq!((&layer.name[..], layer.shape), ("relu3", [10, 6, 6]));
    let coarse = read(&reference.folder, "grad_cam_coarse");
    close(
        "grad_cam_coarse",
        layer.coarse.view().into_dyn(),
        coarse.view(),
    );
    reference.compare("grad_cam_plus_plus", features(Weighting::GradCamPlusPlus));
    reference.compare("layer_cam", features(Weighting::LayerCam));
    reference.compare(
        "grad_cam_relu1",
        Method::FeatureMap(FeatureMap {
            weighting: Weighting::GradCam,
            layer: Some("relu1".into()),
        }),
    );
}

pub(crate) fn maps_without_gradients(reference: &mut Reference) {
    reference.compare("cam", features(Weighting::Cam));
    reference.compare("score_cam", Method::ScoreCam(ScoreCam::default()));
    let size = |name: &str| reference.facts["occlusion"][name].as_u64().unwrap() as usize;
    let occlusion = Occlusion::square(size("window"), size("stride"));
    let found = reference.compare("occlusion", Method::Occlusion(occlusion));
    assert_eq!(found.evaluations, 1 + 6 * 6);
    let rise = Rise {
        masks: Masks::Given(reference.three("masks")),
        probability: reference.facts["rise"]["probability"].as_f64().unwrap() as f32,
        fill: Baseline::Black,
    };
    reference.compare("rise", Method::Rise(rise));
}
