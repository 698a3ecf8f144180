use ndarray::{Array3, ArrayView4, Axis};

use super::found::Found;
use super::networks::Networks;
use super::runner::{Runner, Subject};
use super::{
    Attribution, AttributionError, Baseline, Gradient, Job, Method, PixelSpace, Signature, Target,
    gradient,
};
use crate::engine::{Engine, EngineError};
use onnx_autodiff::Quantized;
use onnx_edit::Model;

/// Explains a classifier with every method, on any engine.
///
/// Graphs are derived and opened when a method first needs them, and kept: predictions and the methods without a gradient
/// run the forward graph, which needs no gradient rule; the others the differentiated one, with feature maps or with
/// other rules for `Relu` where they ask for it. The model itself is kept too, so that further graphs can be derived.
pub struct Explainer {
    networks: Networks,
    signature: Signature,
}

impl Explainer {
    /// Takes a classifier, plain or with its gradient already in the file, and what opens its graphs in an engine.
    ///
    /// # Errors
    /// Where the model is no classifier of images. Whether it can be differentiated and run shows when a method needs it.
    pub fn new(
        model: Model,
        open: impl FnMut(&Model) -> Result<Box<dyn Engine>, EngineError> + 'static,
    ) -> Result<Self, AttributionError> {
        Self::with_output(model, None, open)
    }

    /// As [`Explainer::new`], for a model with several outputs: `output` names the logits.
    ///
    /// # Errors
    /// As [`Explainer::new`].
    pub fn with_output(
        model: Model,
        output: Option<&str>,
        open: impl FnMut(&Model) -> Result<Box<dyn Engine>, EngineError> + 'static,
    ) -> Result<Self, AttributionError> {
        let signature = Signature::of(&model, output)?;
        Ok(Self::with_signature(model, signature, open))
    }

    /// As [`Explainer::new`], for a model whose signature is known: as `pellucid-contract` makes them.
    #[must_use]
    pub fn with_signature(
        model: Model,
        signature: Signature,
        open: impl FnMut(&Model) -> Result<Box<dyn Engine>, EngineError> + 'static,
    ) -> Self {
        let networks = Networks::Derived {
            model: Box::new(model),
            open: Box::new(open),
            opened: vec![],
            quantized: Quantized::default(),
        };
        Self {
            networks,
            signature,
        }
    }

    /// Says how gradients pass the rounding of a quantized model; graphs that are open already keep their way.
    #[must_use]
    pub fn passing(mut self, how: Quantized) -> Self {
        if let Networks::Derived { quantized, .. } = &mut self.networks {
            *quantized = how;
        }
        self
    }

    /// Takes an engine that differentiates by itself: it answers with the logits, and with `grad` too when it is fed
    /// `cotangent`. Methods that look inside the network answer with [`AttributionError::NeedsGraph`].
    #[must_use]
    pub fn over(engine: Box<dyn Engine>, signature: Signature) -> Self {
        Self {
            networks: Networks::Autograd(engine),
            signature,
        }
    }

    /// What the network takes and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The engine's name; `None` before anything was run.
    #[must_use]
    pub fn engine(&self) -> Option<&'static str> {
        self.networks.name()
    }

    /// The logits at `input`, `[1, 3, H, W]`: a forward pass.
    ///
    /// # Errors
    /// [`AttributionError::Input`] where the input does not fit, and where the engine fails.
    pub fn logits(&mut self, input: ArrayView4<'_, f32>) -> Result<Vec<f32>, AttributionError> {
        let input = self.image(input)?;
        Runner::new(&mut self.networks, &self.signature, Job::default()).logits_at(&input)
    }

    /// The gradient of logit number `class` at `input`, `[1, 3, H, W]`.
    ///
    /// # Errors
    /// [`AttributionError::Class`] where there is no such class, [`AttributionError::Input`] where the input does not fit,
    /// [`AttributionError::Autodiff`] where the model cannot be differentiated, and where the engine fails.
    pub fn gradient(
        &mut self,
        input: ArrayView4<'_, f32>,
        class: usize,
    ) -> Result<Gradient, AttributionError> {
        let (target, space, job) = (Target::class(class), PixelSpace::default(), Job::default());
        let found = self.explain(&Method::Gradient, input, target, space, job)?;
        Ok(Gradient {
            grad: found.map.channels(),
            logits: found.logits,
        })
    }

    /// Attributes a class's score to the pixels of `input`, `[1, 3, H, W]`. `space` says how pixels became that input, which
    /// counts for baselines and noise.
    ///
    /// # Errors
    /// As [`Explainer::gradient`]; [`AttributionError::Parameter`] and [`AttributionError::Sizes`] where the method's parameters
    /// make no sense; [`AttributionError::Cancelled`]; and what the method's own documentation says.
    pub fn explain(
        &mut self,
        method: &Method,
        input: ArrayView4<'_, f32>,
        target: Target,
        space: PixelSpace,
        job: Job<'_>,
    ) -> Result<Attribution, AttributionError> {
        let input = self.image(input)?;
        target.check(self.signature.classes)?;
        check(method, &input)?;
        let mut runner = Runner::new(&mut self.networks, &self.signature, job);
        let mut logits = vec![];
        if target.class.is_none() || !method.sees_the_image() {
            runner.expect(1);
            logits = runner.logits_at(&input)?;
        }
        let aim = target.settle(&logits)?;
        let subject = Subject {
            pixels: space.pixels(input.view()),
            input,
            space,
            aim,
            logits,
        };
        let found = run(method, &mut runner, &subject)?;
        Ok(Attribution {
            map: found.map,
            evaluations: runner.done(),
            logits: found.logits.unwrap_or(subject.logits),
            aim,
            convergence: found.convergence,
            features: found.features,
            factor: found.factor,
            activations: found.activations,
        })
    }

    /// The one image `[3, H, W]` of `[1, 3, H, W]`, if it fits.
    fn image(&self, input: ArrayView4<'_, f32>) -> Result<Array3<f32>, AttributionError> {
        let given = input.shape();
        self.signature.accepts(given)?;
        if given[0] != 1 {
            return Err(AttributionError::Input {
                given: given.to_vec(),
                wanted: "1, 3, H, W".to_owned(),
            });
        }
        Ok(input.index_axis(Axis(0), 0).to_owned())
    }
}

/// Refuses parameters that make no sense, before anything runs.
fn check(method: &Method, input: &Array3<f32>) -> Result<(), AttributionError> {
    match method {
        Method::SmoothGrad(method) => method.check()?,
        Method::IntegratedGradients(method) => method.check()?,
        Method::ExpectedGradients(method) => method.check()?,
        Method::Occlusion(method) => method.check()?,
        Method::Rise(method) => method.check()?,
        _ => {}
    }
    for baseline in method.baselines() {
        if let Baseline::Image(pixels) = baseline
            && pixels.dim() != input.dim()
        {
            return Err(AttributionError::Sizes {
                given: pixels.shape().to_vec(),
                wanted: input.shape().to_vec(),
            });
        }
    }
    Ok(())
}

fn run(
    method: &Method,
    runner: &mut Runner<'_, '_>,
    subject: &Subject,
) -> Result<Found, AttributionError> {
    match method {
        Method::Gradient
        | Method::GradientAbsolute
        | Method::GradientSquared
        | Method::InputTimesGradient
        | Method::GuidedBackprop
        | Method::Deconvolution => gradient::run(method, runner, subject),
        Method::SmoothGrad(method) => method.run(runner, subject),
        Method::IntegratedGradients(method) => method.run(runner, subject),
        Method::ExpectedGradients(method) => method.run(runner, subject),
        Method::FeatureMap(method) => method.run(runner, subject),
        Method::ScoreCam(method) => method.run(runner, subject),
        Method::Occlusion(method) => method.run(runner, subject),
        Method::Rise(method) => method.run(runner, subject),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, ArrayD, ArrayViewD};

    use super::*;
    use crate::engine::{Outputs, TractEngine, take};
    use onnx_autodiff::{GRAD, Options, ReluRule, differentiate};
    use onnx_edit::{Dim, GraphBuilder};
    use pellucid_zoo::{Architecture, Blueprint, build};

    fn tract(model: &Model) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(TractEngine::new(model)?))
    }

    fn small() -> Model {
        build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap()
    }

    fn image() -> Array4<f32> {
        Array4::from_shape_fn((1, 3, 32, 32), |(_, c, y, x)| {
            (((c * 7 + y * 5 + x * 3) % 17) as f32) / 17.0
        })
    }

    /// logit k = Σ w[k, c] · image[c, :, :]: the gradient is known without any derivation.
    fn linear(weights: [[f32; 3]; 2]) -> Model {
        let mut graph = GraphBuilder::new("linear");
        let sides = [Dim::Known(4), Dim::Known(5)];
        let [height, width] = sides;
        graph.input(
            "image",
            &[Dim::Named("N".into()), Dim::Known(3), height, width],
        );
        let pooled = graph.node("GlobalAveragePool", "pool", &["image"], []);
        let flat = graph.node("Flatten", "flat", &[&pooled], []);
        let w = ndarray::arr2(&weights) * 20.0;
        let w = graph.floats("w", &w.into_dyn());
        let logits = graph.node("Gemm", "logits", &[&flat, &w], [("transB", 1.into())]);
        graph.output(&logits, None);
        graph.finish().unwrap()
    }

    #[test]
    fn the_gradient_of_a_linear_classifier_is_its_weights() {
        let weights = [[1.0, -2.0, 0.5], [0.0, 3.0, 4.0]];
        let mut explainer = Explainer::new(linear(weights), tract).unwrap();
        let image = Array4::from_elem((1, 3, 4, 5), 1.0);
        for (class, row) in weights.iter().enumerate() {
            let found = explainer.gradient(image.view(), class).unwrap();
            for ((channel, _, _), value) in found.grad.indexed_iter() {
                assert!((value - row[channel]).abs() < 1e-5);
            }
            assert!((found.logits[0] - -10.0).abs() < 1e-4, "{:?}", found.logits);
            assert!((found.logits[1] - 140.0).abs() < 1e-4);
        }
        let logits = explainer.logits(image.view()).unwrap();
        assert_eq!(logits, explainer.gradient(image.view(), 0).unwrap().logits);
    }

    /// The forward pass alone is the reference: f(x + h·v) − f(x − h·v) over 2h, along the gradient and a random way.
    #[test]
    fn the_gradient_predicts_how_the_logit_changes() {
        let model = small();
        let mut plain = TractEngine::new(&model).unwrap();
        let mut explainer = Explainer::new(model, tract).unwrap();
        let x = image();
        let grad = explainer.gradient(x.view(), 1).unwrap().grad;
        let norm = grad.iter().map(|g| g * g).sum::<f32>().sqrt();
        let way = (&grad / norm).insert_axis(Axis(0));
        let h = 1e-2;
        let mut logit = |at: Array4<f32>| {
            let mut outputs = plain.run(&[("image", at.view().into_dyn())]).unwrap();
            take(&mut outputs, "logits").unwrap()[[0, 1]]
        };
        let slope = (logit(&x + &(&way * h)) - logit(&x - &(&way * h))) / (2.0 * h);
        assert!((slope - norm).abs() < 0.02 * norm, "{slope} against {norm}");
    }

    #[test]
    fn a_file_that_is_differentiated_already_gives_the_same_answer() {
        let differentiated = differentiate(small(), &Options::default()).unwrap();
        let mut of_plain = Explainer::new(small(), tract).unwrap();
        let mut of_file = Explainer::new(differentiated, tract).unwrap();
        assert!(of_file.signature().differentiated);
        let x = image();
        let gradient = of_plain.gradient(x.view(), 2).unwrap();
        assert_eq!(gradient, of_file.gradient(x.view(), 2).unwrap());
    }

    #[test]
    fn guided_back_propagation_in_a_file_is_not_taken_for_the_gradient() {
        let guided = Options {
            relu: ReluRule::Guided,
            ..Options::default()
        };
        let guided = differentiate(small(), &guided).unwrap();
        let mut of_file = Explainer::new(guided, tract).unwrap();
        assert!(!of_file.signature().differentiated);
        let x = image();
        let gradient = Explainer::new(small(), tract)
            .and_then(|mut plain| plain.gradient(x.view(), 2))
            .unwrap();
        assert_eq!(of_file.gradient(x.view(), 2).unwrap(), gradient);
    }

    #[test]
    fn what_does_not_fit_is_told_in_one_sentence() {
        let mut explainer = Explainer::new(small(), tract).unwrap();
        let message = |result: Result<Gradient, AttributionError>| result.unwrap_err().to_string();
        assert_eq!(
            message(explainer.gradient(image().view(), 7)),
            "class 7 of 3: the classes are numbered from 0 to 2"
        );
        for shape in [
            (2, 3, 32, 32),
            (1, 1, 32, 32),
            (1, 3, 33, 32),
            (0, 3, 32, 32),
        ] {
            let error = message(explainer.gradient(Array4::zeros(shape).view(), 0));
            assert!(error.starts_with("the input is ["), "{error}");
        }
    }

    #[test]
    fn what_is_no_classifier_of_images_is_refused() {
        let refuse = |input: &[Dim], second: bool, rows: bool| {
            let mut graph = GraphBuilder::new("odd");
            graph.input("a", input);
            if second {
                graph.input("b", input);
            }
            let op = if rows { "Flatten" } else { "Relu" };
            let y = graph.node(op, "y", &["a"], []);
            graph.output(&y, None);
            let error = Explainer::new(graph.finish().unwrap(), tract).err();
            error.map(|e| e.to_string()).unwrap_or_default()
        };
        let known = |sizes: &[usize]| sizes.iter().copied().map(Dim::Known).collect::<Vec<_>>();
        assert_eq!(
            refuse(&known(&[1, 3, 8, 8]), true, true),
            "the model has 2 inputs (a, b): only a model with one image input can be explained"
        );
        assert_eq!(
            refuse(&known(&[1, 3, 8, 8]), false, false),
            "the model's output `y` has the shape [1, 3, 8, 8]: a classifier of images has [N, K] with a fixed number of classes K"
        );
        assert!(refuse(&known(&[1, 2, 8, 8]), false, true).contains("[1, 2, 8, 8]"));
        assert!(refuse(&known(&[1, 16]), false, true).contains("input `a`"));
        assert_eq!(refuse(&known(&[1, 3, 8, 8]), false, true), "");
    }

    /// An engine whose answer has the wrong shape must not get through.
    struct Liar;
    impl Engine for Liar {
        fn name(&self) -> &'static str {
            "liar"
        }
        fn run(&mut self, _: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
            let shape = ndarray::IxDyn(&[1, 4]);
            Ok(["logits", GRAD]
                .map(|n| (n.to_owned(), ArrayD::zeros(shape.clone())))
                .into())
        }
    }

    #[test]
    fn an_engines_answer_is_checked() {
        let signature = Signature::of(&small(), None).unwrap();
        let error = Explainer::over(Box::new(Liar), signature).logits(image().view());
        assert_eq!(
            error.unwrap_err().to_string(),
            "liar returned `logits` in the shape [1, 4], not [1, 3]"
        );
    }
}
