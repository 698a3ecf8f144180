//! What a model's card tells people: where the network comes from, how well it does, and what it is for.

use pellucid_shared::card::{Card, Metric};
use pellucid_shared::said;
use serde::Serialize;

/// A card's facts, for the page to make sentences of. Texts are one line, empty where the card is silent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// The data that it was trained on, such as `ham10000`.
    pub data: String,
    /// Number of different training images; 0 where unknown.
    pub images: u64,
    /// Such as `resnet18`.
    pub architecture: String,
    /// The attack that it was trained to withstand, such as `L2, ε = 1.5`; empty where there was none.
    pub attack: String,
    /// Its accuracy on test images, and under attack.
    pub clean: Option<Figure>,
    /// Its accuracy on attacked test images.
    pub attacked: Option<Figure>,
    /// What it is for and what not.
    pub intended_use: String,
    /// The licence of the weights.
    pub license: String,
    /// Whom to name.
    pub attribution: String,
}

/// A measured share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// In [0, 1].
    pub value: f64,
    /// How it was measured.
    pub note: String,
}

impl About {
    pub(super) fn of(card: &Card) -> Self {
        let line = |text: &str| said::reason(text).to_string();
        let training = card.training.clone().unwrap_or_default();
        let attack = training.adversarial.map_or_else(String::new, |attack| {
            format!("{}, ε = {}", attack.norm.symbol(), attack.epsilon)
        });
        let figure = |name: &str| card.metrics.get(name).and_then(Figure::of);
        Self {
            data: line(&training.data),
            images: training.images,
            architecture: line(&training.architecture),
            attack,
            clean: figure("test.accuracy"),
            attacked: figure("test.adversarial.accuracy"),
            intended_use: line(&card.intended_use),
            license: line(&card.license),
            attribution: line(&card.attribution),
        }
    }
}

impl Figure {
    /// A share that is none is not shown.
    fn of(metric: &Metric) -> Option<Self> {
        (0.0..=1.0).contains(&metric.value).then(|| Self {
            value: metric.value,
            note: said::reason(&metric.note).to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use pellucid_shared::card::{Adversarial, Input, Norm, Training};
    use pellucid_shared::image::Preprocessing;

    use super::*;

    fn card() -> Card {
        Card::new("robust", vec![], Input::plain(Preprocessing::square(64)))
    }

    #[test]
    fn a_card_that_says_little_gives_empty_texts() {
        let about = About::of(&card());
        assert_eq!(
            (about.images, &about.data[..], &about.attack[..]),
            (0, "", "")
        );
        assert_eq!((about.clean, about.attacked), (None, None));
    }

    #[test]
    fn training_figures_and_purpose_are_told_and_what_is_no_share_is_not() {
        let mut card = card();
        card.training = Some(Training {
            data: "ham10000".into(),
            images: 1312,
            adversarial: Some(Adversarial {
                norm: Norm::L2,
                epsilon: 1.5,
                steps: 2,
                step_size: 1.0,
            }),
            ..Training::default()
        });
        card.intended_use = "Research.\u{202e}".into();
        let metric = |value| Metric {
            value,
            note: "281 images".into(),
        };
        card.metrics.insert("test.accuracy".into(), metric(0.75));
        card.metrics
            .insert("test.adversarial.accuracy".into(), metric(1.5));
        let about = About::of(&card);
        assert_eq!((&about.data[..], about.images), ("ham10000", 1312));
        assert_eq!(about.attack, "L2, ε = 1.5");
        assert_eq!(about.clean.map(|figure| figure.value), Some(0.75));
        assert_eq!(about.attacked, None);
        assert!(
            !about.intended_use.contains('\u{202e}'),
            "{}",
            about.intended_use
        );
    }
}
