//! What a training says of itself: its first line, and the card of its networks.

use pellucid_shared::card::{Adversarial, Card, Input, Metric, Training};
use pellucid_shared::image::Preprocessing;
use tch::Device;

use super::Settings;
use super::init::Initial;
use crate::attack::Attack;
use crate::data::Dataset;
use crate::evaluate::Measured;

/// Puts accuracies into a card: `validation.accuracy`, `test.adversarial.balanced_accuracy`.
pub(super) fn note(card: &mut Card, name: &str, measured: &Measured, attack: Option<&Attack>) {
    let confusion = &measured.confusion;
    let images = format!("{} images", confusion.total());
    let text = match attack {
        Some(attack) => format!("{}, {images}", attack.describe()),
        None => images,
    };
    for (kind, value) in [
        ("accuracy", confusion.accuracy()),
        ("balanced_accuracy", confusion.balanced_accuracy()),
        ("macro_f1", confusion.macro_f1()),
    ] {
        let metric = Metric {
            value,
            note: text.clone(),
        };
        card.metrics.insert(format!("{name}.{kind}"), metric);
    }
}

/// The card of a network that has learnt nothing yet.
pub(super) fn card(
    settings: &Settings,
    dataset: &Dataset,
    initial: &Initial,
    train: &Dataset,
    preprocessing: &Preprocessing,
) -> Card {
    let kind = if settings.adversarial.is_some() {
        "robust"
    } else {
        "standard"
    };
    let made = format!("{kind} {}", initial.architecture);
    let name = settings.name.clone().unwrap_or(made);
    let input = Input::plain(preprocessing.clone());
    let mut card = Card::new(name, dataset.classes.clone(), input);
    card.training = Some(Training {
        data: settings.data.public_name(),
        images: train.items.len() as u64,
        architecture: initial.architecture.clone(),
        adversarial: settings.adversarial.map(|attack| Adversarial {
            norm: attack.norm,
            epsilon: attack.epsilon as f32,
            steps: attack.steps as u32,
            step_size: attack.step_size as f32,
        }),
        epochs: 0,
        seed: settings.seed,
        software: format!("pellucid {}", env!("CARGO_PKG_VERSION")),
    });
    card
}

/// The line that a training begins with.
pub(super) fn describe(
    card: &Card,
    train: &Dataset,
    validation: &Dataset,
    test: &Dataset,
    device: Device,
) -> String {
    let counts = |dataset: &Dataset| {
        let each = dataset.classes.iter().zip(dataset.counts());
        let each: Vec<String> = each.map(|(c, n)| format!("{} {n}", c.code)).collect();
        format!("{} ({})", dataset.items.len(), each.join(", "))
    };
    let device = match device {
        Device::Cpu => format!("{} CPU threads", tch::get_num_threads()),
        other => format!("{other:?}"),
    };
    let size = card.input.preprocessing.size;
    format!(
        "{} at {size}×{size} pixels on {device}: training {}, validation {}, test {}",
        card.name,
        counts(train),
        counts(validation),
        counts(test)
    )
}
