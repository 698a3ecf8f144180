//! One network with its gradient, ready to answer.

mod about;
mod explaining;

pub use about::{About, Figure};

use std::cell::RefCell;
use std::rc::Rc;

use ndarray::{Array2, Array3, Array4, ArrayView, Ix4};
use pellucid_shared::attribution::Signature;
use pellucid_shared::autodiff::{self, differentiate};
use pellucid_shared::card::{Card, Class, Training};
use pellucid_shared::contract::{Assumption, Contract, Wishes};
use pellucid_shared::engine::TractTape;
use pellucid_shared::onnx::Model;
use pellucid_shared::said;
use serde::Serialize;

use crate::ViewerError;
use crate::pin::pin_input;
use crate::recorder::Recorder;

/// A classifier on tract, differentiated from the plain model file.
pub struct Classifier {
    contract: Contract,
    outputs: Vec<String>,
    signature: Signature,
    recorder: Rc<RefCell<Recorder>>,
    /// The image last classified, `[1, C, H, W]`.
    image: Option<Array4<f32>>,
    no_gradient: Option<String>,
}

/// What the page shows of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The card's name for the model; may be empty.
    pub name: String,
    /// One per score.
    pub classes: Vec<ClassDescription>,
    /// Whether the classes have names.
    pub named: bool,
    /// Side of the network's square input in pixels.
    pub size: u32,
    /// Channels of the network's input, 1 or 3.
    pub channels: usize,
    /// Whether the graph itself fixes the side.
    pub fixed_size: bool,
    /// Whether model or sidecar say how to use the model.
    pub has_card: bool,
    /// What nobody told, as sentences: the same that `pellucid explain` prints.
    pub assumed: Vec<Assumption>,
    /// The input as a card's section, as JSON: what [`crate::Picture`] needs to make the network's input.
    pub input: String,
    /// What is explained, and what its numbers are, as a card's section, as JSON.
    pub output: String,
    /// The values that can be explained: the one that is, and the graph's outputs.
    pub outputs: Vec<String>,
    /// One line on the training, such as `resnet-small, phantom:2400, PGD-7 L2 ε = 1.5`; empty where unknown.
    pub training: String,
    /// What the card tells people; `None` without a card.
    pub about: Option<About>,
    /// Why there is no gradient, where there is none.
    pub no_gradient: Option<String>,
}

/// A class as the page shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassDescription {
    /// The short name, or the number.
    pub code: String,
    /// The name for people.
    pub title: String,
}

/// A network's answer to an image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The scores: logits, unless the settings say otherwise.
    pub logits: Vec<f32>,
    /// The probabilities; `None` where the scores are neither logits nor probabilities.
    pub probabilities: Option<Vec<f32>>,
    /// The number of the highest score; `None` where the network answers with something that is no number.
    pub predicted: Option<usize>,
    /// What only the answer could show of the model.
    pub assumed: Option<Assumption>,
}

impl Classifier {
    /// Opens the bytes of an `.onnx` file, and derives its gradient graph. `sidecar` is a card's JSON that takes the
    /// place of the model's own.
    ///
    /// A model whose gradient is beyond [`differentiate`] still predicts; [`Description::no_gradient`] says why it
    /// cannot be explained.
    ///
    /// # Errors
    /// Where the file is no classifier of square images that tract can run, or the card does not fit it.
    pub fn open(bytes: Vec<u8>, sidecar: Option<&str>) -> Result<Self, ViewerError> {
        let model = Model::parse(&bytes)?;
        let wishes = Wishes {
            card: sidecar.map(Card::parse).transpose()?,
            ..Wishes::default()
        };
        let contract = Contract::resolve(&model, &wishes)?;
        let side = contract.for_images()?.preprocessing.size as usize;
        let mut outputs = vec![contract.value().to_owned()];
        let names = model.outputs().iter().map(|output| output.name.clone());
        outputs.extend(names.filter(|name| name != contract.value() && name != autodiff::GRAD));

        let (model, signature) = contract.adapt(model)?;
        let channels = contract.input.channels.unwrap_or_default().count();
        let shape = [1, channels, side, side];
        let (model, no_gradient) = if signature.differentiated {
            (model, None)
        } else {
            let options = autodiff::Options {
                input: Some(signature.input.clone()),
                output: Some(signature.output.clone()),
                ..autodiff::Options::default()
            };
            match differentiate(pin_input(model, &signature.input, shape)?, &options) {
                Ok(model) => (model, None),
                // The attempt consumed the model, and the bytes are still at hand: no copy for the usual case.
                Err(why) => (
                    contract.adapt(Model::parse(&bytes)?)?.0,
                    Some(why.to_string()),
                ),
            }
        };
        drop(bytes);
        let input = (&signature.input[..], &shape[..]);
        let output = (&signature.output[..], &[1, signature.classes][..]);
        let tape = TractTape::new(model, input, output, (autodiff::COTANGENT, autodiff::GRAD))?;
        Ok(Self {
            contract,
            outputs,
            signature,
            recorder: Rc::new(RefCell::new(Recorder::new(tape))),
            image: None,
            no_gradient,
        })
    }

    /// What the page shows of the model.
    ///
    /// # Errors
    /// Where the card holds numbers that JSON cannot.
    pub fn describe(&self) -> Result<Description, ViewerError> {
        let contract = &self.contract;
        let class = |(index, class): (usize, &Class)| ClassDescription {
            code: said::reason(&class.code).to_string(),
            title: if contract.named {
                said::reason(class.title()).to_string()
            } else {
                format!("Class {index}")
            },
        };
        let card = contract.card.as_ref();
        let training = card.and_then(|card| card.training.as_ref());
        Ok(Description {
            name: card
                .map(|card| said::reason(&card.name).to_string())
                .unwrap_or_default(),
            classes: contract.classes.iter().enumerate().map(class).collect(),
            named: contract.named,
            size: contract.input.preprocessing.size,
            channels: contract.input.channels.unwrap_or_default().count(),
            fixed_size: contract.fixed.is_some(),
            has_card: card.is_some(),
            assumed: contract.assumed.clone(),
            input: json(&contract.input)?,
            output: json(&contract.output)?,
            outputs: self.outputs.clone(),
            training: training.map(training_line).unwrap_or_default(),
            about: card.map(About::of),
            no_gradient: self.no_gradient.clone(),
        })
    }

    /// The prediction for a network input `[C, H, W]`, as [`crate::Picture`] makes it.
    ///
    /// # Errors
    /// Where the number of values does not fit, or tract fails.
    pub fn classify(&mut self, input: &[f32]) -> Result<Prediction, ViewerError> {
        let (channels, height, width) = self.shape();
        let view = ArrayView::<f32, Ix4>::from_shape((1, channels, height, width), input);
        let view = view.map_err(|_| ViewerError::Input {
            given: input.len(),
            wanted: channels * height * width,
        })?;
        self.image = None;
        let scores = self.recorder.borrow_mut().forward(view.into_dyn())?;
        let scores: Vec<f32> = scores.into_iter().collect();
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(ViewerError::NotNumbers);
        }
        self.image = Some(view.to_owned());
        let answer = self.contract.answer(scores);
        Ok(Prediction {
            logits: answer.scores,
            probabilities: answer.probabilities,
            predicted: answer.predicted,
            assumed: answer.assumed,
        })
    }

    /// The gradient `[C, H, W]` of a class's score with respect to the network's own input, at the image last given to
    /// [`Classifier::classify`]; neither scaled nor made absolute.
    ///
    /// # Errors
    /// Where there is no such class, no image yet, or no gradient.
    pub fn gradient(&mut self, class: usize) -> Result<Array3<f32>, ViewerError> {
        if let Some(why) = &self.no_gradient {
            return Err(ViewerError::NoGradient(why.clone()));
        }
        let classes = self.signature.classes;
        if class >= classes {
            return Err(ViewerError::Class { class, classes });
        }
        let image = self.image.as_ref().ok_or(ViewerError::NoImage)?;
        let mut cotangent = Array2::zeros((1, classes));
        cotangent[[0, class]] = 1.0;
        let (image, cotangent) = (image.view().into_dyn(), cotangent.view().into_dyn());
        let grad = self.recorder.borrow_mut().gradient(image, cotangent)?;
        let (channels, height, width) = self.shape();
        let (given, wanted) = (grad.len(), channels * height * width);
        grad.into_shape_with_order(self.shape())
            .map_err(|_| ViewerError::Input { given, wanted })
    }

    /// Channels, height and width of the input.
    fn shape(&self) -> (usize, usize, usize) {
        let side = self.contract.input.preprocessing.size as usize;
        (
            self.contract.input.channels.unwrap_or_default().count(),
            side,
            side,
        )
    }
}

fn json(value: &impl Serialize) -> Result<String, ViewerError> {
    serde_json::to_string(value).map_err(|error| ViewerError::Page(error.to_string()))
}

fn training_line(training: &Training) -> String {
    let mut parts = vec![training.architecture.clone(), training.data.clone()];
    if let Some(attack) = training.adversarial {
        let norm = attack.norm.symbol();
        parts.push(format!(
            "PGD-{} {norm}, ε = {}",
            attack.steps, attack.epsilon
        ));
    }
    parts.retain(|part| !part.is_empty());
    said::reason(&parts.join(" · ")).to_string()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, ArrayD};
    use pellucid_shared::attribution::{Explainer, predicted};
    use pellucid_shared::card::{Input, Range};
    use pellucid_shared::engine::{Engine, TractEngine};
    use pellucid_shared::image::Preprocessing;
    use pellucid_shared::onnx::{Dim, GraphBuilder};
    use pellucid_shared::zoo::{Architecture, Blueprint, LOGITS, build};

    use super::*;

    pub(super) const SIDE: usize = 32;

    pub(super) fn network() -> Model {
        build(&Blueprint::new(Architecture::ResnetSmall, 3, SIDE, 5)).unwrap()
    }

    pub(super) fn input() -> Vec<f32> {
        (0..3 * SIDE * SIDE)
            .map(|i| (i as f32 * 0.37).sin() * 0.5 + 0.5)
            .collect()
    }

    /// The reference is the library's own way, which the trainer checks against libtorch.
    #[test]
    fn logits_and_gradient_are_those_of_the_library() {
        let mut classifier = Classifier::open(network().to_bytes(), None).unwrap();
        let tract = |graph: &Model| Ok(Box::new(TractEngine::new(graph)?) as Box<dyn Engine>);
        let mut explainer = Explainer::new(network(), tract).unwrap();
        let image = Array4::from_shape_vec((1, 3, SIDE, SIDE), input()).unwrap();
        let prediction = classifier.classify(&input()).unwrap();
        for class in [1, 0, 2] {
            let expected = explainer.gradient(image.view(), class).unwrap();
            assert_eq!(prediction.logits, expected.logits);
            assert_eq!(classifier.gradient(class).unwrap(), expected.grad);
        }
        assert_eq!(prediction.predicted, predicted(&prediction.logits));
    }

    #[test]
    fn a_model_without_card_gets_guesses_that_say_so() {
        let described = Classifier::open(network().to_bytes(), None)
            .unwrap()
            .describe()
            .unwrap();
        assert!(!described.has_card && described.fixed_size);
        assert_eq!(described.size, 32);
        assert_eq!(described.classes[2].title, "Class 2");
        let input: Input = serde_json::from_str(&described.input).unwrap();
        // The graph normalises by itself, and shows it.
        assert_eq!((input.range, input.mean), (Some(Range::Unit), None));
        let sentences: Vec<&str> = described
            .assumed
            .iter()
            .map(|what| &what.text[..])
            .collect();
        assert!(
            sentences.iter().any(|text| text.contains("0 to 1")),
            "{sentences:?}"
        );
    }

    #[test]
    fn a_sidecar_takes_the_place_of_the_card_and_must_fit() {
        let sidecar = |size: u32, codes: &[&str]| {
            let class = |code: &&str| Class {
                code: (*code).to_owned(),
                name: String::new(),
            };
            let input = Input::plain(Preprocessing::square(size));
            let card = Card::new("mine", codes.iter().map(class).collect(), input);
            Classifier::open(network().to_bytes(), Some(&card.to_json().unwrap()))
        };
        let described = sidecar(32, &["a", "b", "c"]).unwrap().describe().unwrap();
        assert_eq!(
            (&described.name[..], &described.classes[1].code[..]),
            ("mine", "b")
        );
        assert!(described.has_card);
        let refusal = |size, codes: &[&str]| sidecar(size, codes).err().unwrap().to_string();
        assert_eq!(
            refusal(64, &[]),
            "the model takes images of 32×32 pixels, not 64×64: correct the size"
        );
        assert_eq!(
            refusal(32, &["a"]),
            "1 classes are named, but the model distinguishes 3: name them all, in the model's order"
        );
    }

    /// `Rsqrt`, which tract runs and ONNX does not have: there will never be a gradient rule for it.
    #[test]
    fn a_model_that_cannot_be_differentiated_still_predicts() {
        let mut graph = GraphBuilder::new("odd");
        let batch = || Dim::Named("N".into());
        let image = [batch(), Dim::Known(3), Dim::Unknown, Dim::Unknown];
        graph.input("image", &image);
        let odd = graph.node("Rsqrt", "odd", &["image"], []);
        let pooled = graph.node("GlobalAveragePool", "pool", &[&odd], []);
        let logits = graph.node("Flatten", "logits", &[&pooled], []);
        graph.output(&logits, Some(&[batch(), Dim::Known(3)]));
        let bytes = graph.finish().unwrap().to_bytes();
        let mut classifier = Classifier::open(bytes, None).unwrap();
        let described = classifier.describe().unwrap();
        let why = described.no_gradient.unwrap();
        assert!(why.contains("Rsqrt"), "{why}");
        assert_eq!(described.size, 224);
        let ones = vec![1.0; 3 * 224 * 224];
        // 1 / √1 = 1
        assert_eq!(classifier.classify(&ones).unwrap().logits, [1.0; 3]);
        assert_eq!(classifier.gradient(0).unwrap_err().to_string(), why);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut classifier = Classifier::open(network().to_bytes(), None).unwrap();
        let none = "there is no image to explain yet: open one";
        assert_eq!(classifier.gradient(0).unwrap_err().to_string(), none);
        assert_eq!(
            classifier.classify(&[0.0; 3]).unwrap_err().to_string(),
            "the input holds 3 values, but the model takes 3072"
        );
        classifier.classify(&input()).unwrap();
        assert_eq!(
            classifier.gradient(3).unwrap_err().to_string(),
            "there is no class number 3: the model distinguishes 3"
        );
        assert!(Classifier::open(b"no model".to_vec(), None).is_err());
    }

    #[test]
    fn of_several_outputs_the_logits_are_taken_or_their_names_told() {
        let outputs = |second: &str| {
            let mut graph = GraphBuilder::edit(network());
            let doubled = graph.node("Add", second, &[LOGITS, LOGITS], []);
            graph.output(&doubled, Some(&[Dim::Named("N".into()), Dim::Known(3)]));
            graph
        };
        let bytes = outputs("doubled").finish().unwrap().to_bytes();
        let mut classifier = Classifier::open(bytes, None).unwrap();
        let mut alone = Classifier::open(network().to_bytes(), None).unwrap();
        let expected = alone.classify(&input()).unwrap();
        assert_eq!(classifier.classify(&input()).unwrap(), expected);
        assert_eq!(classifier.gradient(1).unwrap(), alone.gradient(1).unwrap());

        let mut graph = outputs("twice");
        let tripled = graph.node("Add", "thrice", &["twice", LOGITS], []);
        graph.graph_mut().output.remove(0);
        graph.output(&tripled, None);
        let refusal = Classifier::open(graph.finish().unwrap().to_bytes(), None);
        let sentence = refusal.err().unwrap().to_string();
        assert!(
            sentence.starts_with("the model has 2 outputs (twice, thrice)"),
            "{sentence}"
        );
    }

    /// A file that `pellucid differentiate` wrote is used as it is.
    #[test]
    fn a_differentiated_file_gives_the_same_gradient() {
        let differentiated = differentiate(network(), &autodiff::Options::default()).unwrap();
        let mut of_plain = Classifier::open(network().to_bytes(), None).unwrap();
        let mut of_file = Classifier::open(differentiated.to_bytes(), None).unwrap();
        let gradient = |classifier: &mut Classifier| {
            classifier.classify(&input()).unwrap();
            classifier.gradient(1).unwrap().into_dyn()
        };
        let expected: ArrayD<f32> = gradient(&mut of_plain);
        assert_eq!(gradient(&mut of_file), expected);
    }
}
