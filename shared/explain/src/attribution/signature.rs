use super::AttributionError;
use onnx_autodiff::{DIFFERENTIATED, RELU_RULE, is_extended, own_inputs, own_outputs};
use onnx_edit::{Dim, Model, OnnxError, Shape, declared_shape, infer_shapes, shape_text};
use pellucid_cards::Scores;

/// What a classifier takes and gives: names and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the image input.
    pub input: String,
    /// Its shape `[N, C, H, W]` with 1 or 3 channels; any of the dimensions but the channels may be open.
    pub shape: [Dim; 4],
    /// The name of the output of scores.
    pub output: String,
    /// The number of classes, K of `[N, K]`.
    pub classes: usize,
    /// What the scores are; [`Signature::of`] takes them for logits whose softmax are the probabilities.
    pub scores: Scores,
    /// Whether the graph holds its exact gradient already, as `pellucid differentiate` writes it; not that of guided
    /// back-propagation, say.
    pub differentiated: bool,
}

impl Signature {
    /// Reads the signature off a model. `output` names the logits where the model has several outputs.
    ///
    /// # Errors
    /// [`AttributionError::Inputs`], [`AttributionError::NotAClassifier`], and [`OnnxError`] where several outputs
    /// leave open which are the logits.
    pub fn of(model: &Model, output: Option<&str>) -> Result<Self, AttributionError> {
        let inputs = own_inputs(model);
        let &[input] = &inputs[..] else {
            let names = inputs.iter().map(|i| i.name.clone()).collect();
            return Err(AttributionError::Inputs { names });
        };
        let outputs: Vec<_> = own_outputs(model).iter().map(|o| &o.name[..]).collect();
        let output = match (output, &outputs[..]) {
            (None, [one]) => model.output(Some(one))?,
            (None, _) => {
                let known = outputs.iter().map(|&name| name.to_owned()).collect();
                return Err(OnnxError::Ambiguous {
                    kind: "output",
                    known,
                }
                .into());
            }
            (Some(name), _) => model.output(Some(name))?,
        };

        let declared = declared_shape(input);
        let shape = image_shape(declared.as_ref()).ok_or_else(|| {
            let wanted = "[N, C, H, W] with 1 or 3 channels C";
            wrong("input", &input.name, declared.as_ref(), wanted)
        })?;
        let inferred = infer_shapes(model)?.get(&output.name).cloned();
        let candidates = [inferred.clone(), declared_shape(output)];
        let classes = candidates.iter().flatten().find_map(number_of_classes);
        let classes = classes.ok_or_else(|| {
            wrong(
                "output",
                &output.name,
                inferred.as_ref(),
                "[N, K] with a fixed number of classes K",
            )
        })?;
        Ok(Self {
            input: input.name.clone(),
            shape,
            output: output.name.clone(),
            classes,
            scores: Scores::default(),
            differentiated: is_extended(model)
                && model.metadata(RELU_RULE).is_none()
                && model
                    .metadata(DIFFERENTIATED)
                    .is_none_or(|of| of == output.name),
        })
    }

    /// Height and width of the input, where the graph fixes them.
    #[must_use]
    pub fn size(&self) -> Option<(usize, usize)> {
        Some((self.shape[2].known()?, self.shape[3].known()?))
    }

    /// Whether a tensor of these dimensions may be fed.
    pub(super) fn accepts(&self, given: &[usize]) -> Result<(), AttributionError> {
        if let Some(batch) = self.shape[0].known().filter(|&batch| batch != 1) {
            let input = self.input.clone();
            return Err(AttributionError::Batch { input, batch });
        }
        let fits = given.len() == self.shape.len()
            && given
                .iter()
                .zip(&self.shape)
                .all(|(&given, dim)| given > 0 && dim.known().is_none_or(|known| known == given));
        fits.then_some(()).ok_or_else(|| AttributionError::Input {
            given: given.to_vec(),
            wanted: shape_text(&self.shape),
        })
    }
}

/// `[N, C, H, W]`; a graph that says nothing of its input's shape is taken at the caller's word.
fn image_shape(declared: Option<&Shape>) -> Option<[Dim; 4]> {
    let Some(shape) = declared else {
        return Some([Dim::Unknown, Dim::Known(3), Dim::Unknown, Dim::Unknown]);
    };
    let mut shape: [Dim; 4] = shape.clone().try_into().ok()?;
    match shape[1].known() {
        None => shape[1] = Dim::Known(3),
        Some(1 | 3) => {}
        Some(_) => return None,
    }
    Some(shape)
}

fn number_of_classes(shape: &Shape) -> Option<usize> {
    match &shape[..] {
        [_, Dim::Known(classes)] if *classes > 0 => Some(*classes),
        _ => None,
    }
}

fn wrong(
    kind: &'static str,
    name: &str,
    shape: Option<&Shape>,
    wanted: &'static str,
) -> AttributionError {
    AttributionError::NotAClassifier {
        kind,
        name: name.to_owned(),
        shape: shape.map_or_else(|| "[?]".to_owned(), |shape| shape_text(shape)),
        wanted,
    }
}
