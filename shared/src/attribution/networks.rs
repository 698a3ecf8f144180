use super::graphs::part;
use super::{AttributionError, Signature};
use crate::autodiff::{Options, ReluRule, differentiate};
use crate::engine::{Engine, EngineError};
use crate::onnx::Model;

/// Makes a graph runnable.
pub(super) type Open = Box<dyn FnMut(&Model) -> Result<Box<dyn Engine>, EngineError>>;

/// A graph that methods run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Graph {
    /// The network as it is: logits.
    Forward,
    /// Logits and a value inside, by name.
    Features(String),
    /// Logits and the gradient; with features also that value and its gradient.
    Gradient {
        relu: ReluRule,
        features: Option<String>,
    },
}

impl Graph {
    /// Logits and the exact gradient.
    pub(super) fn gradient() -> Self {
        Self::Gradient {
            relu: ReluRule::Exact,
            features: None,
        }
    }
}

/// Where the graphs come from.
pub(super) enum Networks {
    /// One engine that gives logits, and the exact gradient too where it is fed a cotangent.
    Autograd(Box<dyn Engine>),
    /// A model whose graphs are derived and opened when a method first needs them, and kept.
    Derived {
        model: Box<Model>,
        open: Open,
        opened: Vec<(Graph, Box<dyn Engine>)>,
    },
}

impl Networks {
    /// The engine that runs a graph.
    pub(super) fn engine(
        &mut self,
        graph: &Graph,
        signature: &Signature,
    ) -> Result<&mut dyn Engine, AttributionError> {
        match self {
            Self::Autograd(engine) => {
                if *graph == Graph::Forward || *graph == Graph::gradient() {
                    Ok(&mut **engine)
                } else {
                    Err(AttributionError::NeedsGraph {
                        engine: engine.name(),
                    })
                }
            }
            Self::Derived {
                model,
                open,
                opened,
            } => {
                let place = match opened.iter().position(|(known, _)| known == graph) {
                    Some(place) => place,
                    None => {
                        let engine = open(&derive(model, graph, signature)?)?;
                        opened.push((graph.clone(), engine));
                        opened.len() - 1
                    }
                };
                Ok(&mut *opened[place].1)
            }
        }
    }

    /// The model that the graphs are derived from.
    pub(super) fn model(&self) -> Result<&Model, AttributionError> {
        match self {
            Self::Autograd(engine) => Err(AttributionError::NeedsGraph {
                engine: engine.name(),
            }),
            Self::Derived { model, .. } => Ok(model),
        }
    }

    /// The engine's name, once a graph is open.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Autograd(engine) => Some(engine.name()),
            Self::Derived { opened, .. } => opened.first().map(|(_, engine)| engine.name()),
        }
    }
}

fn derive(model: &Model, graph: &Graph, signature: &Signature) -> Result<Model, AttributionError> {
    let logits = &signature.output[..];
    match graph {
        Graph::Forward => Ok(part(model, &[logits])?),
        Graph::Features(value) if value == logits => Ok(part(model, &[logits])?),
        Graph::Features(value) => Ok(part(model, &[logits, value])?),
        // The file holds this one.
        Graph::Gradient {
            relu: ReluRule::Exact,
            features: None,
        } if signature.differentiated => Ok(model.clone()),
        Graph::Gradient { relu, features } => {
            let options = Options {
                input: Some(signature.input.clone()),
                output: Some(signature.output.clone()),
                features: features.clone(),
                relu: *relu,
            };
            Ok(differentiate(part(model, &[logits])?, &options)?)
        }
    }
}
