//! A network that knows which image it was run on last.

use std::cell::RefCell;
use std::rc::Rc;

use ndarray::{ArrayD, ArrayViewD};
use pellucid_shared::autodiff::{COTANGENT, GRAD};
use pellucid_shared::engine::{Engine, EngineError, Outputs, TractTape};

/// A tape that runs an image once, however often its gradients are asked for.
pub(crate) struct Recorder {
    tape: TractTape,
    last: Option<Run>,
}

/// What the tape holds.
struct Run {
    image: ArrayD<f32>,
    output: ArrayD<f32>,
}

impl Recorder {
    pub(crate) fn new(tape: TractTape) -> Self {
        Self { tape, last: None }
    }

    /// The scores `[1, K]` at an image `[1, C, H, W]`.
    pub(crate) fn forward(
        &mut self,
        image: ArrayViewD<'_, f32>,
    ) -> Result<ArrayD<f32>, EngineError> {
        if let Some(run) = self.last.as_ref().filter(|run| run.image == image) {
            return Ok(run.output.clone());
        }
        self.last = None;
        let output = self.tape.forward(image.view())?;
        let run = self.last.insert(Run {
            image: image.to_owned(),
            output,
        });
        Ok(run.output.clone())
    }

    /// The gradient `[1, C, H, W]` of `cotangent · scores` at an image.
    pub(crate) fn gradient(
        &mut self,
        image: ArrayViewD<'_, f32>,
        cotangent: ArrayViewD<'_, f32>,
    ) -> Result<ArrayD<f32>, EngineError> {
        self.forward(image)?;
        let gradient = self.tape.backward(cotangent);
        if gradient.is_err() {
            self.last = None;
        }
        gradient
    }
}

/// A recorder as the engine of an [`Explainer`](pellucid_shared::attribution::Explainer), which runs one image at a time.
pub(crate) struct Recorded {
    pub(crate) recorder: Rc<RefCell<Recorder>>,
    /// The names of the graph's input and output.
    pub(crate) names: (String, String),
}

impl Engine for Recorded {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
        let given = |wanted: &str| inputs.iter().find(|(name, _)| *name == wanted);
        let (input, output) = &self.names;
        let (_, image) = given(input).ok_or_else(|| EngineError::MissingInput(input.clone()))?;
        let mut recorder = self.recorder.borrow_mut();
        let mut outputs = Outputs::new();
        outputs.insert(output.clone(), recorder.forward(image.view())?);
        if let Some((_, cotangent)) = given(COTANGENT) {
            let gradient = recorder.gradient(image.view(), cotangent.view())?;
            outputs.insert(GRAD.to_owned(), gradient);
        }
        Ok(outputs)
    }
}
