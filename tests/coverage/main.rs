//! Every operator and every network of the reference corpora, differentiated and run in ONNX Runtime and in tract; what
//! works where becomes the tables of `docs/operators.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod networks;
mod operators;
mod training;

use std::collections::BTreeSet;

use pellucid_shared::autodiff::AutodiffError;
use pellucid_trainer::engines::EngineKind;

fn title(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Ort => "ONNX Runtime",
        EngineKind::Tract => "tract",
        EngineKind::Torch => "libtorch",
    }
}

/// Why the differentiator refuses, without the names of one test's nodes.
fn refusal(error: &AutodiffError, input: &str) -> String {
    match error {
        AutodiffError::Unsupported { why, .. } => {
            format!("refused: {}", short(&without_names(why)))
        }
        AutodiffError::OpenShape { .. } => "refused: needs a shape that is open".to_owned(),
        AutodiffError::NoPath { .. } => format!("no gradient to `{input}`"),
        AutodiffError::NoRule { nodes } => {
            let ops: BTreeSet<_> = nodes.iter().map(|(op, _)| format!("`{op}`")).collect();
            format!(
                "no rule: {}",
                ops.into_iter().collect::<Vec<_>>().join(", ")
            )
        }
        other => format!("refused: {}", short(&without_names(&other.to_string()))),
    }
}

/// A message without the names that it quotes and the numbers of nodes, which every change of a graph moves.
fn without_names(text: &str) -> String {
    let plain = text.split('`').step_by(2).collect::<Vec<_>>().join("…");
    let mut parts = plain.split('#');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "#" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

/// The beginning of an error, fit for a cell of a table.
fn short(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if matches!(c, '|' | '\n') { ' ' } else { c })
        .take(170)
        .collect();
    plain.trim().to_owned()
}

/// The document shows a rule by example: it must be the one that stands in the source.
#[test]
fn the_example_of_a_rule_is_the_source() {
    let source = include_str!("../../shared/autodiff/src/functions.rs");
    let examples: Vec<&str> = include_str!("../../docs/operators.md")
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        assert!(source.contains(example), "not in the source:\n{example}");
    }
}
