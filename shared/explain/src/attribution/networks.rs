use super::{AttributionError, Signature};
use crate::engine::{Engine, EngineError};
use onnx_autodiff::{Options, Quantized, ReluRule, activations, differentiate};
use onnx_edit::{Model, part};

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

/// A graph that is ready to run.
pub(super) struct Opened {
    graph: Graph,
    engine: Box<dyn Engine>,
    /// How many activations another rule than the exact one was applied to.
    activations: Option<usize>,
}

/// Where the graphs come from.
pub(super) enum Networks {
    /// One engine that gives logits, and the exact gradient too where it is fed a cotangent.
    Autograd(Box<dyn Engine>),
    /// A model whose graphs are derived and opened when a method first needs them, and kept.
    Derived {
        model: Box<Model>,
        open: Open,
        opened: Vec<Opened>,
        quantized: Quantized,
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
                quantized,
            } => {
                let place = match opened.iter().position(|known| known.graph == *graph) {
                    Some(place) => place,
                    None => {
                        let derived = derive(model, graph, signature, *quantized)?;
                        opened.push(Opened {
                            graph: graph.clone(),
                            engine: open(&derived)?,
                            activations: activations(&derived),
                        });
                        opened.len() - 1
                    }
                };
                Ok(&mut *opened[place].engine)
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

    /// How many activations pass the gradient by another rule than the exact one in a graph that is open.
    pub(super) fn activations(&self, graph: &Graph) -> Option<usize> {
        match self {
            Self::Autograd(_) => None,
            Self::Derived { opened, .. } => {
                let found = opened.iter().find(|opened| opened.graph == *graph);
                found.and_then(|opened| opened.activations)
            }
        }
    }

    /// The engine's name, once a graph is open.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Autograd(engine) => Some(engine.name()),
            Self::Derived { opened, .. } => opened.first().map(|opened| opened.engine.name()),
        }
    }
}

fn derive(
    model: &Model,
    graph: &Graph,
    signature: &Signature,
    quantized: Quantized,
) -> Result<Model, AttributionError> {
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
                quantized,
            };
            Ok(differentiate(part(model, &[logits])?, &options)?)
        }
    }
}
