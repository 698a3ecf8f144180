//! The model as it is measured.

use anyhow::{Context, Result};
use pellucid_shared::attribution::Signature;
use pellucid_shared::card::{Card, Class, Scores};
use pellucid_shared::contract::{Assumption, Contract};
use pellucid_shared::image::Preprocessing;
use pellucid_shared::onnx::Model;

use super::Args;
use crate::cli::feed::contract;

/// What is measured: a model of RGB in [0, 1], whatever its file takes, and which classes it tells apart.
pub(super) struct MeasuredModel {
    pub(super) graph: Model,
    pub(super) signature: Signature,
    pub(super) preprocessing: Preprocessing,
    /// The codes in the order of the logits; `None` where neither card nor user names them.
    pub(super) codes: Option<Vec<String>>,
    pub(super) assumed: Vec<Assumption>,
    /// The card that was used.
    pub(super) card: Option<Card>,
}

impl MeasuredModel {
    pub(super) fn of(model: Model, args: &Args) -> Result<Self> {
        let mut wishes = args.feed.wishes(args.output.as_deref())?;
        if let Some(codes) = &args.classes {
            let class = |code: &String| Class {
                code: code.clone(),
                name: String::new(),
            };
            wishes.classes = Some(codes.iter().map(class).collect());
        }
        let contract = contract(&model, &args.model, &wishes)?;
        let place = || format!("{} cannot be measured", args.model.display());
        let preprocessing = contract
            .for_images()
            .with_context(place)?
            .preprocessing
            .clone();
        let (model, signature) = contract.of_pixels(model).with_context(place)?;
        let codes = contract.classes.iter().map(|class| class.code.clone());
        let codes = contract.named.then(|| codes.collect());
        let Contract {
            mut assumed, card, ..
        } = contract;
        if signature.scores != Scores::Softmax {
            assumed.push(Assumption::of_scores(
                "The class with the highest score counts as the answer, and loss and attack take the softmax of all scores, although these are not logits of classes that exclude each other.",
            ));
        }
        Ok(Self {
            graph: model,
            signature,
            preprocessing,
            codes,
            assumed,
            card,
        })
    }
}
