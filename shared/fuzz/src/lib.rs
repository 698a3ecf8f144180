//! What the fuzz targets check. How to run them is in `docs/development.md`.

pub mod graph;
mod operators;
mod reading;
mod tables;

pub use reading::{arrayed, carded, pictured};
pub use tables::tabled;

use pellucid_shared::autodiff::{COTANGENT, GRAD, Options, ReluRule, differentiate};
use pellucid_shared::onnx::pb::ModelProto;
use pellucid_shared::onnx::{Batch, Model, OnnxError, infer_shapes, inline, set_batch};
use pellucid_shared::said::is_hidden;

/// Results beyond this are not read again: that would only measure the memory of this harness.
const LARGEST_READ_AGAIN: usize = 32 << 20;

/// Differentiates the first output of a model that was read with respect to its first input. Either fails with an error that
/// says something, or the result is a model that holds a gradient and can be read again. `chance` chooses further options.
///
/// # Panics
/// Where that does not hold: a fault in `pellucid-shared`.
pub fn differentiated(model: Result<Model, OnnxError>, chance: usize) {
    let model = match model {
        Ok(model) => model,
        Err(error) => return tell(&error),
    };
    let _ = infer_shapes(&model).map_err(|error| tell(&error));
    let _ = model.input(None).map_err(|error| tell(&error));
    let Some(output) = model.outputs().first() else {
        return;
    };
    let options = Options {
        input: model.inputs().first().map(|value| value.name.clone()),
        output: Some(output.name.clone()),
        ..Options::default()
    };
    let other_batch = inline(model.clone()).and_then(|m| set_batch(m, Batch::Open));
    let _ = other_batch.map_err(|error| tell(&error));
    let nodes = &model.graph().node;
    if !chance.is_multiple_of(3) && !nodes.is_empty() {
        let other = Options {
            features: nodes[chance % nodes.len()].output.first().cloned(),
            relu: [ReluRule::Guided, ReluRule::Deconvnet][chance % 2],
            ..options.clone()
        };
        gradient(model.clone(), &other);
    }
    gradient(model, &options);
}

/// A graph as a file's reader hands it on: checked, and brought into the form that is written.
///
/// # Errors
/// As [`Model::parse`].
pub fn read(proto: ModelProto) -> Result<Model, OnnxError> {
    Model::parse(&Model::from_proto(proto)?.to_bytes())
}

fn gradient(model: Model, options: &Options) {
    let gradient = match differentiate(model, options) {
        Ok(gradient) => gradient,
        Err(error) => return tell(&error),
    };
    assert!(gradient.input(Some(COTANGENT)).is_ok());
    assert!(gradient.output(Some(GRAD)).is_ok());
    let bytes = gradient.to_bytes();
    if bytes.len() <= LARGEST_READ_AGAIN {
        let again = Model::parse(&bytes).expect("what was written can be read");
        assert_eq!(again.to_bytes(), bytes);
    }
}

/// The longest that an error may be, in bytes: a sentence with a few names in it.
const LONGEST: usize = 2_000;

/// What an error says can be shown: a short sentence without characters that steer a terminal.
fn tell(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let said = error.to_string();
        assert!(!said.is_empty() && said.len() <= LONGEST, "{}", said.len());
        assert!(!said.contains(is_hidden), "{said:?}");
        cause = error.source();
    }
}
