//! Explaining by every method that the page offers.

use std::ops::ControlFlow;
use std::rc::Rc;

use pellucid_shared::attribution::{Attribution, Explainer, Job, PixelSpace, Progress, Signature};
use pellucid_shared::engine::TractEngine;
use pellucid_shared::onnx::{Dim, Model};

use super::Classifier;
use crate::pin::pin_input;
use crate::recorder::Recorded;
use crate::{Question, ViewerError};

impl Classifier {
    /// Answers a question about the image last given to [`Classifier::classify`], by the library's methods; `told` hears how
    /// far it is. `bytes` is the model's file, for methods that look inside the network: [`Question`]'s method says whether.
    ///
    /// # Errors
    /// Where there is no such class, no image yet, no gradient where one is needed, or the method fails.
    pub fn explain(
        &self,
        question: &Question,
        bytes: Option<&[u8]>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Attribution, ViewerError> {
        if let Some(why) = self.no_gradient.as_ref()
            && !question.method.needs_no_gradient()
        {
            return Err(ViewerError::NoGradient(why.clone()));
        }
        let method = question.method.method()?;
        let image = self.image.as_ref().ok_or(ViewerError::NoImage)?;
        let (mean, std) = self.contract.input.scale();
        let mut tell = |progress: Progress| {
            told(progress);
            ControlFlow::Continue(())
        };
        let job = Job {
            batch: 1,
            progress: Some(&mut tell),
            ..Job::default()
        };
        let mut explainer = match bytes {
            Some(bytes) if question.method.looks_inside() => self.opened_again(bytes)?,
            _ => self.recorded(),
        };
        let space = PixelSpace::normalised(mean, std);
        Ok(explainer.explain(&method, image.view(), question.target(), space, job)?)
    }

    /// An explainer over the network as it is open.
    fn recorded(&self) -> Explainer {
        let engine = Recorded {
            recorder: Rc::clone(&self.recorder),
            names: (self.signature.input.clone(), self.signature.output.clone()),
        };
        Explainer::over(Box::new(engine), self.pinned(self.signature.clone()))
    }

    /// An explainer that derives the graphs which a method asks for.
    fn opened_again(&self, bytes: &[u8]) -> Result<Explainer, ViewerError> {
        let (model, signature) = self.contract.adapt(Model::parse(bytes)?)?;
        let (channels, height, width) = self.shape();
        let model = pin_input(model, &signature.input, [1, channels, height, width])?;
        let open = |graph: &Model| Ok(Box::new(TractEngine::new(graph)?) as _);
        Ok(Explainer::with_signature(
            model,
            self.pinned(signature),
            open,
        ))
    }

    /// The signature for one image of the network's size.
    fn pinned(&self, signature: Signature) -> Signature {
        let (channels, height, width) = self.shape();
        let shape = [1, channels, height, width].map(Dim::Known);
        Signature { shape, ..signature }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use pellucid_shared::engine::Engine;

    use super::super::tests::{SIDE, input, network};
    use super::*;

    /// Every method and the margin, against the library's explainer on graphs of its own.
    #[test]
    fn every_method_answers_as_the_library_does() {
        let bytes = network().to_bytes();
        let mut classifier = Classifier::open(bytes.clone(), None).unwrap();
        classifier.classify(&input()).unwrap();
        let tract = |graph: &Model| Ok(Box::new(TractEngine::new(graph)?) as Box<dyn Engine>);
        let mut explainer = Explainer::new(network(), tract).unwrap();
        let image = Array4::from_shape_vec((1, 3, SIDE, SIDE), input()).unwrap();
        let methods = [
            r#"{"name": "gradient"}"#,
            r#"{"name": "input-x-gradient"}"#,
            r#"{"name": "smoothgrad", "samples": 5, "sigma": 0.15}"#,
            r#"{"name": "integrated-gradients", "steps": 9, "baseline": "blur:3"}"#,
            r#"{"name": "grad-cam"}"#,
            r#"{"name": "occlusion", "window": 8, "stride": 4, "baseline": "value:0.5"}"#,
        ];
        for method in methods {
            for against in ["null", "2"] {
                let question =
                    format!(r#"{{"class": 1, "against": {against}, "method": {method}}}"#);
                let question: Question = serde_json::from_str(&question).unwrap();
                let mut steps = vec![];
                let found = classifier
                    .explain(&question, Some(&bytes), &mut |progress| {
                        steps.push(progress)
                    })
                    .unwrap();
                let (way, target) = (question.method.method().unwrap(), question.target());
                let (space, job) = (
                    PixelSpace::default(),
                    Job {
                        batch: 1,
                        ..Job::default()
                    },
                );
                let expected = explainer
                    .explain(&way, image.view(), target, space, job)
                    .unwrap();
                assert_eq!(found.logits, expected.logits, "{method}");
                let (map, expected) = (found.map.channels(), expected.map.channels());
                let size = expected.iter().map(|v| v * v).sum::<f32>().sqrt();
                let off = (&map - &expected).iter().map(|v| v * v).sum::<f32>().sqrt();
                assert!(
                    size > 0.0 && off <= 1e-5 * size,
                    "{method}: {off} of {size}"
                );
                let last = steps.last().unwrap();
                assert!(
                    last.done == last.total && steps.len() == last.total,
                    "{method}"
                );
            }
        }
        // Noisy copies that were run in between are not taken for the image.
        let expected = explainer.gradient(image.view(), 0).unwrap().grad;
        assert_eq!(classifier.gradient(0).unwrap(), expected);
    }
}
