//! Which method, and its options.

use std::num::NonZeroUsize;

use clap::error::ErrorKind;
use clap::{Args, ValueEnum};
use pellucid_shared::attribution::{
    Baseline, ExpectedGradients, FeatureMap, IntegratedGradients, Masks, Method, Noise, Occlusion,
    Paths, Rise, Rule, ScoreCam, SmoothGrad, Statistic, Weighting,
};

use super::super::values::{MOST_BATCH, between, fraction, nonzero, one_of};
use crate::spelling::spelled;

/// How an attribution is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Name {
    /// The gradient of the class's logit with respect to the input
    #[default]
    Gradient,
    /// Its absolute value
    GradientAbsolute,
    /// Its square
    GradientSquared,
    /// Input times gradient
    InputXGradient,
    /// The mean of the gradient over noisy copies of the image
    Smoothgrad,
    /// The mean of its square
    SmoothgradSquared,
    /// Its variance
    Vargrad,
    /// The gradient integrated on the way from a baseline to the image
    IntegratedGradients,
    /// The same in expectation over several baselines
    ExpectedGradients,
    /// The gradient with ReLUs that let only positive values of active units back
    GuidedBackprop,
    /// The gradient with ReLUs that let every positive value back
    Deconvolution,
    /// Feature maps weighted by their mean gradient
    GradCam,
    /// Feature maps weighted by their positive gradients
    GradCamPlusPlus,
    /// Feature maps weighted element by element
    LayerCam,
    /// Feature maps weighted by the head; for global average pooling and one linear layer
    Cam,
    /// Feature maps weighted by the score of the image seen through them
    ScoreCam,
    /// How the score falls when a window is covered
    Occlusion,
    /// The mean of random masks, weighted by the probability of the image seen through them
    Rise,
}

/// Noisy copies, paths or masks: beyond that a mean has all its digits.
const MOST_SAMPLES: usize = 1_000_000;
/// Points of an integral, whose places are computed first.
const MOST_POINTS: usize = 10_000;
/// A side of any network's input.
const MOST_SIDE: usize = 4096;
/// Noise that leaves nothing of the image.
const MOST_SIGMA: f32 = 10.0;

/// How an integral becomes a sum.
const RULES: [(&str, Rule); 5] = [
    ("gauss-legendre", Rule::GaussLegendre),
    ("trapezoid", Rule::Trapezoid),
    ("riemann-left", Rule::RiemannLeft),
    ("riemann-middle", Rule::RiemannMiddle),
    ("riemann-right", Rule::RiemannRight),
];

/// Options of the methods; each says which methods read it.
#[derive(Debug, Args)]
pub(super) struct Parameters {
    /// Noisy copies or paths: smoothgrad, smoothgrad-squared, vargrad (50), expected-gradients (200)
    #[arg(long, value_name = "COUNT", value_parser = nonzero(MOST_SAMPLES))]
    samples: Option<NonZeroUsize>,
    /// Standard deviation of the noise, in units of the image's range: smoothgrad, smoothgrad-squared, vargrad (0.15)
    #[arg(long, value_name = "SIGMA", value_parser = between(0.0_f32, MOST_SIGMA))]
    sigma: Option<f32>,
    /// Points of the integral: integrated-gradients (50)
    #[arg(long, value_name = "COUNT", value_parser = nonzero(MOST_POINTS))]
    steps: Option<NonZeroUsize>,
    /// How they are placed: integrated-gradients
    #[arg(long, value_name = "RULE", value_parser = one_of(RULES))]
    rule: Option<Rule>,
    /// What shows nothing: black, white, value:0.5, uniform, noise or noise:SIGMA (on the image), blur or blur:PIXELS. Where
    /// integrated-gradients and expected-gradients (black) begin, several if given again; what covers the image in score-cam
    /// and rise (black) and occlusion (value:0.5). In pixels from 0 to 1, whatever the network is fed
    #[arg(long = "baseline", value_name = "BASELINE")]
    baselines: Vec<Baseline>,
    /// Side of the window in pixels of the network's input: occlusion (two ninths of the input's side)
    #[arg(long, value_name = "PIXELS", value_parser = nonzero(MOST_SIDE))]
    window: Option<NonZeroUsize>,
    /// How far it moves: occlusion (half the window)
    #[arg(long, value_name = "PIXELS", value_parser = nonzero(MOST_SIDE))]
    stride: Option<NonZeroUsize>,
    /// How many masks: rise (2000)
    #[arg(long, value_name = "COUNT", value_parser = nonzero(MOST_SAMPLES))]
    masks: Option<NonZeroUsize>,
    /// Cells of a mask along a side: rise (7)
    #[arg(long, value_name = "COUNT", value_parser = nonzero(MOST_SIDE))]
    cells: Option<NonZeroUsize>,
    /// Fraction of the cells that are visible: rise (0.5)
    #[arg(long, value_name = "0..1", value_parser = fraction::<f32>)]
    probability: Option<f32>,
    /// The layer, by the name of a node or value: grad-cam, grad-cam-plus-plus, layer-cam, score-cam (the deepest feature map)
    #[arg(long, value_name = "NODE")]
    features: Option<String>,
    /// Seed of all noise and all masks
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Images that the network is run on at a time; memory grows with it
    #[arg(long, value_name = "IMAGES", default_value = "8", value_parser = nonzero(MOST_BATCH))]
    pub(super) batch: NonZeroUsize,
}

impl Parameters {
    /// Refuses options that the method would not read: whoever gives them expects them to count.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn check(&self, name: Name) -> Result<(), clap::Error> {
        use Name::*;
        let smooth = [Smoothgrad, SmoothgradSquared, Vargrad];
        let sampled = [&smooth[..], &[ExpectedGradients]].concat();
        let layers = [GradCam, GradCamPlusPlus, LayerCam, ScoreCam];
        let baselines = [
            IntegratedGradients,
            ExpectedGradients,
            ScoreCam,
            Occlusion,
            Rise,
        ];
        let options: [(&str, bool, &[Name]); 11] = [
            ("samples", self.samples.is_some(), &sampled),
            ("sigma", self.sigma.is_some(), &smooth),
            ("steps", self.steps.is_some(), &[IntegratedGradients]),
            ("rule", self.rule.is_some(), &[IntegratedGradients]),
            ("baseline", !self.baselines.is_empty(), &baselines),
            ("window", self.window.is_some(), &[Occlusion]),
            ("stride", self.stride.is_some(), &[Occlusion]),
            ("masks", self.masks.is_some(), &[Rise]),
            ("cells", self.cells.is_some(), &[Rise]),
            ("probability", self.probability.is_some(), &[Rise]),
            ("features", self.features.is_some(), &layers),
        ];
        for (option, given, readers) in options {
            if given && !readers.contains(&name) {
                let readers: Vec<String> = readers.iter().map(spelled).collect();
                return Err(wrong(format!(
                    "--{option} is for --method {}, not for {}\n",
                    readers.join(", "),
                    spelled(&name)
                )));
            }
        }
        if self.baselines.len() > 1 && ![IntegratedGradients, ExpectedGradients].contains(&name) {
            return Err(wrong(format!(
                "{} covers the image with one --baseline\n",
                spelled(&name)
            )));
        }
        Ok(())
    }

    /// The method with its parameters for an input of this side, in pixels.
    pub(super) fn method(&self, name: Name, side: usize) -> Method {
        match name {
            Name::Gradient => Method::Gradient,
            Name::GradientAbsolute => Method::GradientAbsolute,
            Name::GradientSquared => Method::GradientSquared,
            Name::InputXGradient => Method::InputTimesGradient,
            Name::Smoothgrad => self.smooth(Statistic::Mean),
            Name::SmoothgradSquared => self.smooth(Statistic::Square),
            Name::Vargrad => self.smooth(Statistic::Variance),
            Name::IntegratedGradients => Method::IntegratedGradients(IntegratedGradients {
                steps: count(self.steps, 50),
                rule: self.rule.unwrap_or_default(),
                baselines: self.starts(),
            }),
            Name::ExpectedGradients => Method::ExpectedGradients(ExpectedGradients {
                paths: Paths::Random(count(self.samples, 200)),
                baselines: self.starts(),
            }),
            Name::GuidedBackprop => Method::GuidedBackprop,
            Name::Deconvolution => Method::Deconvolution,
            Name::GradCam => self.feature_map(Weighting::GradCam),
            Name::GradCamPlusPlus => self.feature_map(Weighting::GradCamPlusPlus),
            Name::LayerCam => self.feature_map(Weighting::LayerCam),
            Name::Cam => self.feature_map(Weighting::Cam),
            Name::ScoreCam => Method::ScoreCam(ScoreCam {
                layer: self.features.clone(),
                fill: self.fill(Baseline::Black),
            }),
            Name::Occlusion => {
                let window = count(self.window, (side * 2).div_ceil(9).max(1));
                Method::Occlusion(Occlusion {
                    fill: self.fill(Baseline::Value(0.5)),
                    ..Occlusion::square(window, count(self.stride, window.div_ceil(2)))
                })
            }
            Name::Rise => Method::Rise(Rise {
                masks: Masks::Random {
                    count: count(self.masks, 2000),
                    cells: count(self.cells, 7),
                },
                probability: self.probability.unwrap_or(0.5),
                fill: self.fill(Baseline::Black),
            }),
        }
    }

    fn smooth(&self, statistic: Statistic) -> Method {
        Method::SmoothGrad(SmoothGrad {
            noise: Noise::Gaussian {
                samples: count(self.samples, 50),
                share: self.sigma.unwrap_or(0.15),
            },
            statistic,
        })
    }

    fn feature_map(&self, weighting: Weighting) -> Method {
        Method::FeatureMap(FeatureMap {
            weighting,
            layer: self.features.clone(),
        })
    }

    fn starts(&self) -> Vec<Baseline> {
        if self.baselines.is_empty() {
            vec![Baseline::Black]
        } else {
            self.baselines.clone()
        }
    }

    fn fill(&self, usual: Baseline) -> Baseline {
        self.baselines.first().cloned().unwrap_or(usual)
    }
}

fn count(given: Option<NonZeroUsize>, usual: usize) -> usize {
    given.map_or(usual, NonZeroUsize::get)
}

fn wrong(message: String) -> clap::Error {
    clap::Error::raw(ErrorKind::ArgumentConflict, message)
}
