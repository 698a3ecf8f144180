//! What is known of each image, as a table.

use anyhow::Result;
use pellucid_shared::card::Scores;

use super::predict::Measured;
use super::probabilities::probabilities;
use crate::data::{Dataset, Picture};

/// A row per image in CSV: id, file (empty for phantoms), label, answer, a probability (where the scores have any) and a logit per class, and for each
/// radius the answer under attack and whether the image withstood (1 or 0).
///
/// # Errors
/// Where a table cannot be written to memory.
pub fn table(
    dataset: &Dataset,
    scores: Scores,
    clean: &Measured,
    attacked: &[(String, &Measured)],
) -> Result<Vec<u8>> {
    let codes = || dataset.classes.iter().map(|class| &class.code[..]);
    let code = |class: usize| {
        dataset
            .classes
            .get(class)
            .map_or("", |class| &class.code[..])
    };
    let with_probabilities = scores != Scores::Values;
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut head: Vec<String> = ["image", "file", "label", "answer"].map(Into::into).into();
    if with_probabilities {
        head.extend(codes().map(|code| format!("probability {code}")));
    }
    head.extend(codes().map(|code| format!("logit {code}")));
    for (radius, _) in attacked {
        head.push(format!("answer at {radius}"));
        head.push(format!("robust at {radius}"));
    }
    writer.write_record(&head)?;
    for (index, (item, answer)) in dataset.items.iter().zip(&clean.answers).enumerate() {
        let file = match &item.picture {
            Picture::File(path) => path.display().to_string(),
            Picture::Phantom { .. } => String::new(),
        };
        let mut row = vec![
            item.id.clone(),
            file,
            code(answer.truth).to_owned(),
            code(answer.class).to_owned(),
        ];
        let shares = probabilities(scores, &answer.logits).unwrap_or_default();
        row.extend(shares.iter().map(ToString::to_string));
        row.extend(answer.logits.iter().map(ToString::to_string));
        for (_, attacked) in attacked {
            let found = &attacked.answers[index];
            row.push(code(found.class).to_owned());
            row.push(u8::from(found.is_right()).to_string());
        }
        writer.write_record(&row)?;
    }
    writer
        .into_inner()
        .map_err(|error| anyhow::anyhow!("the table cannot be written: {}", error.error()))
}
