//! tract with a memory: the gradient at an image is taken from the forward pass that gave its scores.

use ndarray::{ArrayD, ArrayViewD};
use pellucid_shared::attribution::Signature;
use pellucid_shared::autodiff::{COTANGENT, GRAD};
use pellucid_shared::engine::{Engine, EngineError, Outputs, TractTape};
use pellucid_shared::onnx::Model;

/// A differentiated network that runs an image once, whatever is asked of it. All its images have the shape of the first.
pub(super) struct TapedEngine {
    signature: Signature,
    /// Taken when the first image tells the shape.
    model: Option<Model>,
    tape: Option<TractTape>,
    /// The image that the tape holds, and its scores.
    last: Option<(ArrayD<f32>, ArrayD<f32>)>,
}

impl TapedEngine {
    /// For a model with the input `cotangent` and the output `grad`.
    pub(super) fn new(model: Model, signature: Signature) -> Self {
        Self {
            signature,
            model: Some(model),
            tape: None,
            last: None,
        }
    }

    /// The tape after the forward pass of an image, and the scores.
    fn forward(
        &mut self,
        image: &ArrayViewD<'_, f32>,
    ) -> Result<(&mut TractTape, ArrayD<f32>), EngineError> {
        if let Some(model) = self.model.take() {
            let Signature {
                input,
                output,
                classes,
                ..
            } = &self.signature;
            let (input, output) = (
                (&input[..], image.shape()),
                (&output[..], &[1, *classes][..]),
            );
            self.tape = Some(TractTape::new(model, input, output, (COTANGENT, GRAD))?);
        }
        let tape = self.tape.as_mut().ok_or_else(|| EngineError::Load {
            engine: "tract",
            why: "the model was refused before".to_owned(),
        })?;
        let scores = match self.last.take() {
            Some((known, scores)) if known == image => scores,
            _ => tape.forward(image.view())?,
        };
        self.last = Some((image.to_owned(), scores.clone()));
        Ok((tape, scores))
    }
}

impl Engine for TapedEngine {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
        let given = |wanted: &str| {
            let found = inputs.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value)
        };
        let Signature { input, output, .. } = &self.signature;
        let (input, output) = (input.clone(), output.clone());
        let image = given(&input).ok_or(EngineError::MissingInput(input.clone()))?;
        let (tape, scores) = self.forward(image)?;
        let mut outputs = Outputs::from([(output, scores)]);
        if let Some(cotangent) = given(COTANGENT) {
            let gradient = tape.backward(cotangent.view());
            // A tape that failed has let its image go.
            if gradient.is_err() {
                self.last = None;
            }
            outputs.insert(GRAD.to_owned(), gradient?);
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4};
    use pellucid_shared::autodiff::{Options, differentiate};
    use pellucid_shared::engine::TractEngine;
    use pellucid_shared::zoo::{Architecture, Blueprint, build};

    use super::*;

    /// Scores alone, then gradients: as an engine gives them that runs the whole graph each time.
    #[test]
    fn answers_are_those_of_the_graph_whatever_was_asked_before() {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap();
        let signature = Signature::of(&model, None).unwrap();
        let model = differentiate(model, &Options::default()).unwrap();
        let mut graph = TractEngine::new(&model).unwrap();
        let mut taped = TapedEngine::new(model, signature.clone());
        let image = |phase: usize| {
            Array4::from_shape_fn((1, 3, 32, 32), |(_, c, y, x)| {
                ((phase + c + 2 * y + 3 * x) as f32 * 0.37).sin()
            })
            .into_dyn()
        };
        let one_hot = |class: usize| {
            let mut row = Array2::zeros((1, 3));
            row[[0, class]] = 1.0_f32;
            row.into_dyn()
        };
        let name = &signature.input[..];
        for (phase, class) in [
            (0, None),
            (0, Some(2)),
            (0, Some(0)),
            (1, Some(0)),
            (0, None),
        ] {
            let (x, direction) = (image(phase), one_hot(class.unwrap_or(0)));
            let all = [(name, x.view()), (COTANGENT, direction.view())];
            let expected = graph.run(&all).unwrap();
            let asked = if class.is_some() { &all[..] } else { &all[..1] };
            let found = taped.run(asked).unwrap();
            assert_eq!(found.contains_key(GRAD), class.is_some());
            for (name, value) in &found {
                let size = expected[name]
                    .iter()
                    .fold(0.0_f32, |most, x| most.max(x.abs()));
                let far = (value - &expected[name])
                    .iter()
                    .fold(0.0_f32, |most, x| most.max(x.abs()));
                assert!(size > 0.0 && far <= 1e-5 * size, "{name}: {far} of {size}");
            }
        }
    }

    #[test]
    fn another_size_is_refused_and_the_first_still_answers() {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 1)).unwrap();
        let signature = Signature::of(&model, None).unwrap();
        let name = signature.input.clone();
        let mut taped = TapedEngine::new(model, signature);
        let small = Array4::<f32>::zeros((1, 3, 32, 32)).into_dyn();
        let large = Array4::<f32>::zeros((1, 3, 48, 48)).into_dyn();
        let scores = taped.run(&[(&name, small.view())]).unwrap();
        assert!(taped.run(&[(&name, large.view())]).is_err());
        assert_eq!(taped.run(&[(&name, small.view())]).unwrap(), scores);
        assert!(matches!(taped.run(&[]), Err(EngineError::MissingInput(_))));
    }
}
