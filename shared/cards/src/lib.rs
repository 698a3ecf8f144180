//! The model card: what a network needs to be told before it can be used, carried inside its own file.
//!
//! The card is JSON in the model's `metadata_props` under [`KEY`], or in a file beside a model that has none. It names
//! the classes, says how an image becomes the input, and records where the weights come from and how well they do.
//! `docs/model-file.md` describes every field. Fields that this version does not know are ignored, so a card may carry
//! more; a card of a newer [`VERSION`] is refused, because what it means may have changed.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use onnx_edit::Model;

mod input;
mod output;

pub use input::{Channels, Input, LUMA, Layout, Range, usable};
pub use output::{Output, Scores, softmax};

/// The metadata property that holds the card.
pub const KEY: &str = "pellucid.card";

/// The version of the card's schema that this code writes, and the newest that it reads.
pub const VERSION: u32 = 2;

/// What a model file says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of the schema, 1 to [`VERSION`]. Version 1 knows no more of the input than `preprocessing`, `mean` and
    /// `std`, and where it says no mean the network takes RGB in [0, 1].
    pub version: u32,
    /// What to call the model, such as `robust ResNet-18`. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The classes in the order of the logits. May be empty: the classes then have numbers only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// How an image becomes the network's input.
    pub input: Input,
    /// What the network's answer means.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Output,
    /// How logits become probabilities that are right as often as they say. Of a card without it, nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Where the weights come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// What the network is for and what it is not for, in a sentence for people. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub intended_use: String,
    /// Under which licence the weights may be used, as an SPDX identifier such as `CC-BY-NC-4.0`. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// Whom to name: the makers of the data and of the weights that the training began with. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attribution: String,
    /// Measured results by name, such as `test.accuracy`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Metric>,
}

/// One class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The short name that data and command line use, such as `mel`.
    pub code: String,
    /// The name for people, such as `melanoma`. May be empty: the code then stands for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Class {
    /// The name, or the code where there is no name.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() {
            &self.code
        } else {
            &self.name
        }
    }
}

/// A temperature (Guo et al., *On Calibration of Modern Neural Networks*, 2017).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What logits are divided by before their softmax; above 0.
    pub temperature: f64,
    /// Number of images that it was fitted on, which the network was not trained on.
    pub images: u64,
}

/// Where a network's weights come from. Text and numbers are as the trainer was told them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The data as named on the command line, without the folder: `phantom:2400`, `ham10000`.
    pub data: String,
    /// Number of different training images.
    pub images: u64,
    /// The architecture's name, such as `resnet18`.
    pub architecture: String,
    /// Set where the network was trained on attacked images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<Adversarial>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Seed of the weights, the order and the augmentation.
    pub seed: u64,
    /// Program and version that trained, such as `pellucid 0.1.0, libtorch 2.11.0`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software: String,
}

/// The attack of adversarial training: projected gradient descent (Madry et al., *Towards Deep Learning Models Resistant
/// to Adversarial Attacks*, 2018) on pixels in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adversarial {
    /// In which ball the attack stays.
    pub norm: Norm,
    /// The ball's radius; pixels are in [0, 1], and the L2 norm runs over all pixels and channels.
    pub epsilon: f32,
    /// Steps of the attack.
    pub steps: u32,
    /// Length of each step, in units of `epsilon`'s norm.
    pub step_size: f32,
}

/// A norm on images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The root of the sum of squares over all pixels and channels.
    L2,
    /// The largest absolute value.
    Linf,
    /// The sum of absolute values.
    L1,
    /// None: steps along the gradient, within [0, 1].
    Unconstrained,
    /// None: steps along the gradient of the spectrum of the pixels' logits (as in the `robustness` library).
    Fourier,
}

impl Norm {
    /// As people write it.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::L2 => "L2",
            Self::Linf => "L∞",
            Self::L1 => "L1",
            Self::Unconstrained => "without a ball",
            Self::Fourier => "in the spectrum",
        }
    }
}

/// One measured result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The value; shares lie in [0, 1].
    pub value: f64,
    /// How it was measured, such as `PGD-20, L2, ε = 1.5, 300 images`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Why a card could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The text is not JSON, or lacks a field that the schema demands.
    #[error("the model card is not as docs/model-file.md describes it")]
    Malformed(#[source] serde_json::Error),
    /// The version is not a number from 1 on.
    #[error("the model card's version is not a number from 1 on")]
    Version,
    /// A newer program wrote the card.
    #[error(
        "the model card has version {found}, and this program reads up to {VERSION}: use a newer pellucid"
    )]
    Newer {
        /// The card's version.
        found: u64,
    },
    /// A field's value makes no sense.
    #[error("the model card is not usable: {}", pellucid_files::said::reason(.0))]
    Invalid(String),
}

impl Card {
    /// A card that says only what is needed: the classes, which exclude each other, and the input.
    #[must_use]
    pub fn new(name: impl Into<String>, classes: Vec<Class>, input: Input) -> Self {
        Self {
            version: VERSION,
            name: name.into(),
            classes,
            input,
            output: Output {
                name: None,
                scores: Some(Scores::Softmax),
            },
            calibration: None,
            training: None,
            intended_use: String::new(),
            license: String::new(),
            attribution: String::new(),
            metrics: BTreeMap::new(),
        }
    }

    /// Reads a card's JSON text: a model's metadata property or a file beside the model.
    ///
    /// # Errors
    /// [`CardError`]: of a newer version, not JSON, without a needed field, or with contradictory ones.
    pub fn parse(json: &str) -> Result<Self, CardError> {
        let value: serde_json::Value = serde_json::from_str(json).map_err(CardError::Malformed)?;
        // First of all, because in a newer version anything else may have changed.
        match value.get("version").map(serde_json::Value::as_u64) {
            Some(Some(found)) if found > u64::from(VERSION) => {
                return Err(CardError::Newer { found });
            }
            Some(Some(0) | None) => {
                return Err(CardError::Version);
            }
            _ => {}
        }
        let mut card: Self = serde_json::from_value(value).map_err(CardError::Malformed)?;
        if card.version == 1 {
            card.input.range = Some(card.input.range.unwrap_or_default());
        }
        card.check()?;
        Ok(card)
    }

    /// The card as indented JSON.
    ///
    /// # Errors
    /// [`CardError::Invalid`] where a value makes no sense, such as a number that is not finite.
    pub fn to_json(&self) -> Result<String, CardError> {
        self.check()?;
        serde_json::to_string_pretty(self).map_err(|e| CardError::Invalid(e.to_string()))
    }

    /// The card in a model's metadata; `None` where the model has none.
    ///
    /// # Errors
    /// As [`Card::parse`].
    pub fn from_model(model: &Model) -> Result<Option<Self>, CardError> {
        model.metadata(KEY).map(Self::parse).transpose()
    }

    /// Puts the card into a model's metadata, in place of one that is there.
    ///
    /// # Errors
    /// As [`Card::to_json`].
    pub fn write_into(&self, model: &mut Model) -> Result<(), CardError> {
        model.set_metadata(KEY, self.to_json()?);
        Ok(())
    }

    /// The position of the class that is meant: by its code, by its name (capitals do not matter), or by its number.
    #[must_use]
    pub fn class(&self, wanted: &str) -> Option<usize> {
        position(&self.classes, wanted)
    }

    fn check(&self) -> Result<(), CardError> {
        let invalid = |why: String| Err(CardError::Invalid(why));
        let mut codes = HashSet::new();
        for class in &self.classes {
            if class.code.is_empty() || !codes.insert(&class.code) {
                return invalid(format!(
                    "the class code `{}` is empty or appears twice",
                    class.code
                ));
            }
        }
        let numbers = self.metrics.iter().map(|(name, m)| (&name[..], m.value));
        let attack = self.training.as_ref().and_then(|t| t.adversarial);
        let attack = attack.into_iter().flat_map(|a| {
            [("epsilon", a.epsilon), ("step_size", a.step_size)].map(|(n, v)| (n, f64::from(v)))
        });
        if let Some((name, value)) = numbers.chain(attack).find(|(_, v)| !v.is_finite()) {
            return invalid(format!("`{name}` is {value}, which JSON cannot hold"));
        }
        if let Some(calibration) = self.calibration {
            let temperature = calibration.temperature;
            if !(temperature.is_finite() && temperature > 0.0) {
                return invalid(format!(
                    "the calibration's temperature is {temperature}, and must be above 0"
                ));
            }
        }
        self.input.check()
    }
}

/// The position of the class that is meant, as [`Card::class`] finds it.
#[must_use]
pub fn position(classes: &[Class], wanted: &str) -> Option<usize> {
    let lower = wanted.to_lowercase();
    let by_text = |text: fn(&Class) -> &str| {
        // An empty name is no name.
        let mut texts = classes.iter().map(text);
        texts.position(|text| !text.is_empty() && text.to_lowercase() == lower)
    };
    by_text(|class| &class.code)
        .or_else(|| by_text(|class| &class.name))
        .or_else(|| wanted.parse().ok().filter(|&n: &usize| n < classes.len()))
}

fn is_default(output: &Output) -> bool {
    *output == Output::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pellucid_images::Preprocessing;
    use pellucid_zoo::{Architecture, Blueprint, build};

    fn card() -> Card {
        let class = |code: &str, name: &str| Class {
            code: code.into(),
            name: name.into(),
        };
        let classes = vec![
            class("nv", "melanocytic nevus"),
            class("mel", "melanoma"),
            class("bkl", ""),
        ];
        let mut card = Card::new("robust", classes, Input::plain(Preprocessing::square(64)));
        card.calibration = Some(Calibration {
            temperature: 1.25,
            images: 240,
        });
        card.training = Some(Training {
            data: "phantom:2400".into(),
            images: 2400,
            architecture: "resnet-small".into(),
            adversarial: Some(Adversarial {
                norm: Norm::L2,
                epsilon: 1.5,
                steps: 7,
                step_size: 0.3,
            }),
            epochs: 12,
            seed: u64::MAX,
            software: "pellucid 0.1.0".into(),
        });
        card.metrics.insert(
            "test.accuracy".into(),
            Metric {
                value: 0.925,
                note: "300 images".into(),
            },
        );
        card
    }

    /// The exact text is the file format: whoever changes it changes docs/model-file.md and thinks about `VERSION`.
    #[test]
    fn the_schema_is_as_documented() {
        let json = r#"{
  "version": 2,
  "name": "robust",
  "classes": [
    {
      "code": "nv",
      "name": "melanocytic nevus"
    },
    {
      "code": "mel",
      "name": "melanoma"
    },
    {
      "code": "bkl"
    }
  ],
  "input": {
    "preprocessing": {
      "size": 64,
      "crop": "center_square",
      "resize": "triangle"
    },
    "range": "0..1"
  },
  "output": {
    "scores": "softmax"
  },
  "calibration": {
    "temperature": 1.25,
    "images": 240
  },
  "training": {
    "data": "phantom:2400",
    "images": 2400,
    "architecture": "resnet-small",
    "adversarial": {
      "norm": "l2",
      "epsilon": 1.5,
      "steps": 7,
      "step_size": 0.3
    },
    "epochs": 12,
    "seed": 18446744073709551615,
    "software": "pellucid 0.1.0"
  },
  "metrics": {
    "test.accuracy": {
      "value": 0.925,
      "note": "300 images"
    }
  }
}"#;
        assert_eq!(card().to_json().unwrap(), json);
        assert_eq!(Card::parse(json).unwrap(), card());
    }

    #[test]
    fn a_card_travels_in_the_model_file() {
        let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 64, 0)).unwrap();
        assert_eq!(Card::from_model(&model).unwrap(), None);
        card().write_into(&mut model).unwrap();
        card().write_into(&mut model).unwrap();
        let read = Model::parse(&model.to_bytes()).unwrap();
        assert_eq!(Card::from_model(&read).unwrap(), Some(card()));
        assert_eq!(read.proto().metadata_props.len(), 1);
    }

    #[test]
    fn a_newer_card_is_refused_before_anything_else_and_unknown_fields_are_not() {
        let newer = r#"{"version": 3, "input": "something else altogether"}"#;
        assert_eq!(
            Card::parse(newer).unwrap_err().to_string(),
            "the model card has version 3, and this program reads up to 2: use a newer pellucid"
        );
        let more = r#"{"version": 1, "input": {"preprocessing": {"size": 32}, "depth": 3}, "licence": "MIT"}"#;
        let read = Card::parse(more).unwrap();
        assert_eq!(read.input.preprocessing, Preprocessing::square(32));
        assert!(read.classes.is_empty() && read.calibration.is_none());
    }

    #[test]
    fn every_field_of_the_second_version_is_read_and_the_first_means_pixels_from_0_to_1() {
        let second = r#"{"version": 2, "input": {"preprocessing": {"size": 32}, "layout": "nhwc", "channels": 1,
            "range": "0..255", "mean": [120], "std": [60]}, "output": {"name": "logit", "scores": "sigmoid"}}"#;
        let read = Card::parse(second).unwrap();
        let Input {
            layout,
            channels,
            range,
            mean,
            std,
            ..
        } = read.input;
        assert_eq!(
            (layout, channels),
            (Some(Layout::Nhwc), Some(Channels::Grey))
        );
        assert_eq!(
            (range, mean, std),
            (Some(Range::Bytes), Some([120.0; 3]), Some([60.0; 3]))
        );
        assert_eq!(
            (read.output.name.as_deref(), read.output.scores),
            (Some("logit"), Some(Scores::Sigmoid))
        );

        let input = r#""input": {"preprocessing": {"size": 32}}"#;
        let range = |version: u32| {
            Card::parse(&format!(r#"{{"version": {version}, {input}}}"#))
                .unwrap()
                .input
                .range
        };
        assert_eq!((range(1), range(2)), (Some(Range::Unit), None));
        for wrong in [
            r#""channels": 4"#,
            r#""range": "0-255""#,
            r#""layout": "NHWC""#,
            r#""mean": [1, 2]"#,
        ] {
            let json = format!(
                r#"{{"version": 2, "input": {{"preprocessing": {{"size": 32}}, {wrong}}}}}"#
            );
            assert!(Card::parse(&json).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let input = r#""input": {"preprocessing": {"size": 32}}"#;
        for (json, reason) in [
            ("lesion_id,dx".to_owned(), "expected value"),
            (format!("{{{input}}}"), "missing field `version`"),
            (format!(r#"{{"version": "1", {input}}}"#), "not a number"),
            (format!(r#"{{"version": 0, {input}}}"#), "not a number"),
            (r#"{"version": 1}"#.to_owned(), "missing field `input`"),
            (r#"{"version": 1, "input": {"preprocessing": {"size": 0}}}"#.to_owned(), "0 pixels"),
            (
                format!(r#"{{"version": 1, {input}, "classes": [{{"code": "a"}}, {{"code": "a"}}]}}"#),
                "`a` is empty or appears twice",
            ),
            (
                r#"{"version": 1, "input": {"preprocessing": {"size": 9}, "mean": [0, 0, 0]}}"#.to_owned(),
                "together",
            ),
            (
                r#"{"version": 1, "input": {"preprocessing": {"size": 9}, "mean": [0, 0, 0], "std": [1, 1e-45, 1]}}"#
                    .to_owned(),
                "cannot be that of pixels",
            ),
            (
                format!(r#"{{"version": 2, {input}, "calibration": {{"temperature": 0, "images": 9}}}}"#),
                "must be above 0",
            ),
            (
                format!(r#"{{"version": 2, {input}, "calibration": {{"temperature": -1.5, "images": 9}}}}"#),
                "must be above 0",
            ),
            (
                format!(r#"{{"version": 2, {input}, "calibration": {{"images": 9}}}}"#),
                "missing field `temperature`",
            ),
        ] {
            let error = pellucid_files::said::with_causes(&Card::parse(&json).unwrap_err());
            assert!(error.contains(reason), "{json}: {error}");
        }
        let mut unwritable = card();
        unwritable.metrics.get_mut("test.accuracy").unwrap().value = f64::NAN;
        assert!(unwritable.to_json().is_err());
    }

    #[test]
    fn classes_are_found_by_code_name_or_number() {
        let mut card = card();
        assert_eq!(card.class("mel"), Some(1));
        assert_eq!(card.class("Melanoma"), Some(1));
        assert_eq!(card.class("2"), Some(2));
        assert_eq!(card.class("3"), None);
        assert_eq!(card.class(""), None);
        // A code that is a number goes before the number.
        "2".clone_into(&mut card.classes[0].code);
        assert_eq!(card.class("2"), Some(0));
    }
}
