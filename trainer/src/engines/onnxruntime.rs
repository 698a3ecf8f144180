use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use pellucid_shared::engine::{Engine, EngineError, Outputs, require_numbers};
use pellucid_shared::onnx::{
    Footprint, MOST_BYTES, Model, require_finite, single_precision, speaks_single_precision,
};

use super::library;

const NAME: &str = "ONNX Runtime";

/// ONNX Runtime on the CPU, loaded from its own library when the first model is opened.
pub struct OrtEngine {
    session: Session,
    inputs: Vec<String>,
    /// What a run takes; not known of a file that was opened without being read here.
    footprint: Option<Footprint>,
}

impl OrtEngine {
    /// Loads a model. `threads` is the number of threads that one operator may use; `None` takes a thread per core.
    ///
    /// # Errors
    /// Where the library is missing or of another version, or it refuses the model.
    pub fn new(model: &Model, threads: Option<usize>) -> Result<Self, EngineError> {
        require_finite(model)?;
        if !speaks_single_precision(model) {
            return Self::new(&single_precision(model.clone())?, threads);
        }
        let footprint = Some(Footprint::of(model)?);
        if model.encoded_len() <= MOST_BYTES {
            let bytes = model.to_bytes();
            let engine = Self::commit(threads, |builder| builder.commit_from_memory(&bytes))?;
            return Ok(Self {
                footprint,
                ..engine
            });
        }
        // It takes models beyond protobuf's limit from files only.
        let folder = tempfile::tempdir().map_err(load_error)?;
        let path = folder.path().join("model.onnx");
        model.save(&path).map_err(load_error)?;
        let engine = Self::from_file(&path, threads)?;
        Ok(Self {
            footprint,
            ..engine
        })
    }

    /// Loads a model file that this program wrote, and what of its weights lies in files beside it.
    ///
    /// # Errors
    /// As [`OrtEngine::new`].
    pub fn from_file(path: &Path, threads: Option<usize>) -> Result<Self, EngineError> {
        Self::commit(threads, |builder| builder.commit_from_file(path))
    }

    fn commit(
        threads: Option<usize>,
        load: impl FnOnce(&mut SessionBuilder) -> ort::Result<Session>,
    ) -> Result<Self, EngineError> {
        let environment = environment()?;
        let mut builder = Session::builder(environment).map_err(load_error)?;
        if let Some(threads) = threads {
            builder = builder.with_intra_threads(threads).map_err(load_error)?;
        }
        let mut builder = builder
            // Waiting threads sleep: the machine stays usable, and other engines run beside this one.
            .with_intra_op_spinning(false)
            .map_err(load_error)?
            // What it has to say comes back as an error.
            .with_log_level(LogLevel::Fatal)
            .map_err(load_error)?;
        let session = load(&mut builder).map_err(load_error)?;
        let inputs = session.inputs().iter().map(|i| i.name().to_owned());
        Ok(Self {
            inputs: inputs.collect(),
            session,
            footprint: None,
        })
    }
}

/// ONNX Runtime's one environment per process, or why there is none.
fn environment() -> Result<&'static Environment, EngineError> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let library = library::find()?;
        let builder = ort::init_from(&library).map_err(|error| {
            format!("{error}: run `cargo xtask deps` to bring the version that fits")
        })?;
        let environment = builder
            .with_name("pellucid")
            .with_telemetry(false)
            .build()
            .map_err(|error| error.to_string())?;
        environment.set_log_level(LogLevel::Fatal);
        Ok(environment)
    });
    environment.as_ref().map_err(load_error)
}

fn load_error(error: impl std::fmt::Display) -> EngineError {
    let engine = NAME;
    EngineError::Load {
        engine,
        why: one_line(error),
    }
}

fn run_error(error: impl std::fmt::Display) -> EngineError {
    let engine = NAME;
    EngineError::Run {
        engine,
        why: one_line(error),
    }
}

/// What ONNX Runtime says, in one line, without the places in its source and the heads of its own log.
fn one_line(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let said = text.split("Stacktrace:").next().unwrap_or_default();
    let said = said.rsplit("Status Message: ").next().unwrap_or_default();
    let is_place =
        |word: &&str| !(word.starts_with("/onnxruntime_src/") || word.contains("onnxruntime::"));
    let words = said.split_whitespace().filter(is_place);
    let said = words.collect::<Vec<_>>().join(" ");
    match text
        .split_once("Name:'")
        .and_then(|(_, rest)| rest.split_once('\''))
    {
        Some((node, _)) if said.len() < text.len() => format!("it stops at node `{node}` ({said})"),
        _ => said,
    }
}

impl Engine for OrtEngine {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> Result<Outputs, EngineError> {
        // ONNX Runtime reads C order; an array that lies otherwise is copied.
        let contiguous = self
            .inputs
            .iter()
            .map(|name| {
                let given = inputs.iter().find(|(given, _)| given == name);
                let (_, value) = given.ok_or_else(|| EngineError::MissingInput(name.clone()))?;
                require_numbers(name, value)?;
                Ok((name, value.shape().to_vec(), value.as_standard_layout()))
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        if let Some(footprint) = &mut self.footprint {
            let fed: Vec<_> = contiguous
                .iter()
                .map(|(name, shape, _)| (&name[..], &shape[..]))
                .collect();
            footprint.admit(&fed)?;
        }
        let mut feeds: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = vec![];
        for (name, shape, values) in &contiguous {
            let values = values.as_slice().unwrap_or_default();
            let tensor = TensorRef::from_array_view((shape.clone(), values)).map_err(run_error)?;
            feeds.push((Cow::Borrowed(&name[..]), tensor.into()));
        }
        let results = self.session.run(feeds).map_err(run_error)?;
        let mut outputs = Outputs::new();
        for (name, value) in &results {
            // Integer outputs are of no use to attribution, but a model may have them beside its logits.
            let Ok((shape, values)) = value.try_extract_tensor::<f32>() else {
                continue;
            };
            let shape: Vec<usize> = shape.iter().map(|&d| d as usize).collect();
            let array =
                ArrayD::from_shape_vec(IxDyn(&shape), values.to_vec()).map_err(run_error)?;
            outputs.insert(name.to_owned(), array);
        }
        Ok(outputs)
    }
}
