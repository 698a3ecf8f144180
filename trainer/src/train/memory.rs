//! What is said where a batch does not fit into the memory.

use anyhow::{Error, Result, anyhow};
use tch::{Device, Kind, Tensor};

use super::Settings;
use super::objective::{Lesson, learn};
use super::optimizer::Optimizer;
use crate::attack::Attack;
use crate::torch::{Network, card_memory, release_memory};

/// Whether an error is libtorch's for memory that is not to be had, on a card or on the CPU.
pub(super) fn is_out_of_memory(error: &Error) -> bool {
    error.chain().any(|cause| {
        let text = cause.to_string();
        text.contains("out of memory") || text.contains("can't allocate memory")
    })
}

/// The sentence for a training whose `batch` images of `side` pixels did not fit: it names the largest half, quarter, … of
/// the batch for which a step was tried and went through. `option` is the batch's on the command line. The network's
/// weights are not to be used afterwards.
pub(super) fn out_of_memory(
    network: &Network,
    settings: &Settings,
    attack: Option<Attack>,
    (option, batch, side): (&str, usize, u32),
) -> Error {
    let device = network.device();
    let mut fits = batch / 2;
    while fits >= 2 && step(network, settings, attack, fits, side).is_err() {
        fits /= 2;
    }
    let place = match device {
        Device::Cuda(card) => card_memory(card).map_or_else(
            || "the card".to_owned(),
            |(_, total)| format!("the card's {:.1} GB", total as f64 / 1e9),
        ),
        _ => "the memory that this process may use".to_owned(),
    };
    if fits >= 2 {
        anyhow!("{option} {batch} does not fit into {place}: {option} {fits} was tried and fits")
    } else {
        anyhow!(
            "{option} {batch} does not fit into {place}, and none of its halves down to 2 did: choose a smaller --size, or close what else uses the memory"
        )
    }
}

/// One step on images of chance, to see whether it goes through.
fn step(
    network: &Network,
    settings: &Settings,
    attack: Option<Attack>,
    batch: usize,
    side: u32,
) -> Result<()> {
    release_memory();
    let (batch, side) = (batch as i64, i64::from(side));
    let device = network.device();
    let images = Tensor::f_rand([batch, 3, side, side], (Kind::Float, device))?;
    let labels = Tensor::f_zeros([batch], (Kind::Int64, device))?;
    let mut optimizer = Optimizer::new(settings.optimization, network, 0.0)?;
    let lesson = Lesson {
        images: &images,
        labels: &labels,
        attack: attack.map(|attack| (attack, 0)),
        class_weights: None,
        objective: settings.objective,
        seed: 0,
    };
    learn(network, &mut optimizer, &lesson)?;
    Ok(())
}
