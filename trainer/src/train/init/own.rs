//! The graph of an ONNX file, as it is or with a new head.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::{Class, Scores};
use pellucid_shared::contract::{Contract, Wishes};
use pellucid_shared::onnx::{Batch, Model, inline, single_precision};
use pellucid_shared::said;

use super::foreign::what_is_learnt;
use super::head::replace;
use super::{Initial, Start};
use crate::engines::with_batch;

/// Trains the graph of an ONNX file: as it is where it takes RGB in [0, 1] and answers with logits, and otherwise with what
/// its card, or convention, says of both taken into the graph.
///
/// Where it has another number of classes, its last layer is replaced by one that starts afresh.
pub(super) fn own_graph(
    file: &Path,
    start: &Start,
    classes: &[Class],
    seed: u64,
) -> Result<Initial> {
    let place = file.display();
    let refused = || format!("{place} cannot be trained further");
    // Weights within functions get names that they can be written back under.
    let model = inline(Model::load(file)?).and_then(single_precision);
    let model = model.with_context(refused)?;
    let wishes = Wishes {
        size: start.size,
        ..Wishes::default()
    };
    let contract = Contract::resolve(&model, &wishes).with_context(refused)?;
    let preprocessing = contract
        .for_images()
        .with_context(refused)?
        .preprocessing
        .clone();
    let architecture = model.graph().name.clone();
    let (model, signature) = contract.of_pixels(model).with_context(refused)?;
    ensure!(
        !signature.differentiated,
        "{place} holds its gradient as well: train the file that it was made from"
    );
    let fresh_head = signature.classes != classes.len();
    ensure!(
        fresh_head || signature.scores == Scores::Softmax,
        "{place} gives each class a score of its own, and training needs classes that exclude each other: give --arch to \
         take its weights into a network with a new head, or say `\"scores\": \"softmax\"` in its card"
    );
    // What could not be compared here is rehearsed before the first epoch.
    let (model, _) = with_batch(model, Batch::Open).with_context(refused)?;
    let assumed = contract.assumed.iter();
    let mut notices: Vec<String> = assumed.map(|what| format!("assumed: {what}")).collect();
    let model = if fresh_head {
        let (model, replaced) = replace(model, classes.len(), seed).with_context(|| {
            format!(
                "{place} has {} classes and the data have {}, and it cannot be given a new head: choose --classes, or give --arch",
                signature.classes,
                classes.len()
            )
        })?;
        notices.push(format!(
            "The head ({}) of {place} is for {} classes: one for {} takes its place and starts afresh.",
            said::names(replaced.iter().map(|name| &name[..])),
            signature.classes,
            classes.len()
        ));
        model
    } else {
        model
    };
    notices.extend(what_is_learnt(&model));
    if contract.named && !fresh_head {
        notices.extend(other_classes(&contract.classes, classes).with_context(refused)?);
    }
    Ok(Initial {
        model,
        preprocessing,
        architecture,
        notices,
        foreign: true,
        fresh_head,
    })
}

/// What there is to say where a model's named classes are not the data's. The same ones in another order are refused: each
/// logit would be taught to mean another class than it does.
fn other_classes(own: &[Class], data: &[Class]) -> Result<Option<String>> {
    let codes = |classes: &[Class]| classes.iter().map(|c| c.code.clone()).collect::<Vec<_>>();
    let (own, data) = (codes(own), codes(data));
    if own == data {
        return Ok(None);
    }
    let sorted = |codes: &[String]| codes.iter().cloned().collect::<BTreeSet<_>>();
    ensure!(
        sorted(&own) != sorted(&data),
        "its classes stand in the order {}, the data's in the order {}: give --classes {}",
        own.join(","),
        data.join(","),
        own.join(",")
    );
    Ok(Some(format!(
        "The model's classes were {}; from now on they are {}.",
        few(&own),
        few(&data)
    )))
}

/// The first of these names.
fn few(names: &[String]) -> String {
    const NAMED: usize = 5;
    let more = if names.len() > NAMED { ", …" } else { "" };
    names[..names.len().min(NAMED)].join(", ") + more
}
