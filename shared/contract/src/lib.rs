//! One answer to what a classifier takes and what it gives: the model's graph, its card or the one beside it, and what the
//! user says, resolved into one [`Contract`]. The command line and the page use this and nothing else.
//!
//! Who has the last word: the user ([`Wishes`]), then the card, then the graph. Where none of them tells, a convention is
//! taken, and whatever was not told stands in [`Contract::assumed`], one sentence each, for people to correct.
//!
//! [`Contract::adapt`] then brings the graph into one form, whatever form it came in: input `[N, C, H, W]`, output `[N, K]`.
//!
//! ```
//! use pellucid_contract::{Contract, Wishes};
//! use pellucid_zoo::{Architecture, Blueprint, build};
//!
//! let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 64, 0))?;
//! let contract = Contract::resolve(&model, &Wishes::default())?;
//! assert_eq!(contract.classes.len(), 3);
//! for assumption in &contract.assumed {
//!     println!("assumed: {}", assumption.text);
//! }
//! let (model, signature) = contract.adapt(model)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapt;
mod answer;
mod assumption;
mod classes;
mod error;
mod feed;
mod form;
mod head;
mod nodes;
mod stem;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use assumption::{About, Assumption, Basis};
pub use error::ContractError;

use serde::Serialize;

use onnx_autodiff::{own_inputs, own_outputs};
use onnx_edit::{Dim, Model, declared_shape, infer_shapes};
use pellucid_cards::{Card, Channels, Class, Input, Layout, Output, Range, Scores};
use pellucid_images::{Crop, Filter};

use head::Head;
use nodes::Nodes;

/// The side assumed of an input that neither graph nor card nor user fixes: what most published classifiers take.
pub const USUAL_SIZE: u32 = 224;

/// What the user says of a model; it goes before everything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// A card in place of the model's own.
    pub card: Option<Card>,
    /// Side of the square input in pixels.
    pub size: Option<u32>,
    /// What of the image is kept.
    pub crop: Option<Crop>,
    /// How it is brought to its size.
    pub resize: Option<Filter>,
    /// The order of the input's axes.
    pub layout: Option<Layout>,
    /// Grey or RGB.
    pub channels: Option<Channels>,
    /// The values of black and white.
    pub range: Option<Range>,
    /// Mean and standard deviation per channel, in units of the range.
    pub normalization: Option<([f32; 3], [f32; 3])>,
    /// The classes in the order of the scores.
    pub classes: Option<Vec<Class>>,
    /// The value that is explained: an output, or a value inside.
    pub output: Option<String>,
    /// What its numbers are.
    pub scores: Option<Scores>,
}

/// What a classifier takes and gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contract {
    /// How an image becomes the input; layout, channels and range are always told here.
    pub input: Input,
    /// What is explained: name and kind of the scores are always told here.
    pub output: Output,
    /// The operator that makes probabilities of the scores inside the graph, where there is one: `Softmax`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// What nobody told.
    pub assumed: Vec<Assumption>,
    /// One per score, numbered where nobody names them.
    #[serde(skip)]
    pub classes: Vec<Class>,
    /// Whether the classes have names.
    #[serde(skip)]
    pub named: bool,
    /// The card that was used.
    #[serde(skip)]
    pub card: Option<Card>,
    /// Height and width, where the graph fixes them.
    #[serde(skip)]
    pub fixed: Option<(usize, usize)>,
    /// Whether the network answers with one number for two classes.
    #[serde(skip)]
    pub binary: bool,
    #[serde(skip)]
    graph: Graph,
}

/// What adapting the graph needs to know of it.
#[derive(Clone, Debug, PartialEq)]
struct Graph {
    /// The name of the image input.
    input: String,
    /// Its shape as declared, in its own layout.
    shape: [Dim; 4],
    /// Whether it is of whole numbers from 0 to 255.
    bytes: bool,
    /// Whether the scores are `[N, K]` already.
    rows: bool,
    /// Whether the scores have no axis for the batch.
    single: bool,
}

impl Contract {
    /// Resolves what is known of a model.
    ///
    /// # Errors
    /// Where the model is no classifier of images, where several outputs leave open which one is meant, and where what is
    /// told contradicts the graph.
    pub fn resolve(model: &Model, wishes: &Wishes) -> Result<Self, ContractError> {
        let card = match &wishes.card {
            Some(card) => Some(card.clone()),
            None => Card::from_model(model)?,
        };
        let nodes = Nodes::of(model);
        let inputs = own_inputs(model);
        let &[input] = &inputs[..] else {
            let names = inputs.iter().map(|input| input.name.clone()).collect();
            return Err(ContractError::Inputs { names });
        };
        let mut assumed = vec![];
        let feed = feed::resolve(&nodes, input, card.as_ref(), wishes, &mut assumed)?;
        let shapes = infer_shapes(model)?;
        let outputs = own_outputs(model);
        let shape = |value: &str| {
            let declared = || declared_shape(outputs.iter().find(|o| o.name == value)?);
            shapes.get(value).cloned().or_else(declared)
        };
        let told = head::Told::of(card.as_ref(), wishes);
        let head = head::resolve(&nodes, &outputs, &shape, &told, &mut assumed)?;
        let Head {
            value,
            scores,
            count,
            rows,
            single,
            behind,
        } = head;
        let binary = count == 1 && scores != Scores::Values;
        let given = wishes.classes.as_deref();
        let of_card = card.as_ref().map_or(&[][..], |card| &card.classes[..]);
        let (classes, named) = classes::resolve(given.unwrap_or(of_card), count, binary)?;
        Ok(Self {
            fixed: feed.fixed,
            graph: Graph {
                input: input.name.clone(),
                shape: feed.shape,
                bytes: feed.bytes,
                rows,
                single,
            },
            input: feed.input,
            output: Output {
                name: Some(value),
                scores: Some(scores),
            },
            behind,
            assumed,
            classes,
            named,
            card,
            binary,
        })
    }

    /// The name of the value that is explained.
    #[must_use]
    pub fn value(&self) -> &str {
        self.output.name.as_deref().unwrap_or_default()
    }

    /// What the scores are.
    #[must_use]
    pub fn scores(&self) -> Scores {
        self.output.scores.unwrap_or_default()
    }

    /// The order of the axes in the network's own input.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.input.layout.unwrap_or_default()
    }

    /// How an image becomes the input.
    ///
    /// # Errors
    /// [`ContractError::NotSquare`]: images are brought to squares only.
    pub fn for_images(&self) -> Result<&Input, ContractError> {
        match self.fixed {
            Some((height, width)) if height != width => {
                Err(ContractError::NotSquare { height, width })
            }
            _ => Ok(&self.input),
        }
    }
}
