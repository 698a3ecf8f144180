//! How a network does on libtorch: on clean images and on attacked ones.

use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;
use tch::{Kind, Tensor};

use super::predict::{Answer, BATCH, Measured, chunks};
use crate::attack::{Attack, AutoAttack, Stage, pgd};
use crate::data::{Examples, batch};
use crate::torch::{Mode, Network};

/// How many images one of AutoAttack's attacks has turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Turned {
    /// The attack.
    pub attack: Stage,
    /// Images that were told rightly until then.
    pub images: usize,
}

/// Counts the network's answers on clean images.
///
/// # Errors
/// Where an image cannot be used, or the network fails.
pub fn clean(network: &Network, examples: &Examples, bar: &ProgressBar) -> Result<Measured> {
    let mut all = vec![];
    for indices in chunks(examples.len(), BATCH) {
        let (images, _) = batch(examples, &indices, network.device())?;
        all.extend(answers(network, &images, examples, &indices)?);
        bar.inc(indices.len() as u64);
    }
    Ok(Measured::of(examples.dataset.classes.len(), all))
}

/// Counts the network's answers on attacked images. An image counts as right only if it is told rightly when clean
/// and after each of `restarts` attacks; otherwise as the worst wrong answer.
///
/// # Errors
/// As [`clean`], and as [`Attack::check`].
pub fn attacked(
    network: &Network,
    examples: &Examples,
    attack: &Attack,
    restarts: usize,
    seed: u64,
    bar: &ProgressBar,
) -> Result<Measured> {
    let before = clean(network, examples, &ProgressBar::hidden())?;
    further_attacked(network, examples, attack, restarts, seed, &before, bar)
}

/// As [`attacked`], where the worst answers so far are known: those on clean images, or under an attack in a smaller ball, which the larger one holds.
///
/// # Errors
/// As [`attacked`].
pub fn further_attacked(
    network: &Network,
    examples: &Examples,
    attack: &Attack,
    restarts: usize,
    seed: u64,
    before: &Measured,
    bar: &ProgressBar,
) -> Result<Measured> {
    let mut worst = before.answers.clone();
    for (step, indices) in chunks(examples.len(), BATCH).enumerate() {
        let (images, labels) = batch(examples, &indices, network.device())?;
        for restart in 0..restarts {
            let seed = seed.wrapping_add(((restart as u64) << 32) | step as u64);
            let attacked = pgd(network, &images, &labels, attack, seed)?;
            for (&index, found) in indices
                .iter()
                .zip(answers(network, &attacked, examples, &indices)?)
            {
                if found.is_worse_than(&worst[index]) {
                    worst[index] = found;
                }
            }
        }
        bar.inc(indices.len() as u64);
    }
    Ok(Measured::of(examples.dataset.classes.len(), worst))
}

/// Counts the network's answers under AutoAttack, where the worst answers so far are known. Each attack is tried on the images that are
/// told rightly still, and an image counts as right only if it is so after all of them. `bar` counts images that are done with an attack.
///
/// # Errors
/// As [`clean`], and as [`AutoAttack::standard`].
pub fn withstood(
    network: &Network,
    examples: &Examples,
    attack: &AutoAttack,
    seed: u64,
    before: &Measured,
    bar: &ProgressBar,
) -> Result<(Measured, Vec<Turned>)> {
    let mut worst = before.answers.clone();
    let mut turned: Vec<Turned> = vec![];
    let attempts = attack.attempts(examples.dataset.classes.len());
    bar.set_length((attempts.len() * examples.len()) as u64);
    for (number, attempt) in attempts.into_iter().enumerate() {
        if turned
            .last()
            .is_none_or(|last| last.attack != attempt.stage)
        {
            turned.push(Turned {
                attack: attempt.stage,
                images: 0,
            });
        }
        bar.set_message(attempt.stage.name());
        let standing: Vec<usize> = (0..worst.len()).filter(|&i| worst[i].is_right()).collect();
        bar.inc((worst.len() - standing.len()) as u64);
        for (step, indices) in standing.chunks(BATCH).enumerate() {
            let (images, labels) = batch(examples, indices, network.device())?;
            let seed = seed.wrapping_add(((number as u64) << 32) | step as u64);
            let found = attack.attempt(network, &images, &labels, attempt, seed)?;
            for (&index, found) in indices
                .iter()
                .zip(answers(network, &found, examples, indices)?)
            {
                if let Some(turned) = turned.last_mut().filter(|_| !found.is_right()) {
                    turned.images += 1;
                }
                if found.is_worse_than(&worst[index]) {
                    worst[index] = found;
                }
            }
            bar.inc(indices.len() as u64);
        }
    }
    let measured = Measured::of(examples.dataset.classes.len(), worst);
    Ok((measured, turned))
}

/// The network's answers to images that show the examples at these indices.
fn answers(
    network: &Network,
    images: &Tensor,
    examples: &Examples,
    indices: &[usize],
) -> Result<Vec<Answer>> {
    let logits = tch::no_grad(|| network.forward(images, Mode::Eval))?;
    let rows: Vec<Vec<f32>> = Vec::try_from(logits.to_kind(Kind::Float))?;
    let pairs = indices.iter().zip(rows);
    pairs
        .map(|(&index, row)| Answer::new(examples.labels()[index], row))
        .collect()
}
