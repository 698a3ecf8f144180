use ndarray::{Array2, Array3, ArrayD, ArrayView4, Axis, Ix4};

use super::{AttributionError, Signature};
use crate::autodiff::{COTANGENT, GRAD, Options, differentiate};
use crate::engine::{Engine, EngineError, Outputs, take};
use crate::onnx::Model;

/// The gradient of a class's logit with respect to the network's own input, and the logits it was taken at
/// (Simonyan et al., *Deep Inside Convolutional Networks*, 2014).
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The logits, one per class.
    pub logits: Vec<f32>,
    /// `[3, H, W]`: ∂logit/∂input, neither scaled nor made absolute.
    pub grad: Array3<f32>,
}

/// Runs a differentiated graph once: the gradient of logit number `class` at `input`, `[1, 3, H, W]`.
///
/// # Errors
/// [`AttributionError::Class`] where there is no such class, [`AttributionError::Input`] where the input does not fit,
/// and where the engine fails.
pub fn gradient(
    engine: &mut dyn Engine,
    signature: &Signature,
    input: ArrayView4<'_, f32>,
    class: usize,
) -> Result<Gradient, AttributionError> {
    let classes = signature.classes;
    if class >= classes {
        return Err(AttributionError::Class { class, classes });
    }
    let mut cotangent = Array2::zeros((1, classes));
    cotangent[[0, class]] = 1.0;
    let (logits, grad) = pull_back(engine, signature, input, &cotangent)?;
    Ok(Gradient { logits, grad })
}

/// Explains a classifier: holds an engine that runs the network together with its gradient.
pub struct Explainer {
    engine: Box<dyn Engine>,
    signature: Signature,
}

impl Explainer {
    /// Differentiates a classifier (unless the file holds its gradient already) and lets `open` load the result.
    ///
    /// # Errors
    /// Where the model is no classifier of images, has an operator without a gradient rule, or the engine refuses it.
    pub fn new(
        model: Model,
        open: impl FnOnce(&Model) -> Result<Box<dyn Engine>, EngineError>,
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
        open: impl FnOnce(&Model) -> Result<Box<dyn Engine>, EngineError>,
    ) -> Result<Self, AttributionError> {
        let signature = Signature::of(&model, output)?;
        let differentiated = if signature.differentiated {
            model
        } else {
            let options = Options {
                input: Some(signature.input.clone()),
                output: Some(signature.output.clone()),
                ..Options::default()
            };
            differentiate(model, &options)?
        };
        let engine = open(&differentiated)?;
        Ok(Self { engine, signature })
    }

    /// Takes an engine that answers with `grad` when it is fed `cotangent`, whether through a graph or by a
    /// differentiation of its own.
    #[must_use]
    pub fn over(engine: Box<dyn Engine>, signature: Signature) -> Self {
        Self { engine, signature }
    }

    /// What the network takes and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The engine's name.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// The logits at `input`, `[1, 3, H, W]`. Takes as long as a gradient, since the graph computes both.
    ///
    /// # Errors
    /// As [`gradient`].
    pub fn logits(&mut self, input: ArrayView4<'_, f32>) -> Result<Vec<f32>, AttributionError> {
        let cotangent = Array2::zeros((1, self.signature.classes));
        pull_back(&mut *self.engine, &self.signature, input, &cotangent).map(|(logits, _)| logits)
    }

    /// The gradient of logit number `class` at `input`, `[1, 3, H, W]`.
    ///
    /// # Errors
    /// As [`gradient`].
    pub fn gradient(
        &mut self,
        input: ArrayView4<'_, f32>,
        class: usize,
    ) -> Result<Gradient, AttributionError> {
        gradient(&mut *self.engine, &self.signature, input, class)
    }
}

/// Logits, and the cotangent pulled back to the input, for one image.
fn pull_back(
    engine: &mut dyn Engine,
    signature: &Signature,
    input: ArrayView4<'_, f32>,
    cotangent: &Array2<f32>,
) -> Result<(Vec<f32>, Array3<f32>), AttributionError> {
    let given = input.shape().to_vec();
    signature.accepts(&given)?;
    if given[0] != 1 {
        let wanted = "1, 3, H, W".to_owned();
        return Err(AttributionError::Input { given, wanted });
    }
    let name = engine.name();
    let feeds = [
        (&signature.input[..], input.into_dyn()),
        (COTANGENT, cotangent.view().into_dyn()),
    ];
    let mut outputs = engine.run(&feeds)?;
    let logits = shaped(
        name,
        &mut outputs,
        &signature.output,
        &[1, signature.classes],
    )?;
    let grad = shaped(name, &mut outputs, GRAD, &given)?;
    let grad = grad
        .into_dimensionality::<Ix4>()
        .map(|grad| grad.index_axis_move(Axis(0), 0));
    // `shaped` has settled the number of dimensions.
    let grad = grad.unwrap_or_else(|_| Array3::zeros((0, 0, 0)));
    Ok((logits.into_iter().collect(), grad))
}

/// The output of that name, if it has the shape that the graph promises.
fn shaped(
    engine: &'static str,
    outputs: &mut Outputs,
    output: &str,
    wanted: &[usize],
) -> Result<ArrayD<f32>, AttributionError> {
    let array = take(outputs, output)?;
    if array.shape() == wanted {
        return Ok(array);
    }
    Err(AttributionError::Answer {
        engine,
        output: output.to_owned(),
        shape: array.shape().to_vec(),
        wanted: wanted.to_vec(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use ndarray::{Array4, ArrayViewD};

    use super::*;
    use crate::engine::TractEngine;
    use crate::onnx::{Dim, GraphBuilder};
    use crate::zoo::{Architecture, Blueprint, build};

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
        assert_eq!(
            of_plain.gradient(x.view(), 2).unwrap(),
            of_file.gradient(x.view(), 2).unwrap()
        );
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
        assert!(refuse(&known(&[1, 1, 8, 8]), false, true).contains("[1, 1, 8, 8]"));
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
