//! The reference values that `cargo xtask reference` makes (tests/reference), and the engines' answers to them.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use ndarray::{ArrayD, Ix1, Ix2};
use ndarray_npy::ReadableElement;
use pellucid_shared::autodiff::{COTANGENT, GRAD};
use pellucid_shared::engine::{Outputs, take};
use pellucid_shared::onnx::Model;
use pellucid_trainer::engines::{EngineKind, open};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The engines that run a differentiated graph.
pub const ENGINES: [EngineKind; 2] = [EngineKind::Ort, EngineKind::Tract];

/// A corpus that lies in the user's cache folder.
pub struct Corpus<Entry> {
    folder: PathBuf,
    /// What its index lists.
    pub entries: Vec<Entry>,
}

/// One input and one output of one of ONNX's node tests.
#[derive(Deserialize)]
pub struct NodeCase {
    /// Its folder.
    pub name: String,
    /// The operators in it.
    pub operators: Vec<String>,
    /// The input that is differentiated with respect to.
    pub input: String,
    /// The output that is differentiated.
    pub output: String,
    /// Whether every slope is zero.
    #[serde(default)]
    pub zero: bool,
    /// Why there is no gradient to compare with.
    pub reason: Option<String>,
}

/// One of a zoo's networks.
#[derive(Deserialize)]
pub struct NetworkCase {
    /// Its folder.
    pub name: String,
    /// `torchscript`, `dynamo`: those that could export it.
    pub exporters: Vec<String>,
    /// What the other exporters said.
    pub refused: BTreeMap<String, String>,
    /// How far PyTorch's autograd is off differences of the network's own forward pass, relative; the gradient that is compared
    /// with is the one that differences confirm.
    pub autograd_off: Option<f64>,
}

#[derive(Deserialize)]
struct NodeIndex {
    cases: Vec<NodeCase>,
}

#[derive(Deserialize)]
struct NetworkIndex {
    models: Vec<NetworkCase>,
}

/// Cases that fail for a reason which does not lie in the differentiator.
#[derive(Deserialize)]
struct Known {
    /// `float64`, `float32`: the precisions in which they fail.
    fails: Vec<String>,
    why: String,
    /// Names of cases, or of tests, which means all of their cases.
    cases: Vec<String>,
}

/// Why each case that is known to fail in float32 does, by name of the case or the test (`tests/reference/known.json`).
///
/// # Errors
/// Where the list cannot be read.
pub fn known_to_fail() -> Result<HashMap<String, String>> {
    let known: Vec<Known> = serde_json::from_str(include_str!("reference/known.json"))?;
    let single = known
        .into_iter()
        .filter(|known| known.fails.iter().any(|f| f == "float32"));
    Ok(single
        .flat_map(|known| {
            known
                .cases
                .into_iter()
                .map(move |case| (case, known.why.clone()))
        })
        .collect())
}

/// The cases of single operators.
///
/// # Errors
/// Where they have not been made, or the index cannot be read.
pub fn nodes() -> Result<Corpus<NodeCase>> {
    open_corpus("nodes", |index: NodeIndex| index.cases)
}

/// The whole networks of a zoo: `models` for torchvision's, `timm`.
///
/// # Errors
/// Where they have not been made, or the index cannot be read.
pub fn networks(zoo: &str) -> Result<Corpus<NetworkCase>> {
    open_corpus(zoo, |index: NetworkIndex| index.models)
}

fn open_corpus<Index: DeserializeOwned, Entry>(
    name: &str,
    entries: impl FnOnce(Index) -> Vec<Entry>,
) -> Result<Corpus<Entry>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("no checkout")?;
    let folder = root.join(".pellucid").join(name);
    let path = folder.join("index.json");
    let index = std::fs::read(&path).with_context(|| {
        format!(
            "{} cannot be read: run `cargo xtask reference`",
            path.display()
        )
    })?;
    let entries = entries(serde_json::from_slice(&index)?);
    Ok(Corpus { folder, entries })
}

impl<Entry> Corpus<Entry> {
    /// A model of a case: `model.onnx`.
    ///
    /// # Errors
    /// Where the file is missing or no model.
    pub fn model(&self, case: &str, file: &str) -> Result<Model> {
        let path = self.folder.join(case).join(file);
        let bytes =
            std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Model::parse(&bytes)?)
    }

    /// An array of a case: `input` for `input.npy`.
    ///
    /// # Errors
    /// Where the file is missing or holds another type.
    pub fn array<T: ReadableElement>(&self, case: &str, name: &str) -> Result<ArrayD<T>> {
        let path = self.folder.join(case).join(format!("{name}.npy"));
        ndarray_npy::read_npy(&path).with_context(|| format!("{} cannot be read", path.display()))
    }
}

/// The model with these outputs only: an engine need not compute, nor understand, the others.
///
/// # Errors
/// Where the rest is no model.
pub fn with_outputs(model: &Model, names: &[&str]) -> Result<Model> {
    let mut proto = model.clone().into_proto();
    if let Some(graph) = &mut proto.graph {
        graph
            .output
            .retain(|output| names.contains(&&output.name[..]));
    }
    Ok(Model::from_proto(proto)?)
}

/// What an engine answers; a panic is an error.
///
/// # Errors
/// What the engine says.
pub fn run(kind: EngineKind, model: &Model, inputs: &[(&str, &ArrayD<f32>)]) -> Result<Outputs> {
    let feeds: Vec<_> = inputs
        .iter()
        .map(|(name, values)| (*name, values.view()))
        .collect();
    let answer = catch_unwind(AssertUnwindSafe(|| -> Result<Outputs> {
        Ok(open(kind, model)?.run(&feeds)?)
    }));
    answer.unwrap_or_else(|_| Err(anyhow!("{kind:?} panicked")))
}

/// The gradient that an engine computes with a differentiated graph.
///
/// # Errors
/// What the engine says.
pub fn gradient(
    kind: EngineKind,
    graph: &Model,
    (input, point): (&str, &ArrayD<f32>),
    cotangent: &ArrayD<f32>,
) -> Result<ArrayD<f64>> {
    let graph = with_outputs(graph, &[GRAD])?;
    let mut outputs = run(kind, &graph, &[(input, point), (COTANGENT, cotangent)])?;
    Ok(take(&mut outputs, GRAD)?.mapv(f64::from))
}

/// The slopes of a gradient along directions `[k, *shape]`: `[k]`.
///
/// # Errors
/// Where the shapes do not fit.
pub fn along(gradient: &ArrayD<f64>, directions: &ArrayD<i8>) -> Result<ArrayD<f64>> {
    let shape = directions.shape();
    if gradient.shape() != &shape[1..] {
        return Err(anyhow!(
            "the gradient has the shape {:?}, not {:?}",
            gradient.shape(),
            &shape[1..]
        ));
    }
    let flat = gradient
        .to_shape(gradient.len())?
        .into_owned()
        .into_dimensionality::<Ix1>()?;
    let rows = directions
        .to_shape((shape[0], gradient.len()))?
        .mapv(f64::from)
        .into_dimensionality::<Ix2>()?;
    Ok(rows.dot(&flat).into_dyn())
}
